"""``python -m tests.lab``: builds what is missing, runs scenarios, prints and writes the matrix."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from tests.lab import document, lanes, matrix, places, scenario
from tests.lab.errors import status
from tests.lab.matrix import RunResult
from tests.places import DOCS

_STANDARD: Final = places.LAB / "scenarios.toml"
_BAD: Final = {"miss", "false accusation", "no run"}
_COLOURS: Final = {"hit": "green", "miss": "red", "false accusation": "bold red", "no run": "yellow"}
_INTERRUPTED: Final = 130
_PIPED: Final = 140  # columns of a table that no terminal bounds


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    parser.add_argument("scenarios", nargs="*", help="names; default: all of the file")
    parser.add_argument("--file", type=Path, default=_STANDARD, help="scenarios of your own")
    parser.add_argument("--smoke", action="store_true", help="only the short run; fails on what is wrong")
    parser.add_argument(
        "--known",
        action="append",
        default=[],
        metavar="SCENARIO:SIGN",
        help="a wrong answer that is known: it stays in the table, and does not fail the short run",
    )
    parser.add_argument("--again", action="store_true", help="judge the runs that lie there, run nothing")
    parser.add_argument("--document", action="store_true", help="write the tables into docs/lab.md, too")
    parser.add_argument("--list", action="store_true", help="only list the scenarios")
    parser.add_argument("--lanes", type=int, default=min(2, os.cpu_count() or 1), help="guests side by side")
    parser.add_argument("--repeat", type=int, help="instead of what the scenarios say")
    parser.add_argument("--out", type=Path, default=places.REPORTS, help="where the results go")
    return parser.parse_args()


def main() -> int:
    """See the module. Returns 130 when stopped, 1 when the short run found something wrong, else 0.

    The program ends with 2 where the lab itself could not run.
    """
    args, console = arguments(), Console(highlight=False, width=None if sys.stdout.isatty() else _PIPED)
    standard = scenario.read(_STANDARD)
    book = standard if args.file == _STANDARD else scenario.read(args.file, standard.profiles)
    chosen = book.chosen(args.scenarios, smoke=args.smoke)
    if args.list:
        for one in chosen:
            console.print(f"{one.name}: {one.about}")
        return 0
    began, stop = time.monotonic(), _stopping()
    lab = lanes.Lab(book, args.out, args.lanes, stop, lambda text: console.print(text, markup=False))
    tasks = lanes.tasks(chosen, 1 if args.smoke else args.repeat)
    results = lab.again(tasks) if args.again else lab.run(tasks)
    facts = _facts(began, stop)
    _write(args.out, results, facts)
    if args.document:
        page = DOCS / "lab.md"
        page.write_text(document.written(page.read_text(), args.file.stem, results, facts))
    _print(console, results)
    console.print(f"{args.out}/matrix.md, {(time.monotonic() - began) / 60:.1f} min")
    if stop.is_set():
        return _INTERRUPTED
    wrong = {f"{row.scenario}:{row.sign}" for one in results for row in one.rows if row.outcome in _BAD}
    for name in sorted(wrong.intersection(args.known)):
        console.print(f"known, and not counted: {name}", markup=False)
    return int(args.smoke and bool(wrong.difference(args.known)))


def _stopping() -> threading.Event:
    """Set by Ctrl-C, a termination and a lost terminal."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _facts(began: float, stop: threading.Event) -> dict[str, Any]:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=places.TREE,
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "date": time.strftime("%Y-%m-%d %H:%M %Z"),
        "commit": done.stdout.strip() or "unknown",
        "minutes": round((time.monotonic() - began) / 60, 1),
        "stopped early": stop.is_set(),
    }


def _write(out: Path, results: list[RunResult], facts: dict[str, Any]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "matrix.json").write_text(matrix.as_json(results, facts))
    (out / "matrix.md").write_text(matrix.as_markdown(results, facts))


def _print(console: Console, results: list[RunResult]) -> None:
    table = Table("scenario", "sign", "expected", "found", "outcome", "estimate", "truth", "error")
    for row in (row for one in results for row in one.rows if matrix.notable(row)):
        colour = _COLOURS.get(row.outcome, "default")
        table.add_row(*matrix.cells(row)[:4], f"[{colour}]{row.outcome}", *matrix.cells(row)[5:])
    console.print(table)
    for title, head, rows in matrix.cpu_errors(results):
        if rows:
            errors = Table(*head, title=title)
            for cells in rows:
                errors.add_row(*cells)
            console.print(errors)
    console.print(", ".join(f"{count} {name}" for name, count in matrix.tally(results).items()))


if __name__ == "__main__":
    sys.exit(status(main))
