"""Estimates what the host took while others of the guest ran, which no loop of the CPU probe could see.

This is the one step that estimates; ``accounting`` only reads its result. It assumes equal shares:

- Whoever runs on a vCPU loses the same share to the host, be it the loop or another process of the guest.
- A wait that is shorter than the host's usual gap holds none: it is the guest's own.
- Where a quota is at work, each of its periods takes the same, whichever process is charged with the gap.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from vpsbench.analyzer.cpu import equal_gaps, quota_period
from vpsbench.analyzer.cpu.accounting import IMPUTED, LoopTimes, column, of_loop
from vpsbench.model import Record, Series
from vpsbench.probes.cpu_loop import metrics as loop

if TYPE_CHECKING:
    from vpsbench.model import Floats

AROUND: Final = 9  # bins, about 2 s, whose loss is taken to hold for the time between them, too
MINUTE: Final = 241  # bins; over so many a quota's share holds, whichever of two processes is charged
# How far the loop's own loss may lie from the quota's, and as a share of it: a quota may begin or end.
AGREES: Final = (0.1, 0.3)
# Where a quota is at work, the loop and its long waits show this part of its loss; less while a bucket lasts.
AT_WORK: Final = 0.5


def assuming_equal_shares(record: Record) -> Record:
    """The same record, with an estimated series beside each loop: what the host took during its waits.

    The module's docstring lists what is assumed. Estimates of before are replaced.
    """
    measured = tuple(s for s in record.series if s.metric.name != IMPUTED.name)
    found = replace(record, series=measured)
    walls = found.named(loop.WALL)
    return replace(found, series=(*measured, *(_estimate(found, wall) for wall in walls)))


def _estimate(record: Record, wall: Series) -> Series:
    table = of_loop(record, wall)
    long = column(record, loop.LONG_RUN_QUEUE_DELAY, wall, table.run_queue_delay)
    return Series(IMPUTED, wall.labels, wall.times, lost(record, wall.labels, table, long))


def lost(record: Record, labels: dict[str, str], table: LoopTimes, long: Floats) -> Floats:
    """What the host is estimated to have taken in each bin of one loop, unseen by it, s.

    Args:
        record: has its single gaps.
        labels: the loop's.
        table: its bins.
        long: of each bin, the run-queue delay that was long enough to hold a usual gap, s.
    """
    columns = np.stack(
        [table.demanded, table.gap - table.run_queue_delay_in_gaps, table.run_queue_delay, long]
    )
    near, taken = _around(columns, AROUND), _taken_by_period(record, labels, table)
    at_work = near.lost + near.long >= AT_WORK * taken * near.demanded
    minute = _around(columns * at_work, MINUTE)
    near_enough = np.minimum(AGREES[0], AGREES[1] * taken) * minute.usable
    holds = at_work & (np.abs(minute.lost - taken * minute.usable) <= near_enough)
    of_own = np.clip((taken * minute.demanded - minute.lost) / np.where(minute.own > 0, minute.own, 1), 0, 1)
    return np.where(holds, of_own * table.run_queue_delay, _by_share(table, near))


def _by_share(table: LoopTimes, near: _Nearby) -> Floats:
    """The loop's own share of loss around each bin, applied to its run-queue delay.

    Short waits hold no gap. Where half of the wait and more is long, others compete all along, and each of
    them meets the host's gaps.
    """
    share = np.clip(near.lost / np.where(near.usable > 0, near.usable, 1), 0, 1)
    of_own = near.unseen / np.where(near.own > 0, near.own, 1)
    return np.asarray(share * of_own * table.run_queue_delay, dtype=np.float64)


def _taken_by_period(record: Record, labels: dict[str, str], table: LoopTimes) -> Floats:
    """What each period of a quota takes of whoever runs, as a share, bin by bin; NaN where no quota shows.

    A whole stretch is read at once: for minutes, one of two processes may be charged with most gaps.
    """
    taken = np.full(table.wall.size, np.nan)
    for since, until in table.pieces():
        first, last = min(until, since + quota_period.LOGGED), max(since, until - quota_period.LOGGED)
        # A bucket may have had to run dry before.
        stretches = ((since, first), ((since + first) / 2, first), (last, until), ((last + until) / 2, until))
        # In a short load the last minute is the first.
        found = (_of_a_period(record, labels, table, one) for one in dict.fromkeys(stretches))
        taken[(table.end > since) & (table.end <= until)] = next(filter(None, found), np.nan)
    return taken


def _of_a_period(
    record: Record, labels: dict[str, str], table: LoopTimes, stretch: tuple[float, float]
) -> float | None:
    """The share that the host takes of whoever runs: by gaps inside waits, or else by the quota's period."""
    if counted := equal_gaps.taken(record, labels, table, stretch):
        return counted
    found = quota_period.of_loop(record, labels, *stretch)
    return found.taken if found else None


class _Nearby(NamedTuple):
    """What a loop saw around each bin, s.

    Args:
        demanded: all of the time.
        lost: to the outside, while the loop ran.
        own: run-queue delay, waiting for others of the guest.
        long: the part of it that was long enough to hold a usual gap.
    """

    demanded: Floats
    lost: Floats
    own: Floats
    long: Floats

    @property
    def unseen(self) -> Floats:
        """The part of the run-queue delay in which the host may have taken something."""
        return np.minimum(self.own, 2 * self.long)

    @property
    def usable(self) -> Floats:
        """The time in which the loop ran or lost."""
        return self.demanded - self.unseen


def _around(columns: Floats, bins: int) -> _Nearby:
    """Sums over so many bins around each: demanded, lost, run-queue delay, and the long part of it."""
    return _Nearby(*(_running(column, bins) for column in columns))


def _running(values: Floats, bins: int) -> Floats:
    """Sums over so many bins, each in the middle of its own."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(values.size)
    last = np.minimum(places + bins // 2 + 1, values.size)
    return np.asarray(sums[last] - sums[np.maximum(places - bins // 2, 0)], dtype=np.float64)
