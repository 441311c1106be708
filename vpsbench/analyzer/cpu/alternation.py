"""Alternation: busy threads that take turns on a core make regular gaps, too. What tells them from a quota.

A fair scheduler that seldom slips makes such a grid, too. Its gaps are whole ticks, of hosts with 1000, 300,
250 or 100 a second; or each thread gets just its fair part, in slices that are whole ticks on the average
(two vCPUs on a core of Xen took turns of 10.2 ms for a minute). Who takes turns is never away at the same
time as another: vCPUs that a quota stops are, all together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from vpsbench.model import Floats

    Spells = tuple[Floats, Floats]  # starts and ends, s; rising, none over another

# A tick, and the longest slice of those who count in it, s. Linux (1000, 300 or 250 a second) gives equal
# threads 3 to 12 ms, and no thread more than 24; Xen (100 a second) 30 ms by its first credit scheduler, 10
# by its second.
TICKS: Final = ((0.001, 0.0245), (1 / 300, 0.0245), (0.004, 0.0245), (0.010, 0.031))
LONGEST_ROUND: Final = 99  # ticks; a round of four threads with slices of 24 ms has fewer
EXACT: Final = (0.00004, 0.02)  # s, or of a tick: switching takes some µs, and some more beside a timer
WHOLE: Final = 0.8  # of the gaps are whole ticks
MOST_THREADS: Final = 4  # that take turns on a core
NEARLY_WHOLE: Final = 0.1  # of a tick, by which a slice may differ
NEARLY_FAIR: Final = 0.06  # by which what one gets may differ from its part


def alike(lengths: Floats, period: float, given: float) -> bool:
    """Whether threads that take turns would make this grid of gaps, too.

    Args:
        lengths: of the gaps that end with the timer, s.
        period: of the timer, s.
        given: what is usually given of a period, as a share of it.
    """
    return _fair(period, given) or any(
        _whole(lengths, tick) for tick, _ in TICKS if period < LONGEST_ROUND * tick
    )


def _whole(lengths: Floats, tick: float) -> bool:
    off = np.abs(lengths - tick * np.round(lengths / tick))
    return bool((off < max(EXACT[0], EXACT[1] * tick)).mean() >= WHOLE)


def _fair(period: float, given: float) -> bool:
    """Whether it is the part of one of few threads, in slices of whole ticks on the average."""
    threads = round(1 / max(given, 1 / (MOST_THREADS + 1)))
    slice_ = period / threads
    if not 2 <= threads <= MOST_THREADS or abs(given * threads - 1) > NEARLY_FAIR:
        return False
    return any(
        slice_ <= longest and abs(slice_ - tick * max(1, round(slice_ / tick))) <= NEARLY_WHOLE * tick
        for tick, longest in TICKS
    )


def together(one: Spells, other: Spells) -> float:
    """The share of the gaps of whoever has less of them that lies in the other's.

    0 for two who share one core between them, 1 for two that are stopped and released together.
    """
    lengths = [float((ends - starts).sum()) for starts, ends in (one, other)]
    if not min(lengths):
        return 0.0
    starts, ends = one
    return float((before(other, ends) - before(other, starts)).sum()) / min(lengths)


def before(spells: Spells, times: Floats) -> Floats:
    """How much of the spells lies before each time, s."""
    starts, ends = spells
    if not ends.size:
        return np.zeros(times.size)
    so_far = np.cumsum(ends - starts)
    knots = np.column_stack([starts, ends]).ravel()
    return np.interp(times, knots, np.column_stack([so_far - (ends - starts), so_far]).ravel())
