"""``vpsbench export``: what a run measured, in files that other tools read."""

from __future__ import annotations

import sqlite3
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from vpsbench.commands import Command
from vpsbench.errors import VpsbenchError
from vpsbench.wiring import stored_run

if TYPE_CHECKING:
    import pyperf

    from vpsbench.model import Record

_STDOUT: Final = "-"
Write = Callable[[Namespace, str], None]


def _configure(parser: ArgumentParser) -> None:
    stored_run.add_run(parser)
    for name, (about, _) in _FORMATS.items():
        parser.add_argument(f"--{name}", metavar="FILE", help=about)


def _run(args: Namespace) -> int:
    from vpsbench.files.replace import require_writable

    wanted = {name: getattr(args, name) for name in _FORMATS if getattr(args, name) is not None}
    if not wanted:
        raise VpsbenchError(
            "Nothing to export.", f"Name a format: {', '.join(f'--{name}' for name in _FORMATS)}."
        )
    for name, target in wanted.items():
        _check(name, target, args.db)
        if target != _STDOUT:
            require_writable(Path(target))
    for name, target in wanted.items():
        _FORMATS[name][1](args, target)
        if target != _STDOUT:
            print(f"{name}: {target}")
    return 0


def _check(name: str, target: str, database: Path) -> None:
    if target != _STDOUT and Path(target).exists() and database.exists() and database.samefile(target):
        raise VpsbenchError(f"{target} is the database that is read.", "Name another file.")
    if name == "pyperf" and target.endswith(".gz"):
        raise VpsbenchError(f"{target} would not be compressed, as pyperf expects of .gz.", "Leave .gz out.")
    if target == _STDOUT and name in {"parquet", "sqlite"}:
        raise VpsbenchError(f"--{name} does not write to standard output.", "Name a file.")


def _text(target: str, write: Callable[[IO[str]], None]) -> None:
    from vpsbench.files.replace import replacing

    if target == _STDOUT:
        write(sys.stdout)
    else:
        with replacing(Path(target)) as file:
            write(file)


# --- one format each -------------------------------------------------------------------------------


def _csv(args: Namespace, target: str) -> None:
    from vpsbench.export.tables import write_csv
    from vpsbench.store.reader import stream

    with stream(args.db, args.run_id) as found:
        _text(target, lambda file: write_csv(found, file))


def _parquet(args: Namespace, target: str) -> None:
    from vpsbench.export.tables import write_parquet
    from vpsbench.store.reader import stream

    with stream(args.db, args.run_id) as found:
        _whole(Path(target), lambda path: write_parquet(found, path))


def _sqlite(args: Namespace, target: str) -> None:
    from dataclasses import replace

    from vpsbench.analyzer.verdict.judge import judge
    from vpsbench.export import plain_sql
    from vpsbench.store.reader import read, stream

    judgement = judge(read(args.db, args.run_id))
    # What it rests on is no longer needed, and is most of what is in memory.
    judgement = replace(judgement, record=replace(judgement.record, series=()))
    with stream(args.db, judgement.record.run.id) as found:
        _whole(Path(target), lambda path: plain_sql.write(found, judgement, path))


def _datasette(args: Namespace, target: str) -> None:
    from vpsbench.export.datasette import metadata
    from vpsbench.store.reader import head

    name = Path(args.sqlite).stem if args.sqlite else "vpsbench"
    text = metadata(head(args.db, args.run_id).run, name)
    _text(target, lambda file: print(text, end="", file=file))


def _prometheus(args: Namespace, target: str) -> None:
    from vpsbench.analyzer.verdict.judge import judge
    from vpsbench.export import prometheus
    from vpsbench.store.reader import read, stream

    judgement = judge(read(args.db, args.run_id))
    with stream(args.db, judgement.record.run.id) as found:
        text = prometheus.render(found, judgement).decode()
    _text(target, lambda file: print(text, end="", file=file))


def _pyperf(args: Namespace, target: str) -> None:
    from vpsbench.store.reader import read

    scores = _scores(read(args.db, args.run_id))
    _text(target, scores.dump)


def _whole(path: Path, write: Callable[[Path], None]) -> None:
    """Lets a library write a file of its own, which takes the place of ``path`` only when it is whole.

    Raises:
        VpsbenchError: it cannot be written.
    """
    import os

    temporary = path.with_name(f".{path.name[:100]}.{os.getpid()}.tmp")
    try:
        write(temporary)
        temporary.replace(path)
    except (OSError, sqlite3.OperationalError) as error:
        raise VpsbenchError(f"Cannot write {path}: {error}.", "Is there room for it?") from error
    finally:
        temporary.unlink(missing_ok=True)


def _scores(record: Record) -> pyperf.BenchmarkSuite:
    """All scores of a run.

    Raises:
        VpsbenchError: it has none, or they cannot stand in one file; and why.
    """
    from vpsbench.analyzer.verdict.judge import why_missing
    from vpsbench.probes.score import TIME
    from vpsbench.probes.score_suite.outputs import put_together

    number = record.run.id
    try:
        scores = put_together(turn.raw for turn in record.turns)
    except ValueError as error:
        raise VpsbenchError(f"The scores of run {number} do not go into one file: {error}.") from error
    if scores is None:
        raise VpsbenchError(
            f"Run {number} has no scores: {why_missing(record, TIME)}.",
            "`vpsbench run` measures some with each of its own profiles.",
        )
    return scores


_FORMATS: Final[dict[str, tuple[str, Write]]] = {
    "csv": ("all readings as CSV, one a line; - is standard output", _csv),
    "parquet": ("all readings as Parquet (pip install 'vpsbench[parquet]')", _parquet),
    "sqlite": ("readings, findings and all else as plain tables of a new SQLite database", _sqlite),
    "datasette": (
        "metadata with which Datasette shows what --sqlite wrote; - is standard output",
        _datasette,
    ),
    "prometheus": (
        "the last readings and the verdict for Prometheus (pip install 'vpsbench[prometheus]')",
        _prometheus,
    ),
    "pyperf": ("the scores for pyperf, which compares them; - is standard output", _pyperf),
}

COMMAND = Command(
    name="export",
    help="write a run for other tools: CSV, Parquet, SQLite, Prometheus, pyperf",
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
