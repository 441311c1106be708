"""Where a busy vCPU's time went: the CPU probe's bins put together into windows, and a window into parts.

Lost to the outside = gaps from 500 µs on, less the guest's own run-queue wait inside them, less its
interrupts; as a share of the time in which the loop was not waiting for its own guest, as what is lost
while others of the guest run cannot be seen from here. Reported is what the guest's steal clock shows; it
counts for the vCPU whoever runs on it, so it is a share of all demanded time. Hidden is what the first share
exceeds the second by. All vCPUs of a table are added up in each window: the mean over vCPUs keeps a promise
whenever each of them does, whatever they have in common.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.model import Kind, Metric, Record, Series
from vpsbench.probes.cpu_loop import metrics as loop

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpsbench.model import Floats

# Between two bins of one turn there are milliseconds; between two turns, seconds at the least.
PAUSE: Final = 1.0
TOGETHER: Final = {"all", "refill"}  # the arms in which all vCPUs are loaded as much as the run may
# Estimated by ``unseen_losses``, and never stored.
IMPUTED: Final = Metric(
    "cpu.loop.imputed", "s", Kind.GAUGE, "neither", "estimate of what the host took during run-queue delays"
)
# A loop that its own guest left less than this share of the time saw too little of the host.
LEAST_USABLE: Final = 0.2


@dataclass(frozen=True, slots=True)
class LoopTimes:
    """The bins of all loops, by the time of their middles; all in s."""

    start: Floats
    end: Floats
    wall: Floats
    demanded: Floats  # in which the loop demanded to run: less than wall at a duty cycle
    gap: Floats
    short_gap: Floats
    run_queue_delay: Floats
    run_queue_delay_in_gaps: Floats
    irq: Floats
    steal: Floats
    imputed: Floats  # what the host is taken to have taken while others of the guest ran
    iterations: Floats  # of the loop; 0 in records that did not count them

    @property
    def delivered(self) -> Floats:
        """The time in which the loop ran, s; with the gaps under 100 µs."""
        return (
            self.demanded - self.run_queue_delay - (self.gap - self.run_queue_delay_in_gaps) - self.short_gap
        )

    @property
    def middle(self) -> Floats:
        """The time in the middle of each bin."""
        return (self.start + self.end) / 2

    @property
    def length(self) -> float:
        """The usual length of a bin, s."""
        return float(np.median(self.wall)) if self.wall.size else 0.0

    @property
    def run_queue_share(self) -> float:
        """The part of all time in which the loops waited for other processes of their own guest."""
        return float(self.run_queue_delay.sum() / self.demanded.sum()) if self.wall.size else 0.0

    def pieces(self) -> list[tuple[float, float]]:
        """The stretches without a pause, as (start, end)."""
        if self.wall.size == 0:
            return []
        ends = np.maximum.accumulate(self.end)
        firsts = np.concatenate([[0], np.flatnonzero(self.start[1:] - ends[:-1] > PAUSE) + 1])
        lasts = np.append(firsts[1:], self.wall.size) - 1
        starts = np.minimum.reduceat(self.start, firsts)
        return list(zip(starts.tolist(), ends[lasts].tolist(), strict=True))

    def within(self, since: float, until: float) -> LoopTimes:
        """Those whose middle lies in a stretch."""
        keep = (self.middle >= since) & (self.middle < until)
        return LoopTimes(*(getattr(self, name)[keep] for name in COLUMNS))


COLUMNS: Final = (
    *("start", "end", "wall", "demanded", "gap", "short_gap"),
    *("run_queue_delay", "run_queue_delay_in_gaps", "irq", "steal", "imputed", "iterations"),
)


READ: Final = {  # column -> what it is read from
    "gap": loop.GAP,
    "short_gap": loop.SHORT_GAP,
    "run_queue_delay": loop.RUN_QUEUE_DELAY,
    "run_queue_delay_in_gaps": loop.RUN_QUEUE_DELAY_IN_GAPS,
    "irq": loop.IRQ,
    "steal": loop.STEAL,
    "imputed": IMPUTED,
    "iterations": loop.ITERATIONS,
}
SUMMED: Final = COLUMNS[3:-1]  # what tells where demanded time went


def vcpus(record: Record) -> list[str]:
    """The vCPUs on which a loop ran, by number."""
    return sorted({s.labels["vcpu"] for s in record.named(loop.WALL)}, key=lambda v: (len(v), v))


def bins(record: Record, **labels: str) -> LoopTimes:
    """All bins of the CPU loops, of those with these labels (arm, vcpu, duty) where any are given."""
    return _table(record, list(record.named(loop.WALL, **labels)))


def loaded(record: Record, **labels: str) -> LoopTimes:
    """The bins in which all vCPUs were loaded together, as much as the run may; else whatever there is."""
    found = record.named(loop.WALL, **labels)
    together = [s for s in found if s.labels.get("arm") in TOGETHER]
    return _table(record, together or list(found))


def work_rates(table: LoopTimes) -> tuple[Floats, Floats]:
    """Turns of the loop a second of CPU that was delivered, 1/s, and the middles of their bins, s."""
    seen = (table.iterations > 0) & (table.delivered > LEAST_USABLE * table.demanded)
    return table.middle[seen], table.iterations[seen] / table.delivered[seen]


def _table(record: Record, walls: list[Series]) -> LoopTimes:
    rows = [_completed(record, s) for s in walls]
    table = np.concatenate(rows, axis=1) if rows else np.zeros((len(COLUMNS), 0))
    table = table[:, np.argsort(table[0] + table[1], kind="stable")]
    return LoopTimes(*table)


def _completed(record: Record, wall: Series) -> Floats:
    """All columns of one loop."""
    if not any(s.labels == wall.labels for s in record.named(IMPUTED, **wall.labels)):
        raise ValueError("losses that no loop saw are not estimated: complete the record first")
    found = of_loop(record, wall)
    return np.vstack([getattr(found, name) for name in COLUMNS])


def of_loop(record: Record, wall: Series) -> LoopTimes:
    """The bins of one loop; what the kernel does not count (irq, steal) takes nothing away."""
    columns = {name: column(record, metric, wall, 0.0) for name, metric in READ.items()}
    columns |= {"start": wall.times - wall.values, "end": wall.times, "wall": wall.values}
    columns["demanded"] = column(record, loop.DEMANDED, wall, wall.values)
    return LoopTimes(**columns)


def column(record: Record, metric: Metric, wall: Series, missing: float | Floats) -> Floats:
    """One metric of a loop at the times of its bins."""
    column = np.full_like(wall.values, missing)
    for series in record.named(metric, **wall.labels):
        if series.labels == wall.labels and np.array_equal(series.times, wall.times):
            column = series.values.copy()
        elif series.labels == wall.labels:
            here = np.isin(wall.times, series.times)
            column[here] = series.values[np.isin(series.times, wall.times)]
    return column


@dataclass(frozen=True, slots=True)
class Windows:
    """Equal parts of each stretch, in the order of time; all in s, ``piece`` counts stretches."""

    start: Floats
    end: Floats
    piece: NDArray[np.int64]
    demanded: Floats
    lost: Floats
    reported: Floats


Part = Callable[[Windows], "Floats"]


def lost(windows: Windows) -> Floats:
    """The share that was lost to the outside, in [0, 1]."""
    return np.clip(windows.lost / windows.demanded, 0.0, 1.0)


def reported(windows: Windows) -> Floats:
    """The share that the guest's steal clock shows, in [0, 1]."""
    return np.clip(windows.reported / windows.demanded, 0.0, 1.0)


