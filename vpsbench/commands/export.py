"""``vpsbench export``: what a run measured, in files that other tools read."""

from __future__ import annotations

import os
import sqlite3
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from vpsbench import export
from vpsbench.commands import Command
from vpsbench.errors import VpsbenchError
from vpsbench.export import Export, Source
from vpsbench.plugins import collect, names
from vpsbench.wiring import stored_run

_STDOUT: Final = "-"


@cache
def _exports() -> dict[str, Export]:
    return collect(export, "EXPORT", Export)


def _configure(parser: ArgumentParser) -> None:
    stored_run.add_run(parser)
    for name, one in _exports().items():
        more = "; - is standard output" if one.text else ""
        parser.add_argument(f"--{name}", metavar="FILE", help=f"{one.help}{more}")


def _run(args: Namespace) -> int:
    from vpsbench.files.replace import require_writable

    wanted = {name: target for name in _exports() if (target := getattr(args, name)) is not None}
    if not wanted:
        raise VpsbenchError(
            "Nothing to export.", f"Name a format: {', '.join(f'--{name}' for name in _exports())}."
        )
    for name, target in wanted.items():
        _check(_exports()[name], target, args.db)
        if target != _STDOUT:
            require_writable(Path(target))
    source = Source(args.db, args.run_id, wanted)
    for name, target in wanted.items():
        _write(_exports()[name], source, target)
        if target != _STDOUT:
            print(f"{name}: {target}")
    return 0


def _check(one: Export, target: str, database: Path) -> None:
    if target == _STDOUT:
        if one.text is None:
            raise VpsbenchError(f"--{one.name} does not write to standard output.", "Name a file.")
        return
    if Path(target).exists() and database.exists() and database.samefile(target):
        raise VpsbenchError(f"{target} is the database that is read.", "Name another file.")
    if why := one.refuses(target):
        raise VpsbenchError(f"{target} is no good name for this file: {why}.", "Name another file.")


def _write(one: Export, source: Source, target: str) -> None:
    from vpsbench.files.replace import replacing

    if one.file is not None:
        with _whole(Path(target)) as path:
            one.file(source, path)
    elif one.text is not None and target == _STDOUT:
        one.text(source, sys.stdout)
    elif one.text is not None:
        with replacing(Path(target)) as file:
            one.text(source, file)


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Where a library may write a file of its own, which takes the place of ``path`` only when it is whole.

    Raises:
        VpsbenchError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name[:100]}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    except (OSError, sqlite3.OperationalError) as error:
        raise VpsbenchError(f"Cannot write {path}: {error}.", "Is there room for it?") from error
    finally:
        temporary.unlink(missing_ok=True)


COMMAND = Command(
    name="export",
    help=f"write a run for other tools: {', '.join(names(export))}",
    examples="""\
vpsbench export --csv readings.csv
vpsbench export 3 --db there.db --sqlite run3.db --datasette metadata.json
datasette run3.db --metadata metadata.json
vpsbench export --prometheus /var/lib/node_exporter/vpsbench.prom
vpsbench export --pyperf here.json
python -m pyperf compare_to here.json there.json --table""",
    configure=_configure,
    run=_run,
)
