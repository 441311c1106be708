"""The sparse reads of the background: which of them nothing of this guest disturbed, and what is slow.

Times in s. All pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from vpsbench.analyzer.statistics.daily_rhythm import HourlyValues
from vpsbench.model import Metric, Record
from vpsbench.monitors import disks
from vpsbench.probes.disk_file import metrics as disk_file

if TYPE_CHECKING:
    from vpsbench.model import Floats

OPERATED: Final = (disks.READS, disks.WRITES)
MOVED: Final = (disks.READ_BYTES, disks.WRITE_BYTES)
AFTER: Final = 5.0  # s after a turn of ours on the disk, in which it may still be at work
OPERATIONS: Final = 50.0  # a second, of others in this guest: more of them are its own load
BYTES: Final = 2 * 1024.0**2  # B/s, likewise
SHORTEST: Final = 5.0  # s, of a stretch that is looked at as one, and
READS: Final = 30.0  # reads in it, at least
CALM: Final = 0.25  # of all windows are the calm ones
FEWEST_CALM: Final = 300  # reads: an upper bound of their 99 % quantile needs 299 (0.99 ** 299 < 0.05)
FACTOR: Final = 3.0  # times the calm p99: slow. Windows chosen as calm look calmer than they are
LEAST: Final = 0.002  # s; nobody is accused of less
QUANTILES: Final = (0.5, 0.99, 0.999)


@dataclass(frozen=True, slots=True)
class Reads:
    """Single reads in the order of time: when each ended, how long it took, how late the pause before it."""

    at: Floats
    latency: Floats
    late: Floats

    def only(self, which: NDArray[np.bool_]) -> Reads:
        """Some of them."""
        return Reads(self.at[which], self.latency[which], self.late[which])

    @property
    def every(self) -> float:
        """The usual time from one read to the next."""
        return float(np.median(np.diff(self.at))) if self.at.size > 1 else 0.1


def reads(record: Record) -> Reads:
    """All of a run; those of which not all is known are left out."""
    columns = [
        {float(t): float(v) for s in record.named(metric) for t, v in zip(s.times, s.values, strict=True)}
        for metric in (disk_file.SPARSE_LATENCY, disk_file.SPARSE_LATE)
    ]
    times = sorted(columns[0].keys() & columns[1].keys())
    return Reads(np.array(times), *(np.array([column[t] for t in times]) for column in columns))


def undisturbed(record: Record, found: Reads) -> NDArray[np.bool_] | None:
    """Which reads met no I/O of this guest's own; None where that is not counted, as in containers."""
    busy = _others(record, found)
    if busy is None:
        return None
    spans = [(t.started, t.started + t.elapsed + AFTER) for t in record.turns if t.probe == "disk"]
    begun = found.at - found.latency - found.every  # the pause before it is a part of what is judged
    free = np.ones(found.at.size, dtype=np.bool_)
    for since, until in (*spans, *busy):
        free &= (found.at < since) | (begun > until)
    return free


def _others(record: Record, found: Reads) -> list[tuple[float, float]] | None:
    """The times between two ticks in which this guest used its disks for more than our reads."""
    counted = [s for metric in (*OPERATED, *MOVED) for s in record.named(metric)]
    times = max((s.times for s in counted), key=lambda one: one.size, default=np.zeros(0))
    if times.size < 2:
        return None
    length = np.diff(times)
    ours = np.diff(np.searchsorted(found.at, times))
    operations = _growth(record, OPERATED, times) - ours
    moved = _growth(record, MOVED, times) - ours * 4096.0
    busy = (operations > OPERATIONS * length) | (moved > BYTES * length)
    unseen = [(-np.inf, float(times[0])), (float(times[-1]), np.inf)]
    return unseen + [(float(times[k]), float(times[k + 1])) for k in np.flatnonzero(busy)]


def _growth(record: Record, metrics: tuple[Metric, ...], times: Floats) -> Floats:
    """How much these counters grew between two times, over all disks."""
    total = np.zeros(times.size - 1)
    for metric in metrics:
        for series in record.named(metric):
            total += np.maximum(np.diff(np.interp(times, series.times, series.values)), 0.0)
    return total