def hidden(windows: Windows) -> Floats:
    """What was lost and not reported; windows must be long where much is reported (ticks of 10 ms)."""
    return np.maximum(lost(windows) - reported(windows), 0.0)


def cut(table: LoopTimes, length: float) -> Windows:
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
    start, end, piece, demanded, _, *sums = rows[:, rows[4] > LEAST_USABLE * rows[3]]
    return Windows(start, end, piece.astype(np.int64), demanded, *sums)


def share(table: LoopTimes, part: Part) -> float | None:
    """A part of all the time in one sum; None where the loops saw too little."""
    windows = cut(table, table.length) if table.wall.size else None
    return (
        float(np.average(part(windows), weights=windows.demanded)) if windows and windows.start.size else None
    )


def _sums(table: LoopTimes, rows: slice, place: NDArray[np.int64], count: int) -> list[Floats]:
    """Wanted, usable, lost and reported time in each window."""
    sums = {name: np.bincount(place, getattr(table, name)[rows], count).astype(float) for name in SUMMED}
    return [sums["demanded"], _usable(sums), _lost(sums), sums["steal"]]


def _usable(sums: dict[str, Floats]) -> Floats:
    """What was demanded and not spent in the own guest's run queue, s."""
    return np.maximum(sums["demanded"] - sums["run_queue_delay"], 0)


def _lost(sums: dict[str, Floats]) -> Floats:
    """What was lost to the outside, s."""
    seen = np.clip(sums["gap"] - sums["run_queue_delay_in_gaps"] - sums["irq"], 0, _usable(sums))
    return seen + sums["imputed"]


PARTS: Final = ("delivered", "reported", "hidden", "own", "interrupts", "unexplained")


def parts(sums: dict[str, Floats], *, clock: bool) -> dict[str, Floats]:
    """Where demanded time went, by ``PARTS``, each in s; they sum to what was demanded exactly.

    The steal clock sees the vCPU whoever runs on it, and the host's gaps meet others of the guest as well
    (``imputed``): that much of the run-queue delay is moved from "own". Unexplained are gaps of 100 to
    500 µs: host interrupts, or visits too short to tell.

    Args:
        sums: of the columns ``SUMMED``, each over some seconds at the least, as ticks are coarse.
        clock: whether there is a steal clock; without one all that was lost is "hidden".
    """
    demanded = sums["demanded"]
    whole, own = np.where(demanded > 0, demanded, 1), np.clip(sums["run_queue_delay"], 0, demanded)
    shown = np.clip(sums["steal"] / whole, 0, 1) if clock else np.zeros_like(demanded)
    lost = np.clip(_lost(sums), 0, demanded)
    taken = np.maximum(lost, shown * demanded)
    own_left = np.clip(own - np.maximum(sums["imputed"], shown * own), 0, demanded - taken)
    free = demanded - taken - own_left
    interrupts = np.minimum(sums["irq"], free)
    # What a steal clock shows beyond the long gaps was taken in short ones.
    short = np.maximum(sums["short_gap"] - (taken - lost), 0)
    unexplained = np.minimum(short, free - interrupts)
    found = (
        free - interrupts - unexplained,
        shown * demanded,
        taken - shown * demanded,
        own_left,
        interrupts,
        unexplained,
    )
    return dict(zip(PARTS, found, strict=True))
