"""``vpsbench runs``: which runs a database holds."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from vpsbench.commands import Command
from vpsbench.wiring import stored_run

if TYPE_CHECKING:
    from rich.table import Table

    from vpsbench.model import Run


def _configure(parser: ArgumentParser) -> None:
    stored_run.add_db(parser)
    parser.add_argument("--json", action="store_true", help="print it as JSON; times in seconds since 1970")


def _run(arguments: Namespace) -> int:
    from vpsbench.store import reader

    found = reader.runs(arguments.db)
    if arguments.json:
        print(json.dumps([_summary(run) for run in found], indent=2))
    else:
        _show(_table(found))
    return 0


def _summary(run: Run) -> dict[str, object]:
    return {
        "id": run.id,
        "state": run.state,
        "started": run.started,
        "elapsed": run.elapsed,
        "seed": run.seed,
        "profile": run.profile.name,
        "plan": None if run.plan is None else run.plan.name,
        "hostname": run.guest.hostname,
    }


def _table(runs: list[Run]) -> Table:
    from rich.table import Table
    from rich.text import Text

    from vpsbench.wording.figures import duration, moment
    from vpsbench.wording.text import plain

    table = Table("id", "when", "profile", "plan", "length", "state", "host name", box=None)
    for run in runs:
        cells = (
            str(run.id),
            moment(run.started),
            run.profile.name,
            "-" if run.plan is None else run.plan.name,
            duration(run.elapsed),
            run.state,
            run.guest.hostname,
        )
        table.add_row(*(Text(plain(cell)) for cell in cells))  # Text: brackets in a name are no markup
    return table


def _show(table: Table) -> None:
    from rich.console import Console

    # Piped, a run stays on one line, however long its names are.
    Console(width=None if sys.stdout.isatty() else 4000).print(table)


COMMAND = Command(
    name="runs",
    help="list the runs in a database",
    examples="vpsbench runs\nvpsbench runs --db old.db --json",
    configure=_configure,
    run=_run,
)