def length(found: Reads) -> float:
    """Of the shortest stretches that are looked at as one."""
    return max(SHORTEST, READS * found.every)


def limit(found: Reads) -> float | None:
    """What counts as slow: a multiple of the run's own calm p99, at least its upper bound at 95 %.

    None: there are too few reads to know it.
    """
    places = (found.at // length(found)).astype(np.int64)
    windows = [found.latency[places == place] for place in np.unique(places)]
    windows = sorted((one for one in windows if one.size), key=lambda one: float(np.quantile(one, 0.9)))
    calm = np.zeros(0)
    for count, one in enumerate(windows):
        if count >= CALM * len(windows) and calm.size >= FEWEST_CALM:
            break
        calm = np.concatenate([calm, one])
    if calm.size < FEWEST_CALM:
        return None
    return max(LEAST, FACTOR * bound(calm, 0.99))


def bound(values: Floats, q: float) -> float:
    """The upper bound of a quantile, one-sided at 95 %, by order statistics; at most the largest value."""
    rank = ceil(values.size * q + 1.645 * sqrt(values.size * q * (1 - q))) + 1
    return float(np.sort(values)[min(rank, values.size) - 1])


def lower(values: Floats, q: float) -> float:
    """The lower bound, likewise."""
    rank = int(values.size * q - 1.645 * sqrt(values.size * q * (1 - q))) - 1
    return float(np.sort(values)[max(rank, 1) - 1])


def quantiles(found: Reads, width: float = 600.0, fewest: int = 100) -> Floats:
    """Rows of (start, p50, p99, p99.9, lower and upper bound of p99), one for each part of ``width``.

    Parts with fewer reads than ``fewest`` are left out, unless there are no others.
    """
    places = (found.at // width).astype(np.int64)
    groups = [(place * width, found.latency[places == place]) for place in np.unique(places)]
    full = [(start, values) for start, values in groups if values.size >= fewest] or groups
    return np.array([
        (start, *np.quantile(values, QUANTILES), lower(values, 0.99), bound(values, 0.99))
        for start, values in full
    ])  # fmt: skip


def hourly(record: Record, found: Reads) -> HourlyValues:
    """The p99 of each hour, in s; NaN where fewer than ``FEWEST_CALM`` reads tell it."""
    hour = np.floor((record.run.started + found.at) / 3600).astype(np.int64)
    if not hour.size:
        return HourlyValues(0, np.zeros(0))
    values = np.full(hour[-1] - hour[0] + 1, np.nan)
    cuts = np.flatnonzero(np.diff(hour)) + 1
    for place, latencies in zip(hour[np.r_[0, cuts]], np.split(found.latency, cuts), strict=True):
        if latencies.size >= FEWEST_CALM:
            values[place - hour[0]] = np.quantile(latencies, 0.99)
    return HourlyValues(int(hour[0]), values)


@dataclass(frozen=True, slots=True)
class Batches:
    """Equal stretches: when each began, in which share of its time a read would be slow, and more."""

    start: Floats
    slow: Floats
    middle: Floats  # median of the latencies
    late: Floats  # three pauses in four were no later


def batches(found: Reads, slow: float, width: float) -> Batches:
    """Cuts the reads into stretches of ``width`` that were seen for half of it at least.

    A read weighs as much as the time that it and a pause took, as nothing else could be asked meanwhile.
    Twice what pauses were too late by as much is taken away: a vCPU that was not there makes both.
    """
    weight = found.latency + found.every
    places = (found.at // width).astype(np.int64)
    kept, place = np.unique(places, return_inverse=True)
    seen = np.bincount(place, weight, kept.size)
    late = np.bincount(place, weight * (found.late > slow), kept.size)
    long = np.bincount(place, weight * (found.latency > slow), kept.size)
    whole = seen >= width / 2
    share = np.clip((long - 2 * late)[whole] / seen[whole], 0.0, 1.0)
    cuts = np.flatnonzero(np.diff(place)) + 1
    middle, punctual = (
        np.array(
            [np.quantile(part, q) for part, told in zip(np.split(values, cuts), whole, strict=True) if told]
        )
        for values, q in ((found.latency, 0.5), (found.late, 0.75))
    )
    return Batches(kept[whole].astype(np.float64) * width, share, middle, punctual)
