"""``python -m tests.lab``: builds what is missing, runs scenarios, prints and writes the matrix."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from tests.lab import image, matrix, places, scenario
from tests.lab.bench import Bench, Stopped
from tests.lab.errors import Hung, LabError, Skip
from tests.lab.journal import Journal
from tests.lab.judged import judged
from tests.lab.matrix import RunResult

STANDARD: Final = places.LAB / "scenarios.toml"
_SEED: Final = 20261123  # of vpsbench in the guests, so that runs can be repeated
_BAD: Final = {"miss", "false accusation", "no run"}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    parser.add_argument("scenarios", nargs="*", help="names; default: all of the file")
    parser.add_argument("--file", type=Path, default=STANDARD, help="scenarios of your own, in the same format")
    parser.add_argument("--smoke", action="store_true", help="only the short run")
    parser.add_argument("--lanes", type=int, default=min(2, os.cpu_count() or 1), help="guests at the same time")
    parser.add_argument("--repeat", type=int, help="instead of what the scenarios say")
    parser.add_argument("--out", type=Path, default=places.REPORTS, help="where the results go")
    parser.add_argument("--list", action="store_true", help="only list the scenarios")
    parser.add_argument("--strict", action="store_true", help="exit with 1 on a miss or a false accusation")
    return parser.parse_args()


def main() -> int:
    """See the module."""
    args, console = arguments(), Console()
    standard = scenario.read(STANDARD)
    book = standard if args.file == STANDARD else scenario.read(args.file, standard.profiles)
    chosen = book.chosen(args.scenarios, smoke=args.smoke)
    if args.list:
        for one in chosen:
            console.print(f"{one.name}: {one.about}", highlight=False)
        return 0
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    began = time.monotonic()
    lab = Lab(console, args, book, stop)
    results = lab.run(chosen)
    facts = {
        "date": time.strftime("%Y-%m-%d %H:%M %Z"),
        "commit": _commit(),
        "minutes": round((time.monotonic() - began) / 60, 1),
        "stopped early": stop.is_set(),
    }
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "matrix.json").write_text(matrix.as_json(results, facts))
    (args.out / "matrix.md").write_text(matrix.as_markdown(results, facts))
    _print(console, results)
    console.print(f"{args.out}/matrix.md, {facts['minutes']} min", highlight=False)
    if stop.is_set():
        return 130
    return int(args.strict and any(row.outcome in _BAD for one in results for row in one.rows))


class Lab:
    """A run of the lab: scenarios in lanes, those that want to be alone at the end."""

    def __init__(self, console: Console, args: argparse.Namespace, book: scenario.Book, stop: threading.Event) -> None:
        self._console, self._args, self._book, self._stop = console, args, book, stop

    def run(self, chosen: tuple[scenario.Scenario, ...]) -> list[RunResult]:
        """All of them; whatever happens, this machine is left as it was."""
        journal = Journal(places.cache())
        try:
            for entry in journal.undo_all():
                self._say(f"cleaned up after a lab that was killed: {entry}")
            try:
                bench = Bench(image.image(self._say), journal, self._args.out / "runs", self._stop)
            except Skip as reason:
                return [_absent(one, 1, "skipped", str(reason), 0.0) for one in chosen]
            tasks = [
                (one, n) for one in chosen for n in range(1, (self._args.repeat or one.repeat) + 1)
            ]
            results = self._lanes(bench, [task for task in tasks if not task[0].alone], self._args.lanes)
            results += self._lanes(bench, [task for task in tasks if task[0].alone], 1)
            place = {(one.name, n): index for index, (one, n) in enumerate(tasks)}
            return sorted(results, key=lambda one: place[one.scenario, one.repetition])
        finally:
            journal.undo_all()
            journal.close()

    def _lanes(self, bench: Bench, tasks: list[tuple[scenario.Scenario, int]], lanes: int) -> list[RunResult]:
        results: list[RunResult] = []
        with ThreadPoolExecutor(lanes) as pool:
            waiting: set[Future[RunResult | None]] = {pool.submit(self._once, bench, *task) for task in tasks}
            while waiting:
                # Woken now and then: only the main thread hears signals.
                done, waiting = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
                results += [result for one in done if (result := one.result())]
        return results

    def _once(self, bench: Bench, one: scenario.Scenario, repetition: int) -> RunResult | None:
        """One run, judged; None when the user stopped the lab."""
        name = f"{one.name}-{repetition}"
        began = time.monotonic()
        result: RunResult
        try:
            if self._stop.is_set():
                return None
            out = bench.run(one, self._book.profile(one), name, _SEED + repetition)
            result = judged(one, repetition, out, time.monotonic() - began)
        except Stopped:
            return None
        except Skip as error:
            result = _absent(one, repetition, "skipped", str(error), time.monotonic() - began)
        except Hung as error:
            result = _absent(one, repetition, "hung", str(error), time.monotonic() - began)
        except LabError as error:
            result = _absent(one, repetition, "failed", str(error), time.monotonic() - began)
        self._say(_line(result))
        return result

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False)


def _absent(one: scenario.Scenario, repetition: int, state: str, reason: str, seconds: float) -> RunResult:
    return RunResult(one.name, repetition, state, reason, seconds, matrix.absent(one, repetition))


def _line(result: RunResult) -> str:
    told = [f"{row.sign}: {row.outcome}" for row in result.rows if row.outcome != "silent"]
    return f"{result.scenario} #{result.repetition}: {result.state} in {result.seconds:.0f} s; {result.reason}{', '.join(told)}"


def _print(console: Console, results: list[RunResult]) -> None:
    table = Table("scenario", "sign", "expected", "found", "outcome", "estimate", "truth", "error")
    colours = {"hit": "green", "miss": "red", "false accusation": "bold red", "no run": "yellow"}
    for result in results:
        for row in filter(matrix.telling, result.rows):
            figures = (matrix.figure(value, row.unit) for value in (row.estimate, row.truth, row.error))
            outcome = f"[{colours.get(row.outcome, 'default')}]{row.outcome}"
            table.add_row(matrix.label(row), row.sign, row.expected, row.found or "-", outcome, *figures)
    console.print(table)
    console.print(", ".join(f"{count} {name}" for name, count in matrix.tally(results).items()), highlight=False)


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=places.TREE, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"lab: {error}")
