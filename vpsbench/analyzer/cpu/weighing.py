"""Weighs a loss of CPU time against what was promised: the one place where steal is judged.

Batches are at least ten times as long as the loss remembers itself, and never span a pause. The
whole run, and each session of it, is one of the claims that were declared before the run (``multiplicity``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpsbench.analyzer import strength
from vpsbench.analyzer.cpu import accounting
from vpsbench.analyzer.multiplicity import Bar
from vpsbench.analyzer.statistics import e_values
from vpsbench.analyzer.statistics.autocorrelation import correlation_time
from vpsbench.model import Level

if TYPE_CHECKING:
    from vpsbench.model import Floats


@dataclass(frozen=True, slots=True)
class Weighed:
    """What came of it.

    Times in s. ``worst``: the share in the worst tenth of the time. ``interval``: None where not one batch
    was whole. ``needed``: how much measuring would tell, None where it was told.
    """

    level: Level
    share: float
    worst: float
    interval: tuple[float, float] | None
    since: float
    until: float
    seconds: float
    needed: float | None


def weigh(
    table: accounting.LoopTimes,
    part: accounting.Part,
    limit: float,
    bar: Bar,
    shortest: float = strength.SHORTEST_BATCH,
) -> Weighed:
    """Judges a part of the loops' time against the share that may be lost.

    Accused is who exceeds ``limit`` beyond the bar. Below it, and measured for long enough to have been
    accused at all, is clean; above it and not proven is neither.

    Args:
        table: at least one bin.
        part: which part of the time.
        limit: the share that may be lost, above 0.
        bar: what evidence must reach in this run.
        shortest: the shortest batch, s; longer where the part is known only in coarse ticks.
    """
    length = _length(table, part, limit, shortest)
    batches = accounting.cut(table, length)
    values = part(batches)
    seconds = float(sum(end - start for start, end in table.pieces()))
    share = _share(table, part, shortest)
    level = strength.of_batches(batches.start, values, limit, bar)
    needed = None
    if level is Level.CLEAN and (
        share > limit or seconds < strength.FEWEST_BATCHES * strength.SHORTEST_BATCH
    ):
        level, needed = Level.NOT_MEASURABLE, max(strength.FEWEST_BATCHES * length, 2 * seconds)
    since, until = float(table.start.min()), float(table.end.max())
    worst = max(share, _worst(part(accounting.cut(table, shortest))))
    return Weighed(level, share, worst, _interval(values, share), since, until, seconds, needed)


def _length(table: accounting.LoopTimes, part: accounting.Part, limit: float, shortest: float) -> float:
    """How long a batch must be, s. Where each of the shortest is at the cap, none differs from the next."""
    values = part(accounting.cut(table, shortest))
    if values.size and values.min() >= e_values.CAP * limit:
        return shortest
    return max(shortest, strength.BATCH_MEMORIES * _memory(table, part, limit))


def _interval(values: Floats, share: float) -> tuple[float, float] | None:
    """What the batches leave possible, around the share; None where there is no whole batch."""
    if values.size == 0:
        return None
    low, high = e_values.interval(values)
    return min(low, share), max(high, share)


def _memory(table: accounting.LoopTimes, part: accounting.Part, limit: float) -> float:
    """The autocorrelation time, s, of what the bets see: the part with its peaks cut off."""
    width = table.length
    fine = accounting.cut(table, width)
    values = np.minimum(part(fine), e_values.CAP * limit)
    pieces = np.split(values, np.flatnonzero(np.diff(fine.piece)) + 1) if values.size else []
    return width * correlation_time(pieces)


def _share(table: accounting.LoopTimes, part: accounting.Part, shortest: float) -> float:
    """The part of all the time, added up over windows; bin by bin where the stretches are short."""
    windows = accounting.cut(table, shortest)
    if windows.start.size == 0:
        return accounting.share(table, part) or 0.0
    return float(np.average(part(windows), weights=windows.demanded))


def _worst(values: Floats) -> float:
    """The mean of the largest tenth of the values; 0 where there are none."""
    return float(np.sort(values)[-max(1, values.size // 10) :].mean()) if values.size else 0.0
