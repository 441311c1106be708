"""Makes a database as a day of measuring leaves it, for trials of speed.

``python -m tests.tools.day FILE [SEED]``.

The figures are drawn and not measured; everything goes through the real collector, a tick a second, with the
series of a guest of two vCPUs and an hourly round of the probes. Drawn figures take more room than measured
ones; where room matters, what a real run of a minute read comes again and again instead.
"""

from __future__ import annotations

import sqlite3
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from itertools import cycle, pairwise
from pathlib import Path
from types import MappingProxyType

import numpy as np

from tests.builders.example_run import BOOT, GUEST, PLAN, PROFILE, WALL
from vpsbench import metrics
from vpsbench.kernel_text.stat import STATES
from vpsbench.model import Kind, Labels, Metric, Record, RunState, Sample, Series, Status, Turn
from vpsbench.monitors import cpu_times, disks, memory, pressure, vmstat
from vpsbench.probes import score
from vpsbench.probes.cpu_loop import metrics as loop
from vpsbench.probes.fio import metrics as fio
from vpsbench.store.writer import Collector

DAY, HOUR = 86_400, 3600
SETTLED = 8.0  # s of a real run that are not taken: imports, first reads
VCPUS = ("0", "1")
JOBS = ("burst", "randread-qd1", "randread-qd32", "seqread", "randwrite-qd1", "fdatasync", "mix", "seqwrite")
BINS = 4  # a second, of the CPU loops
ROUND = (("cpu", 0, 600), ("disk", 700, 300), ("score", 1100, 60))  # probe, start in the hour, seconds
BENCHMARKS = ("hashing", "compression", "json", "sqlite", "regex", "float", "bigint")
_NONE: Mapping[int, Path] = MappingProxyType({})


def write(
    path: Path,
    seed: int = 1,
    seconds: int = DAY,
    real: Record | None = None,
    keep: Mapping[int, Path] = _NONE,
) -> None:
    """Write one finished run of so many seconds.

    Args:
        path: of the database.
        seed: of what is drawn.
        seconds: of the run.
        real: whose readings come again and again in it.
        keep: after how many seconds, where the run is kept as if it had ended then.
    """
    rng = np.random.default_rng(seed)
    fast = 1.0 + 0.05 * rng.normal()
    heads, rows = _watched_again(real) if real else _watched(np.random.default_rng(seed + 1000), seconds)
    with Collector(path) as collector:
        profile = replace(PROFILE, name="day", duration=float(seconds), tick=1.0)
        collector.begin(
            profile=profile, plan=replace(PLAN, name=f"VPS {seed}", price=f"{seed} EUR a month"),
            guest=replace(GUEST, hostname=f"guest-{seed}"), seed=seed, metrics=list(metrics.owners()),
            wall=WALL, boot=BOOT,
        )  # fmt: skip
        for second, (late, *row) in zip(range(seconds), rows, strict=False):
            if second in keep:
                _keep(path, keep[second], second)
            if second % HOUR == 0:
                probed, turns = _probed(rng, second, fast, real), _turns(second)
            read = (Sample(metric, value, labels) for (metric, labels), value in zip(heads, row, strict=True))
            collector.add(read, at=BOOT + second + late)
            collector.add(probed.get(second, ()), at=BOOT + second, probed=True)
            if second in turns:
                collector.turn(turns[second])
            collector.commit(second)
        collector.finish(RunState.FINISHED, float(seconds))


def _keep(path: Path, copy: Path, second: int) -> None:
    part = copy.with_suffix(".part")
    with closing(sqlite3.connect(path)) as live, closing(sqlite3.connect(part)) as other:
        live.backup(other)
        other.execute("UPDATE runs SET state = 'finished', elapsed = ?", (float(second),))
        other.commit()
    part.replace(copy)


def _watched_again(real: Record) -> tuple[list[tuple[Metric, Labels]], Iterator[list[float]]]:
    """What the monitors read before the first turn, without end: counters go on from where they were."""
    times = real.named(metrics.WALL_OFFSET)[0].times
    ticks = (times > times[0] + SETTLED) & (times < real.turns[0].started - 1)
    watched = [one for one in real.series if np.array_equal(one.times, times)]
    table = np.column_stack([times % 1, *(one.values for one in watched)])[ticks]
    counts = np.array([False, *(one.metric.kind is Kind.COUNTER for one in watched)])

    def rows() -> Iterator[list[float]]:
        row = table[0]
        for before, after in cycle(pairwise(table)):
            counted = (row + after - before).round(6)  # as exact as the kernel tells
            row = np.where(counts, counted, after)
            yield row.tolist()

    return [(one.metric, _labels(one)) for one in watched], rows()


