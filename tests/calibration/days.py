"""Builds what a run leaves behind on a simulated machine, as the signs see it.

A ``Machine`` says what its host does; ``record`` is one run on it. All that is random follows from its seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final

import numpy as np

from tests.builders import gap_records
from tests.builders.sign_records import Floats, build, series
from tests.calibration.noise import Course, calm, lognormal
from vpsbench.analyzer.verdict import declaration
from vpsbench.analyzer.verdict.judge import completed
from vpsbench.model import Event, Plan, Record, Series

Turn = tuple[str, float, float]  # arm, start, length: s
VCPUS: Final = 2
TICK: Final = 100.0  # 1/s, of a steal counter
FULL: Final = 3000.0  # I/O a second of an undisturbed disk
MIB: Final = 1024**2


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a profile measures what; s."""

    duration: float
    cpu: tuple[Turn, ...]
    disk: tuple[tuple[float, float], ...]
    rounds: tuple[float, ...]
    bin: float


QUICK: Final = Schedule(
    600.0,
    (("all", 5, 125), ("single", 205, 20), ("all", 555, 40)),
    ((450, 37),),
    (360, 397, 433, 470),
    0.5,
)
STANDARD: Final = Schedule(
    14_400.0,
    (("all", 5, 4490), ("single", 4505, 60), ("single", 12_305, 60), ("all", 13_500, 600)),
    ((5110, 240), (12_910, 240)),
    (4870, 4942, 5014, 5086, 12_670, 12_742, 12_814, 12_886),
    1.0,
)


