"""How much of the held memory was gone, level by level of what the host had: as measured, beside the truth.

``python -m tests.lab.held OUT/runs/SCENARIO-1 …`` tells it as a table. Each level's rounds are judged as if
the run had had no others.
"""

from __future__ import annotations

import sys
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tests.lab import answers
from tests.lab.truth import Truth
from vpsbench.analyzer.signs import vanishing_memory
from vpsbench.model import Finding, Record, Series
from vpsbench.store.reader import read


@dataclass(frozen=True, slots=True)
class Step:
    """The rounds of one level; ``truth``: the share that was gone when they began, their median."""

    rounds: int
    truth: float
    finding: Finding

    @property
    def row(self) -> str:
        """A line of the table."""
        told = self.finding
        share, (low, high) = told.measured, told.interval or (None, None)
        if share is None or low is None or high is None:
            return f"| {self.truth:.1%} | {self.rounds} | {told.level} | - | - | - |"
        error = 100 * (share - self.truth)
        return (
            f"| {self.truth:.1%} | {self.rounds} | {told.level} | {share:.1%} | {low:.1%} to {high:.1%} "
            f"| {error:+.1f} pp |"
        )


def steps(record: Record, truth: Truth) -> Iterator[Step]:
    """One for each limit under which rounds began."""
    changes = sorted(one["began"] for one in truth.faults if one["began"] is not None)
    times, lacking = answers.missing(truth)
    boot = answers.boot_time(record)
    begun = {end: truth.at(boot + begin) for begin, end in answers.rounds(record)}
    for level in sorted({bisect(changes, moment) for moment in begun.values()}):
        ends = [end for end, moment in begun.items() if bisect(changes, moment) == level]
        places = np.searchsorted(times, [begun[end] for end in ends], side="right") - 1
        (finding,) = vanishing_memory.look(only(record, ends))
        yield Step(len(ends), float(np.median(lacking[places])), finding)


def only(record: Record, ends: list[float]) -> Record:
    """The record with the rounds of touching that ended then, and no others."""

    def cut(one: Series) -> Series:
        kept = np.isin(one.times, ends) | (not one.metric.name.startswith("memory.touch."))
        return replace(one, times=one.times[kept], values=one.values[kept])

    return replace(record, series=tuple(map(cut, record.series)))


def main() -> None:
    """Writes the table."""
    lines = [
        "| scenario | gone in truth | rounds | found | estimate | its interval (95 %) | error |",
        "|---|---:|---:|---|---:|---|---:|",
    ]
    for folder in map(Path, sys.argv[1:]):
        truth = Truth.read((folder / "truth.json").read_text())
        name = folder.name.rsplit("-", 1)[0]
        lines += [f"| {name} {step.row}" for step in steps(read(folder / "run.db"), truth)]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
