"""What the host took while others of the guest ran, and the loop of the CPU probe saw nothing of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from vpsbench.analyzer.cpu import equal_gaps, quota_period
from vpsbench.analyzer.cpu.accounting import IMPUTED, Bins, column, of_loop
from vpsbench.model import Record, Series
from vpsbench.probes.cpu_loop import metrics as loop

if TYPE_CHECKING:
    from vpsbench.model import Floats

AROUND: Final = 9  # bins, about 2 s, that tell how much the host took while the loop did not run
MINUTE: Final = 241  # bins, over which a quota's share holds, whichever of two processes is charged with it
# Within so much, and so much of it, the loop's own loss must be the quota's, as one may begin or end.
AGREES: Final = (0.1, 0.3)
# Of the quota's loss, that the loop and long own waits show where it is at work; less while a bucket lasts.
AT_WORK: Final = 0.5


def with_estimates(record: Record) -> Record:
    """The same record, and beside each loop what the host is taken to have taken during its own waits."""
    measured = tuple(s for s in record.series if s.metric.name != IMPUTED.name)
    found = replace(record, series=measured)
    walls = found.named(loop.WALL)
    return replace(found, series=(*measured, *(_estimate(found, wall) for wall in walls)))


def _estimate(record: Record, wall: Series) -> Series:
    table = of_loop(record, wall)
    long = column(record, loop.LONG_RUN_QUEUE_DELAY, wall, table.own_wait)
    return Series(IMPUTED, wall.labels, wall.times, lost(record, wall.labels, table, long))


def lost(record: Record, labels: dict[str, str], table: Bins, long: Floats) -> Floats:
    """Of each bin of one loop, s.

    Args:
        record: has its single gaps.
        labels: the loop's.
        table: its bins.
        long: of each bin, the own wait that was long enough to hold a usual gap, s.
    """
    columns = np.stack([table.wanted, table.gap - table.own_wait_in_gaps, table.own_wait, long])
    near, taken = _around(columns, AROUND), _rhythm(record, labels, table)
    at_work = near.lost + near.long >= AT_WORK * taken * near.wanted
    seen = _around(columns * at_work, MINUTE)
    near_enough = np.minimum(AGREES[0], AGREES[1] * taken) * seen.usable
    holds = at_work & (np.abs(seen.lost - taken * seen.usable) <= near_enough)
    of_own = np.clip((taken * seen.wanted - seen.lost) / np.where(seen.own > 0, seen.own, 1), 0, 1)
    return np.where(holds, of_own * table.own_wait, _by_share(table, near))


def _by_share(table: Bins, seen: _Seen) -> Floats:
    """The same share as of the loop's own time then.

    A wait that is short beside the usual gap holds none: it is known to be the guest's own. Where half of the
    wait and more is long, others compete all along, and each of them meets the host's gaps.
    """
    share = np.clip(seen.lost / np.where(seen.usable > 0, seen.usable, 1), 0, 1)
    of_own = seen.unseen / np.where(seen.own > 0, seen.own, 1)
    return np.asarray(share * of_own * table.own_wait, dtype=np.float64)


def _rhythm(record: Record, labels: dict[str, str], table: Bins) -> Floats:
    """What each period of a quota takes of whoever runs, as a share of it, bin by bin; NaN where none shows.

    Which of two processes is charged with a gap follows a beat of its own, for minutes.
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
    record: Record, labels: dict[str, str], table: Bins, stretch: tuple[float, float]
) -> float | None:
    """What the host takes of whoever runs, as its gaps in own waits tell, or else the comb of the loop's."""
    if counted := equal_gaps.taken(record, labels, table, stretch):
        return counted
    found = quota_period.of_loop(record, labels, *stretch)
    return found.taken if found else None


class _Seen(NamedTuple):
    """What a loop saw around each bin, s.

    Args:
        wanted: all of the time.
        lost: to the outside, while the loop ran.
        own: wait for others of the guest.
        long: the part of it that was long enough to hold a usual gap.
    """

    wanted: Floats
    lost: Floats
    own: Floats
    long: Floats

    @property
    def unseen(self) -> Floats:
        """The part of the own wait in which the host may have taken something."""
        return np.minimum(self.own, 2 * self.long)

    @property
    def usable(self) -> Floats:
        """The time in which the loop ran or lost."""
        return self.wanted - self.unseen


def _around(columns: Floats, bins: int) -> _Seen:
    """Sums over so many bins around each, of what was wanted, lost, own wait, and long own wait."""
    return _Seen(*(_running(column, bins) for column in columns))


def _running(values: Floats, bins: int) -> Floats:
    """Sums over so many bins, each in the middle of its own."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(values.size)
    last = np.minimum(places + bins // 2 + 1, values.size)
    return np.asarray(sums[last] - sums[np.maximum(places - bins // 2, 0)], dtype=np.float64)
