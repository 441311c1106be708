"""Where a busy vCPU's time went: the CPU probe's bins put together into windows.

Lost to the outside = gaps from 500 µs on, less the guest's own run-queue wait inside them, less its
interrupts; as a share of the time in which the loop was not waiting for its own guest. Reported is
what the guest's steal clock shows of it; hidden is the rest. All vCPUs are added up in each window:
the mean over vCPUs keeps a promise whenever each of them does, whatever they have in common.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.model import Record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpsbench.model import Floats

# Between two bins of one turn there are milliseconds; between two turns, seconds at the least.
PAUSE: Final = 1.0
# A loop that its own guest left less than this share of the time saw too little of the host.
LEAST_USABLE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Bins:
    """The bins of all loops, by the time of their middles; all in s."""

    start: Floats
    end: Floats
    wall: Floats
    gap: Floats
    own_wait: Floats
    own_wait_in_gaps: Floats
    irq: Floats
    steal: Floats

    @property
    def middle(self) -> Floats:
        """The time in the middle of each bin."""
        return (self.start + self.end) / 2

    @property
    def length(self) -> float:
        """The usual length of a bin, s."""
        return float(np.median(self.wall)) if self.wall.size else 0.0

    @property
    def own_share(self) -> float:
        """The part of all time in which the loops waited for other processes of their own guest."""
        return float(self.own_wait.sum() / self.wall.sum()) if self.wall.size else 0.0

    def pieces(self) -> list[tuple[float, float]]:
        """The stretches without a pause, as (start, end)."""
        if self.wall.size == 0:
            return []
        ends = np.maximum.accumulate(self.end)
        firsts = np.concatenate([[0], np.flatnonzero(self.start[1:] - ends[:-1] > PAUSE) + 1])
        lasts = np.append(firsts[1:], self.wall.size) - 1
        starts = np.minimum.reduceat(self.start, firsts)
        return list(zip(starts.tolist(), ends[lasts].tolist(), strict=True))

    def within(self, since: float, until: float) -> Bins:
        """Those whose middle lies in a stretch."""
        keep = (self.middle >= since) & (self.middle < until)
        return Bins(*(getattr(self, name)[keep] for name in COLUMNS))


COLUMNS: Final = ("start", "end", "wall", "gap", "own_wait", "own_wait_in_gaps", "irq", "steal")


def bins(record: Record, **labels: str) -> Bins:
    """All bins of the CPU loops, of those with these labels (arm, vcpu) where any are given."""
    rows = [_loop(record, s.labels) for s in record.named("cpu.loop.wall", **labels)]
    table = np.concatenate(rows, axis=1) if rows else np.zeros((len(COLUMNS), 0))
    table = table[:, np.argsort(table[0] + table[1], kind="stable")]
    return Bins(*table)


def _loop(record: Record, labels: dict[str, str]) -> Floats:
    """The columns of one loop; what the kernel does not count (irq, steal) takes nothing away."""
    (wall,) = record.named("cpu.loop.wall", **labels)
    rows = [wall.times - wall.values, wall.times, wall.values]
    for name in COLUMNS[3:]:
        found = record.named(f"cpu.loop.{name}", **labels)
        column = np.zeros_like(wall.values)
        for series in found:
            here = np.isin(wall.times, series.times)
            column[here] = series.values[np.isin(series.times, wall.times)]
        rows.append(column)
    return np.vstack(rows)


@dataclass(frozen=True, slots=True)
class Windows:
    """Equal parts of each stretch, in the order of time; all in s, ``piece`` counts stretches."""

    start: Floats
    end: Floats
    piece: NDArray[np.int64]
    usable: Floats
    lost: Floats
    reported: Floats

    def share(self, part: Floats) -> Floats:
        """A part of the usable time, in [0, 1]."""
        return np.clip(part / self.usable, 0.0, 1.0)


Part = Callable[[Windows], "Floats"]


def lost(windows: Windows) -> Floats:
    """All that was lost to the outside."""
    return windows.share(windows.lost)


def reported(windows: Windows) -> Floats:
    """What the guest's steal clock shows."""
    return windows.share(windows.reported)


def hidden(windows: Windows) -> Floats:
    """What was lost and not reported; windows must be long where much is reported (ticks of 10 ms)."""
    return windows.share(windows.lost - windows.reported)


def cut(table: Bins, length: float) -> Windows:
    """Cuts each stretch into equal windows of at least ``length``; shorter stretches are left out."""
    found: list[Floats] = []
    middles = table.middle
    for number, (since, until) in enumerate(table.pieces()):
        count = int((until - since) / length + 1e-6)
        if count == 0:
            continue
        edges = np.linspace(since, until, count + 1)
        first, last = np.searchsorted(middles, (since, until))
        place = np.clip(np.searchsorted(edges, middles[first:last], side="right") - 1, 0, count - 1)
        sums = _sums(table, slice(int(first), int(last)), place, count)
        found.append(np.vstack([edges[:-1], edges[1:], np.full(count, number), *sums]))
    rows = np.concatenate(found, axis=1) if found else np.zeros((7, 0))
    rows = rows[:, rows[3] > LEAST_USABLE * rows[6]]
    return Windows(rows[0], rows[1], rows[2].astype(np.int64), rows[3], rows[4], rows[5])


def _sums(table: Bins, rows: slice, place: NDArray[np.int64], count: int) -> list[Floats]:
    """Usable, lost, reported and all time in each window."""

    def total(column: Floats) -> Floats:
        return np.bincount(place, weights=column[rows], minlength=count).astype(np.float64)

    gone = total(table.gap) - total(table.own_wait_in_gaps) - total(table.irq)
    wall = total(table.wall)
    return [wall - total(table.own_wait), np.maximum(gone, 0), total(table.steal), wall]
