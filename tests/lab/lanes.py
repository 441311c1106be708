"""Runs scenarios, some of them side by side, and leaves this machine as it was."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.lab import image, matrix, places
from tests.lab.bench import Bench, Stopped
from tests.lab.errors import Hung, LabError, Skip
from tests.lab.journal import Journal
from tests.lab.judged import judged
from tests.lab.matrix import RunResult, State
from tests.lab.scenario import Book, Scenario

_SEED: Final = 20261123  # of vpsbench in the guests, so that a run can be repeated
Task = tuple[Scenario, int]  # with the repetition's number, from 1


@dataclass(frozen=True, slots=True)
class Lab:
    """What all runs share.

    Args:
        book: the scenarios, with their profiles.
        out: the folder for results.
        lanes: guests at the same time, but for scenarios that want to be alone.
        stop: set when the user wants the lab to end.
        say: tells the user.
    """

    book: Book
    out: Path
    lanes: int
    stop: threading.Event
    say: Callable[[str], None]

    def run(self, tasks: list[Task]) -> list[RunResult]:
        """Runs all; those that want to be alone at the end. Results in the order of the tasks."""
        journal = Journal(places.cache())
        try:
            for entry in journal.undo_all():
                self.say(f"cleaned up after a lab that was killed: {entry}")
            bench = Bench(image.image(self.say), journal, self.out / "runs", self.stop)
            results = self._side_by_side(bench, [task for task in tasks if not task[0].alone], self.lanes)
            results += self._side_by_side(bench, [task for task in tasks if task[0].alone], 1)
        except Skip as reason:
            results = [_absent(task, "skipped", str(reason), 0.0) for task in tasks]
        finally:
            journal.undo_all()
            journal.close()
        place = {(one.name, n): index for index, (one, n) in enumerate(tasks)}
        return sorted(results, key=lambda one: place[one.scenario, one.repetition])

    def again(self, tasks: list[Task]) -> list[RunResult]:
        """Judges what earlier runs left, and runs nothing: for work on the signs."""
        return [self._caught(task, self._folder) for task in tasks]

    def _side_by_side(self, bench: Bench, tasks: list[Task], lanes: int) -> list[RunResult]:
        results: list[RunResult] = []
        with ThreadPoolExecutor(lanes) as pool:
            waiting: set[Future[RunResult | None]] = {pool.submit(self._once, bench, task) for task in tasks}
            while waiting:
                # Woken now and then: only the main thread hears signals.
                done, waiting = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
                results += [result for one in done if (result := one.result())]
        return results

    def _once(self, bench: Bench, task: Task) -> RunResult | None:
        """One run, judged; None when the user stopped the lab."""

        def measured(task: Task) -> Path:
            scenario, repetition = task
            profile = self.book.profile(scenario)
            return bench.run(scenario, profile, self._folder(task).name, _SEED + repetition)

        try:
            return None if self.stop.is_set() else self._caught(task, measured)
        except Stopped:
            return None

    def _caught(self, task: Task, measured: Callable[[Task], Path]) -> RunResult:
        """A result, whatever happens: one broken scenario does not keep the others."""
        began = time.monotonic()
        state: State = "failed"
        try:
            result = judged(*task, measured(task))
        except (LabError, OSError, subprocess.SubprocessError) as error:
            state = "skipped" if isinstance(error, Skip) else "hung" if isinstance(error, Hung) else state
            result = _absent(task, state, str(error), time.monotonic() - began)
        self.say(_line(result))
        return result

    def _folder(self, task: Task) -> Path:
        return self.out / "runs" / f"{task[0].name}-{task[1]}"


def tasks(scenarios: tuple[Scenario, ...], repeat: int | None) -> list[Task]:
    """Each scenario as often as it says, or as the user wants."""
    return [(one, n) for one in scenarios for n in range(1, (repeat or one.repeat) + 1)]


def _absent(task: Task, state: State, reason: str, seconds: float) -> RunResult:
    scenario, repetition = task
    rows = matrix.absent(scenario, repetition)
    return RunResult(scenario.name, repetition, state, reason, seconds, rows)


def _line(result: RunResult) -> str:
    told = [f"{row.sign}: {row.outcome}" for row in result.rows if row.outcome != "silent"]
    how = f"{result.state} in {result.seconds:.0f} s"
    return f"{result.scenario} #{result.repetition}: {how}; {result.reason}{', '.join(told)}"