def full_load(seconds: float) -> Schedule:
    """So long a load on all vCPUs, and each alone for a while, and nothing else."""
    return replace(STANDARD, cpu=(("all", 5, seconds), ("single", seconds + 10, 60)), disk=(), rounds=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a host does to its guest.

    Args:
        course: of the share that it takes from busy vCPUs, from the disk, and of pages.
        lost: mean of what it takes from vCPUs; ``alone``: from one that is loaded alone, where that differs.
        shown: whether its guest's steal clock shows that.
        taken: mean of what it takes from the disk.
        slow_reads: mean share of single reads that others slow down.
        swapped: share of the held pages that it has taken in a round, at the most.
        cold: how much slower held pages are anyway.
        merged: share of the equal pages that it keeps once.
        work: turns of a loop a CPU-second, all together over one alone.
        fall: (after which part of a load, what is left of the speed) of a burst bucket.
        own: share of the time that the guest's owner uses himself.
        jumps: the clock steps; ``holes``: readings are missing.
        host: of single gaps, as ``gap_records`` knows it.
    """

    course: Course = calm
    lost: float = 0.0
    alone: float | None = None
    shown: bool = False
    taken: float = 0.0
    slow_reads: float = 0.0
    swapped: float = 0.0
    cold: float = 1.0
    merged: float = 0.0
    work: float = 1.0
    fall: tuple[float, float] | None = None
    own: float = 0.0
    jumps: bool = False
    holes: bool = False
    host: dict[str, Any] = field(default_factory=dict)


def record(
    random: np.random.Generator, machine: Machine, schedule: Schedule, plan: Plan | None = None
) -> Record:
    """One run."""
    made = [
        *_loops(random, machine, schedule),
        *_disk(random, machine, schedule),
        *_memory(random, machine, schedule),
        *_single_gaps(random, machine, schedule),
        _wall_clock(random, machine, schedule),
    ]
    if machine.holes:
        seed = int(random.integers(2**31))
        made = [_with_holes(one, seed) for one in made]
    run = replace(_empty(schedule).run, plan=plan)
    events = (Event(0.0, declaration.DECLARED, _declared(schedule, plan)),)
    return completed(Record(run, tuple(made), (), events))


@cache
def _empty(schedule: Schedule) -> Record:
    length = {"duration": schedule.duration, "elapsed": schedule.duration}
    return build({"run": length, "guest": {"steal_clock": True, "facts": {"disk.between": "nothing"}}})


@cache
def _declared(schedule: Schedule, plan: Plan | None) -> str:
    run = _empty(schedule).run
    return declaration.stored(declaration.declare(run.profile, run.guest, plan))


# --- vCPUs -----------------------------------------------------------------------------------------


def _loops(random: np.random.Generator, machine: Machine, schedule: Schedule) -> Iterator[Series]:
    if not schedule.cpu or machine.host:
        return
    times = np.arange(0.0, max(start + length for _, start, length in schedule.cpu) + 60)
    together = machine.course(random, times, 1.0)
    for vcpu in range(VCPUS):
        # Neighbours come to one vCPU, or to all of them at once.
        course = together if random.random() < 0.5 else machine.course(random, times, 1.0)
        own = np.clip(machine.own * lognormal(random, times.size, 0.9, 0.3), 0, 0.9)
        for arm in ("all", "single"):
            turns = [turn for turn in schedule.cpu if turn[0] == arm]
            bins = [_turn(random, machine, turn, vcpu, schedule.bin, course, own) for turn in turns]
            yield from _loop_series(np.concatenate(bins, axis=1), vcpu, arm)


NAMES: Final = ("wall", "gap", "own_wait", "own_wait_in_gaps", "irq", "steal", "iterations")


def _loop_series(bins: Floats, vcpu: int, arm: str) -> Iterator[Series]:
    for name, values in zip(NAMES, bins[1:], strict=True):
        yield series(f"cpu.loop.{name}", bins[0], values, vcpu=str(vcpu), arm=arm, duty="1")


def _turn(  # noqa: PLR0913, PLR0917  all that a turn of the loop depends on
    random: np.random.Generator,
    machine: Machine,
    turn: Turn,
    vcpu: int,
    width: float,
    course: Floats,
    own: Floats,
) -> Floats:
    """Rows: the ends of the bins, and ``NAMES``."""
    arm, start, length = turn
    if arm == "single":
        length /= VCPUS
        start += vcpu * length
    count = round(length / width)
    wall, places = np.full(count, width), (start + width * np.arange(count)).astype(int)
    mean = machine.lost if arm == "all" or machine.alone is None else machine.alone
    share = np.clip(mean * course[places], 0, 1)
    if machine.fall and arm == "all":
        fast = np.arange(count) < machine.fall[0] * count
        share = np.where(fast, share, 1 - machine.fall[1] * (1 - share))
    waited = own[places] * wall
    taken = share * (wall - waited)
    if machine.jumps and random.random() < 0.5:
        place, step = random.integers(count), random.uniform(0.1, 3.0)
        wall[place] += step
        taken[place] += step
    steal = np.diff(np.floor(np.cumsum(share * wall * machine.shown) * TICK) / TICK, prepend=0.0)
    rate = 1e7 * (machine.work if arm == "all" else 1.0) * lognormal(random, count, 0.5, 0.02)
    worked = (wall - waited - taken) * rate
    return np.vstack(
        [start + np.cumsum(wall), wall, taken + waited, waited, waited, np.zeros(count), steal, worked]
    )


def _single_gaps(random: np.random.Generator, machine: Machine, schedule: Schedule) -> Iterator[Series]:
    """Loads of a minute of which each gap is kept, on one vCPU."""
    if machine.host:
        turns = [(start, min(60.0, length)) for arm, start, length in schedule.cpu if arm == "all"]
        for metric, times, values, labels in gap_records.columns(
            machine.host | {"turns": turns, "seed": int(random.integers(2**31))}
        ):
            yield series(metric, times, values, **labels)


# --- disk and memory -------------------------------------------------------------------------------


def _disk(random: np.random.Generator, machine: Machine, schedule: Schedule) -> Iterator[Series]:
    """The burst job, second by second, the guest's own counters of it, and single reads all along."""
    if not schedule.disk:
        return
    jobs = [_job(random, machine, start, length) for start, length in schedule.disk]
    times, rates = (np.concatenate(columns) for columns in zip(*jobs, strict=True))
    yield series("disk.fio.iops", times, rates, job="burst")
    yield series("disk.fio.iops", times[:20] + 1000, 0.8 * rates[:20], job="randread-qd1")
    yield series("disk.fio.cpu", times[-1:], [0.05], job="burst")
    ticks = np.arange(0.0, schedule.duration, 10.0)
    reads = np.interp(ticks, times, np.cumsum(rates)) + ticks / 2
    yield series("disk.reads", ticks, reads, device="vda")
    yield series("disk.read_bytes", ticks, 4096 * reads, device="vda")
    yield from _single_reads(random, machine, schedule)


def _job(random: np.random.Generator, machine: Machine, start: float, length: float) -> tuple[Floats, Floats]:
    times = start + 1.0 + np.arange(length)
    left = 1 - np.clip(machine.taken * machine.course(random, times, 1.0), 0, 1)
    if machine.fall:
        left = np.where(times - start < machine.fall[0] * length, left, machine.fall[1] * left)
    return times, np.asarray(FULL * left * lognormal(random, times.size, 0.5, 0.03), dtype=np.float64)


def _single_reads(random: np.random.Generator, machine: Machine, schedule: Schedule) -> Iterator[Series]:
    times = np.arange(1.0, schedule.duration, 2.0)
    slow = random.random(times.size) < machine.slow_reads * machine.course(random, times, 1.0)
    latency = 5e-4 * lognormal(random, times.size, 0.5, 0.3) * np.where(slow, 50.0, 1.0)
    yield series("disk.sparse.latency", times, latency)
    yield series("disk.sparse.late", times, np.full(times.size, 1e-4))


FAST, BACK = 1500.0, 50_000.0  # ns: a page that is there, and one that the host brings back
BOUNDS: Final = np.array([round(64 * 2 ** (quarter / 4)) for quarter in range(101)])


def _memory(random: np.random.Generator, machine: Machine, schedule: Schedule) -> Iterator[Series]:
    """Rounds of touching, and the course of MemTotal."""
    times = np.array(schedule.rounds)
    if not times.size:
        return
    yield series("memory.total", [0.0, *times], 2e9 - 4 * MIB * random.random(times.size + 1))
    slow = machine.swapped * np.clip(machine.course(random, times, 1.0), 0, 1)
    for arm, touches, shares, cold in (("held", 20_000, slow, machine.cold), ("hot", 4000, 0 * slow, 1.0)):
        counts = np.array([_histogram(random, touches, share, cold) for share in shares])
        for place in np.flatnonzero(counts.any(axis=0)):
            seen = counts[:, place] > 0
            bound = str(BOUNDS[place])
            yield series("memory.touch.count", times[seen], counts[seen, place], arm=arm, le=bound)
        yield series("memory.touch.total", times, np.full(times.size, touches), arm=arm)
    for name in ("majflt", "minflt", "swap", "steal", "own_wait"):
        yield series(f"memory.touch.{name}", times, np.zeros(times.size))
    yield from _equal_pages(random, machine, times[-1:], float(slow[-1]))


def _equal_pages(
    random: np.random.Generator, machine: Machine, times: Floats, slow: float
) -> Iterator[Series]:
    """Writes to pages in equal pairs and to unique ones beside them."""
    yield series("merge.held", times, [1.0])
    yield series("merge.age", times, [120.0])
    yield series("merge.own_ksm", times, [0.0])
    for write in ("first", "second"):
        for arm in ("duplicate", "unique", "zero"):
            merged = machine.merged if (arm, write) == ("duplicate", "first") else 0.0
            counts = _histogram(random, 4096, max(slow, merged), machine.cold)
            for place in np.flatnonzero(counts):
                bound = str(BOUNDS[place])
                yield series("merge.write", times, [counts[place]], arm=arm, write=write, le=bound)


def _histogram(random: np.random.Generator, touches: int, share: float, cold: float) -> Floats:
    """Latencies of both modes; one touch in a thousand is late by a heavy tail, whatever the host does."""
    spread = 0.3 + 0.2 * np.log2(cold)
    latencies = FAST * np.sqrt(cold) * np.exp(spread * random.normal(size=touches))
    late = random.random(touches) < 0.001
    latencies[late] *= 1 + random.pareto(1.0, late.sum())
    gone = random.random(touches) < share
    latencies[gone] = BACK * np.exp(0.3 * random.normal(size=int(gone.sum())))
    places = np.minimum(np.searchsorted(BOUNDS, latencies), BOUNDS.size - 1)
    return np.bincount(places, minlength=BOUNDS.size).astype(float)


# --- what disturbs the measurement -----------------------------------------------------------------


def _wall_clock(random: np.random.Generator, machine: Machine, schedule: Schedule) -> Series:
    times = np.arange(0.0, schedule.duration, 60.0)
    steps = (random.random(times.size) < 0.02) * random.normal(0, 5, times.size) * machine.jumps
    return series("clock.wall_offset", times, 1.8e9 + np.cumsum(steps))


def _with_holes(one: Series, seed: int) -> Series:
    """Readings lost one by one, and all of some minutes; the same for all metrics of a loop."""
    if not one.metric.name.startswith(("cpu.loop.", "disk.fio.")):
        return one
    same = np.random.default_rng([seed, one.times.size, *"".join(one.labels.values()).encode()])
    lost = same.random(one.times.size) < 0.03
    since = same.uniform(one.times[0], one.times[-1])
    lost |= (one.times >= since) & (one.times < since + same.uniform(10, 300))
    return replace(one, times=one.times[~lost], values=one.values[~lost])