def _watched(
    rng: np.random.Generator, seconds: int
) -> tuple[list[tuple[Metric, Labels]], Iterator[list[float]]]:
    """What the monitors read: which series; and for each second how late it was, s, and the values."""
    counters: list[tuple[Metric, Labels]] = [
        *((cpu_times.TIME, (("state", s), ("vcpu", v))) for s in STATES for v in VCPUS),
        *((metric, (("device", d),)) for metric in disks.MONITOR.metrics for d in ("vda", "vdb")),
        *((m, (("resource", r),)) for m in pressure.MONITOR.metrics for r in ("cpu", "io", "memory")),
        *((m, ()) for m in (vmstat.PGFAULT, vmstat.PGMAJFAULT, vmstat.PSWPIN, vmstat.PSWPOUT)),
        (cpu_times.CONTEXT_SWITCHES, ()),
    ]
    gauges: list[tuple[Metric, Labels]] = [
        *((m, ()) for m in (memory.TOTAL, memory.FREE, memory.AVAILABLE, memory.CACHED)),
        *((cpu_times.RUNNING, ()), (metrics.WALL_OFFSET, ()), (metrics.TICK_COST, ())),
    ]
    steps = rng.exponential(0.05, (seconds, len(counters))).round(2).cumsum(axis=0)
    levels = 1e9 + rng.normal(0, 1e5, (seconds, len(gauges))).cumsum(axis=0).round()
    return [*counters, *gauges], iter(np.hstack([np.zeros((seconds, 1)), steps, levels]).tolist())


def _turns(hour: int) -> dict[int, Turn]:
    """By the second in which they end."""
    return {
        hour + start + length: Turn(probe, hour + start, length, Status.OK, "", {}, {})
        for probe, start, length in ROUND
    }


def _probed(rng: np.random.Generator, hour: int, fast: float, real: Record | None) -> dict[int, list[Sample]]:
    """What the probes emit in an hour, by the second in which it is stored; speeds wander slowly."""
    found: dict[int, list[Sample]] = defaultdict(list)
    level = fast * (1.0 + 0.05 * np.sin(hour / DAY * 2 * np.pi) + 0.01 * rng.normal())
    loops = _loops_again(real, hour) if real else _loops(rng, hour, level)
    for at, sample in (*loops, *_jobs(rng, hour, level), *_scores(rng, hour, level)):
        found[int(at)].append(sample._replace(at=BOOT + at))
    return found


def _loops(rng: np.random.Generator, hour: int, level: float) -> Iterator[tuple[float, Sample]]:
    _, start, length = ROUND[0]
    for vcpu in VCPUS:
        labels = (("arm", "all"), ("duty", "1"), ("vcpu", vcpu))
        gaps = np.clip(rng.exponential(0.003, length * BINS), 0, 0.2)
        iterations = level * 120_000 * (1 + 0.02 * rng.normal(size=length * BINS))
        for n, (gap, done) in enumerate(zip(gaps.tolist(), iterations.tolist(), strict=True)):
            at = hour + start + (n + 1) / BINS
            values = {
                loop.WALL: 1 / BINS, loop.GAP: gap, loop.GAP_MAX: gap / 2, loop.SHORT_GAP: 1e-4,
                loop.IRQ: 0.0, loop.ITERATIONS: round(done),
                loop.RUN_QUEUE_DELAY: 1e-4, loop.LONG_RUN_QUEUE_DELAY: 0.0,
                loop.RUN_QUEUE_DELAY_IN_GAPS: 0.0, loop.STEAL: round(gap, 2),
            }  # fmt: skip
            yield from ((at, Sample(metric, v, labels)) for metric, v in values.items())


def _loops_again(real: Record, hour: int) -> Iterator[tuple[float, Sample]]:
    _, start, length = ROUND[0]
    for one in real.series:
        if one.metric in loop.ALL:
            again = zip(
                range(length), cycle(one.values.tolist()), cycle((one.times % 1).tolist()), strict=False
            )
            for second, value, late in again:
                yield hour + start + second + late, Sample(one.metric, value, _labels(one))


def _labels(series: Series) -> Labels:
    return tuple(sorted(series.labels.items()))


def _jobs(rng: np.random.Generator, hour: int, level: float) -> Iterator[tuple[float, Sample]]:
    _, start, length = ROUND[1]
    each = length // len(JOBS)
    for place, job in enumerate(JOBS):
        labels = (("job", job),)
        begin = hour + start + place * each
        for second, rate in enumerate((level * 2e4 * (1 + 0.05 * rng.normal(size=each))).tolist(), 1):
            yield begin + second, Sample(fio.DIRECT.iops, rate, labels)
            yield begin + second, Sample(fio.DIRECT.bandwidth, rate * 4096, labels)
            yield begin + second, Sample(fio.DIRECT.latency, 1 / rate, labels)
        for q in ("0.5", "0.9", "0.99", "0.999"):
            slow = 5e-5 / level / (1.0001 - float(q)) ** 0.3
            yield begin + each, Sample(fio.DIRECT.quantile, slow, (*labels, ("q", q)))


def _scores(rng: np.random.Generator, hour: int, level: float) -> Iterator[tuple[float, Sample]]:
    _, start, length = ROUND[2]
    for place, benchmark in enumerate(BENCHMARKS):
        for arm, vcpus in (("single", VCPUS[:1]), ("all", VCPUS)):
            for vcpu in vcpus:
                labels = (("arm", arm), ("benchmark", benchmark), ("vcpu", vcpu))
                took = 0.002 / level * (1 + 0.01 * float(rng.normal()))
                yield hour + start + place * length / 7 + 1, Sample(score.TIME, took, labels)


if __name__ == "__main__":
    write(Path(sys.argv[1]), seed=int(sys.argv[2]) if len(sys.argv) > 2 else 1)
