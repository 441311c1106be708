"""What a disk delivered under load, and what besides the disk had a part in it. All pure; times in s."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.analyzer.cpu import accounting
from vpsbench.analyzer.strength import SHORTEST_BATCH
from vpsbench.model import Metric, Record, Series
from vpsbench.monitors import cpu_times, disks
from vpsbench.probes.disk_file import metrics as disk_file
from vpsbench.probes.fio import metrics as fio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpsbench.model import Floats

PAUSE: Final = 2.5  # s between two readings: another job
BLOCK: Final = 4096  # B, of a read of the sparse probe
MOST: Final = 0.99  # of the time, stolen; beyond it nothing could be told anyway
HANDS: Final = 2  # vCPUs that an I/O needs at most: the one that asks and the one that is interrupted
IOPS: Final = fio.DIRECT.iops
BANDWIDTH: Final = fio.DIRECT.bandwidth
DEVICE: Final = {IOPS: (disks.READS, disks.WRITES), BANDWIDTH: (disks.READ_BYTES, disks.WRITE_BYTES)}


@dataclass(frozen=True, slots=True)
class Workload:
    """One way to deliver what was promised.

    Args:
        what: it does, in words.
        deep: names of its jobs with a long queue.
        depth: how many I/Os these have under way.
        single: name of the job with one I/O under way.
    """

    what: str
    deep: tuple[str, ...]
    depth: int
    single: str


@dataclass(frozen=True, slots=True)
class PromisedRate:
    """A rate that the plan names, and the ways in which it may be kept."""

    metric: Metric
    least: float
    text: str
    workloads: tuple[Workload, ...]


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came: rates in seconds of jobs with a long queue.

    Args:
        workload: of which load.
        times: of the ends of the readings, s.
        widths: of the readings, s.
        rates: one a reading.
        gain: how many times as much an endless queue may have delivered.
        stolen: of the time, that vCPUs it needed may have been away, at most; None: not known.
    """

    workload: Workload
    times: Floats
    widths: Floats
    rates: Floats
    gain: float = 1.0
    stolen: float | None = None

    @property
    def mean(self) -> float:
        """Over all of the time."""
        return float(np.average(self.rates, weights=self.widths))

    @property
    def allowance(self) -> float:
        """How many times as much it may have been with an endless queue and vCPUs that are always there.

        While a vCPU is away the disk works off its queue or stands still: it loses no more than that time.
        """
        return self.gain / (1 - (self.stolen or 0.0))


def delivered(record: Record, metric: Metric, workload: Workload) -> Delivered | None:
    """What a workload's jobs delivered; None where they made less than one batch."""
    parts = [
        (series.times, np.diff(series.times, prepend=-inf), series.values)
        for job in workload.deep
        for series in record.named(metric, job=job)
    ]
    if not parts:
        return None
    times, widths, rates = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.argsort(times)
    widths = np.where(widths > PAUSE, 1.0, widths)[order]
    if widths.sum() < SHORTEST_BATCH:
        return None
    found = Delivered(workload, times[order], widths, rates[order])
    return replace(found, gain=_gain(record, metric, workload, found.mean), stolen=stolen(record, found))


def _gain(record: Record, metric: Metric, workload: Workload, deep: float) -> float:
    """How many times as much an endless queue may deliver; infinite where nothing bounds it."""
    values = [series.values for series in record.named(metric, job=workload.single) if series.values.size]
    if not values or deep <= 0:
        return inf if deep > 0 else 1.0
    most = workload.depth * float(np.concatenate(values).mean())  # if nothing but distance took time
    return most / (most - deep) if most > deep else inf


def busy(record: Record, workload: Workload) -> float | None:
    """The most of a vCPU that fio used in one of the jobs; None: it is not known."""
    values = [
        s.values.max() for job in workload.deep for s in record.named(fio.CPU, job=job) if s.values.size
    ]
    return float(max(values)) if values else None


def others(record: Record, metric: Metric, best: Delivered) -> float | None:
    """The share of the disks' work that was not ours; None: no monitor saw it."""
    counters = [series for name in DEVICE[metric] for series in record.named(name) if series.times.size > 1]
    inside, starts, ends = _stretches(best)
    if not counters or not inside.size:
        return None
    grown = sum(_growth(series, starts, ends) for series in counters)
    ours = float((best.rates[inside] * best.widths[inside]).sum())
    ours += _sparse(record, starts, ends) * (1 if metric == IOPS else BLOCK)
    return max(0.0, 1 - ours / grown) if grown > 0 else None


def _stretches(best: Delivered) -> tuple[NDArray[np.int64], Floats, Floats]:
    """The readings that follow another one, and when each began and ended."""
    inside = np.flatnonzero(np.diff(best.times, prepend=-inf) < PAUSE)
    ends = best.times[inside]
    return inside, ends - best.widths[inside], ends


def _growth(series: Series, starts: Floats, ends: Floats) -> float:
    """How much a counter grew in these stretches."""
    seen = [np.interp(at, series.times, series.values) for at in (ends, starts)]
    return float((seen[0] - seen[1]).sum())


def _sparse(record: Record, starts: Floats, ends: Floats) -> int:
    """How many reads the probe made that looks at the disk all along: they are ours, too."""
    count = 0
    for series in record.named(disk_file.SPARSE_LATENCY):
        count += int((np.searchsorted(series.times, ends) - np.searchsorted(series.times, starts)).sum())
    return count


def stolen(record: Record, best: Delivered) -> float | None:
    """An upper bound of the part of the time in which a vCPU was away that an I/O needed.

    By the guest's steal clock, at the time; and by what busy vCPUs lost in the run's turns of the CPU probe,
    which is more than vCPUs lose that are hardly busy. None: neither can be told.
    """
    _, starts, ends = _stretches(best)
    known = []
    if record.run.guest.steal_clock.value and starts.size:
        clocks = [s for s in record.named(cpu_times.TIME, state="steal") if s.times.size > 1]
        known.append(sum(sorted(_growth(s, starts, ends) for s in clocks)[-HANDS:]) / (ends - starts).sum())
    if (lost := accounting.share(accounting.loaded(record), accounting.lost)) is not None:
        known.append(HANDS * lost)
    return min(max(0.0, *known), MOST) if known else None
