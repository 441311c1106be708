"""Which figures a run is compared by, and how its readings become them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np

from vpsbench.analyzer.cpu import accounting
from vpsbench.compare.estimate import Estimate, Readings, estimate
from vpsbench.model import Better, Metric, Record, Series, Turn
from vpsbench.probes import bandwidth, score
from vpsbench.probes.fio import metrics as fio
from vpsbench.probes.held_memory import metrics as held

SLOT: Final = 1.0  # s of the CPU loops that make one reading: long beside a timer tick or a time slice
_STEAL_SLOT: Final = 5.0  # s; steal comes in ticks of 10 ms
_BLOCKS: Final = {"seqread", "seqwrite"}  # jobs of large blocks: bytes a second say more than I/Os
_FLUSH: Final = "fdatasync"
_TAIL: Final = "0.99"


class Subject(StrEnum):
    """What a figure tells of, in words, and in the order in which figures are shown."""

    SCORE = "scores"
    WORK = "CPU work"
    LOSS = "CPU time lost"
    SPEED = "memory speed"
    TOUCH = "first touch of memory"
    DISK = "the disk"


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that runs are compared by.

    Args:
        name: such as ``disk.randread-qd1.iops``.
        title: in words.
        subject: what it tells of.
        unit: SI, as of a ``Metric``.
        better: which way is better.
        found: the estimate.
    """

    name: str
    title: str
    subject: Subject
    unit: str
    better: Better
    found: Estimate

    @property
    def rate(self) -> bool:
        """Whether it is an amount a second, which makes sense divided by a price."""
        return self.unit.endswith("/s")


def figures(record: Record) -> tuple[Figure, ...]:
    """All figures of a run, in a fixed order; what was not measured is not there."""
    found = [*_cpu(record), *_scores(record), *_memory(record), *_disk(record)]
    return tuple(sorted(found, key=lambda figure: rank(figure.subject)))


def rank(subject: Subject) -> int:
    """Where figures of a subject stand among all of them."""
    return list(Subject).index(subject)


class _Head(NamedTuple):
    """What a figure is called, and what it tells of."""

    name: str
    title: str
    subject: Subject


def _figure(head: _Head, unit: str, better: Better, readings: Readings) -> Iterator[Figure]:
    if readings.values.size:
        yield Figure(*head, unit, better, estimate(readings, better))


# --- CPU -------------------------------------------------------------------------------------------


def _cpu(record: Record) -> Iterator[Figure]:
    table = accounting.loaded(record)
    if not table.wall.size:
        return
    work = _work(table)
    total = Readings(work.times, work.values * len(accounting.vcpus(record)))
    yield from _figure(_Head("cpu.work", "work, all vCPUs", Subject.WORK), "1/s", "higher", total)
    each = _Head("cpu.work.vcpu", "work, each busy vCPU", Subject.WORK)
    yield from _figure(each, "1/s", "higher", work)
    lost = accounting.cut(table, SLOT)
    head = _Head("cpu.lost", "CPU time lost to the host", Subject.LOSS)
    yield from _figure(head, "1", "lower", Readings(lost.start, accounting.lost(lost)))
    clock = record.run.guest.steal_clock.value
    if clock or (clock is None and table.steal.any()):  # a counter that may not count says nothing by its 0
        stolen = accounting.cut(table, _STEAL_SLOT)
        shares = Readings(stolen.start, accounting.reported(stolen))
        head = _Head("cpu.stolen", "CPU time stolen, as reported", Subject.LOSS)
        yield from _figure(head, "1", "lower", shares)


def _work(table: accounting.LoopTimes) -> Readings:
    """Rounds of the loop in each second that its own guest left to it, less what the host took."""
    counted = table.iterations > 0  # records before they were counted have none
    slots, place = np.unique(table.middle[counted] // SLOT, return_inverse=True)
    done, wanted, own = (
        np.bincount(place, column[counted], slots.size)
        for column in (table.iterations, table.demanded, table.run_queue_delay)
    )
    usable = wanted - own
    seen = usable > accounting.LEAST_USABLE * wanted
    return Readings(slots[seen] * SLOT, done[seen] / usable[seen])


# --- scores ----------------------------------------------------------------------------------------


def _scores(record: Record) -> Iterator[Figure]:
    """The suite as one speed an arm: the geometric mean over its benchmarks, one reading a turn."""
    turns = [turn for turn in record.turns if turn.probe == "score"]
    for arm, title in (("single", "score, one vCPU"), ("all", "score, all vCPUs at once")):
        series = record.named(score.TIME, arm=arm)
        suite = {s.labels["benchmark"] for s in series}
        means = [(turn.started, _geometric(series, suite, turn)) for turn in turns]
        rows = np.array([(at, speed) for at, speed in means if speed is not None]).reshape(-1, 2)
        head = _Head(f"score.{arm}", title, Subject.SCORE)
        yield from _figure(head, "1/s", "higher", Readings(rows[:, 0], rows[:, 1]))


def _geometric(series: tuple[Series, ...], suite: set[str], turn: Turn) -> float | None:
    """Works a second in one turn; None where it was cut: a mean over other works is another figure."""
    logs: dict[str, list[float]] = defaultdict(list)
    for one in series:
        inside = (one.times >= turn.started) & (one.times <= turn.started + turn.elapsed + 1)
        logs[one.labels["benchmark"]] += (-np.log(one.values[inside])).tolist()
    whole = {name: np.mean(values) for name, values in logs.items() if values}
    asked = suite | set(turn.options.get("benchmarks", ()))
    return float(np.exp(np.mean(list(whole.values())))) if whole and whole.keys() == asked else None


# --- memory and disk -------------------------------------------------------------------------------


def _memory(record: Record) -> Iterator[Figure]:
    bandwidth_head = _Head("memory.bandwidth", "memory bandwidth, one vCPU", Subject.SPEED)
    yield from _stored(record, bandwidth_head, bandwidth.TRIAD)
    yield from _stored(record, _Head("memory.latency", "memory latency", Subject.SPEED), bandwidth.LATENCY)
    touch = _Head("memory.first_touch", "memory, first touch of a page", Subject.TOUCH)
    yield from _stored(record, touch, held.FIRST_TOUCH)


def _disk(record: Record) -> Iterator[Figure]:
    jobs = [s.labels["job"] for s in record.named(fio.DIRECT.iops)]
    for job in jobs:
        said = "write and fsync" if job == _FLUSH else job.replace("-qd", " QD")
        kind = "bandwidth" if job in _BLOCKS else "iops"
        metric = fio.DIRECT.bandwidth if job in _BLOCKS else fio.DIRECT.iops
        head = _Head(f"disk.{job}.{kind}", f"disk {said}", Subject.DISK)
        yield from _stored(record, head, metric, job=job)
        title = "fsync p99" if job == _FLUSH else f"disk {said} p99"
        head = _Head(f"disk.{job}.p99", title, Subject.DISK)
        yield from _stored(record, head, fio.DIRECT.quantile, job=job, q=_TAIL)


def _stored(record: Record, head: _Head, metric: Metric, **labels: str) -> Iterator[Figure]:
    """A figure that is one stored series as it is."""
    for one in record.named(metric, **labels):
        yield from _figure(head, one.metric.unit, one.metric.better, _readings(one))


def _readings(series: Series) -> Readings:
    return Readings(series.times, series.values)
