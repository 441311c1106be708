"""Where does a busy vCPU's second go? A pinned loop on every vCPU watches the clock and counts gaps.

An undisturbed loop sees the clock move by about 100 ns a turn. Whenever the clock jumps, somebody else
had the vCPU: another process of this guest (the kernel counts that as our wait in the run queue), an
interrupt, or somebody outside: the hypervisor, the host, a neighbour. The loop also counts its
turns, which tells "less time" from "slower time".
"""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import Final

from vpsbench.model import Guest, Kind, Metric
from vpsbench.probes import Emit, Probe, Request

# 96 % of an idle guest's gaps are timer ticks under 50 µs; 100 to 500 µs are host interrupts (and the
# pauses of software emulation); from 500 µs on somebody was scheduled in our place.
SHORT_GAP_NS: Final = 100_000
GAP_NS: Final = 500_000
_WARM_UP_NS: Final = 200_000_000  # first turns of the loop, while code and clock page are touched
_TICKS: Final = 100  # USER_HZ, the unit of /proc/stat for user programs on all but two old CPUs


@dataclass(frozen=True, slots=True)
class Options:
    """How the loops run.

    Args:
        bin: length of one reading, s.
        arm: "all" loads every vCPU at the same time, "single" one after the other.
    """

    bin: float = 0.25
    arm: str = "all"

    def __post_init__(self) -> None:
        if not 0.05 <= self.bin <= 10:
            raise ValueError("bin: expected 0.05 to 10 s")
        if self.arm not in ("all", "single"):
            raise ValueError('arm: expected "all" or "single"')


@dataclass(slots=True)
class Bin:
    """What one loop saw in one bin; ns, except ``turns`` and the tick counts irq and steal."""

    end: int = 0
    wall: int = 0
    turns: int = 0
    gap: int = 0
    short_gap: int = 0
    gap_max: int = 0
    own_wait_in_gaps: int = 0
    own_wait: int = 0
    irq: int | None = 0
    steal: int | None = 0


@dataclass(slots=True)
class Counters:
    """The kernel's counters that explain a gap; files stay open, as reading must cost little."""

    schedstat: int
    stat: int
    vcpu: int

    @classmethod
    def open(cls, vcpu: int) -> Counters:
        """For the calling process, pinned to ``vcpu``."""
        return cls(os.open("/proc/self/schedstat", os.O_RDONLY), os.open("/proc/stat", os.O_RDONLY), vcpu)

    def own_wait(self) -> int:
        """Time that this process was runnable but waited for others of the guest, ns."""
        return int(os.pread(self.schedstat, 64, 0).split()[1])

    def ticks(self) -> tuple[int | None, int | None]:
        """(irq + softirq, steal) of the vCPU in USER_HZ ticks; None where the kernel lacks the column."""
        return parse_ticks(os.pread(self.stat, 64 * 1024, 0), self.vcpu)


def parse_ticks(text: bytes, vcpu: int) -> tuple[int | None, int | None]:
    """(irq + softirq, steal) from the text of /proc/stat, in USER_HZ ticks.

    Raises:
        ValueError: the vCPU has no line.
    """
    for line in text.splitlines():
        name, *fields = line.split()
        if name == b"cpu%d" % vcpu:
            # user nice system idle iowait irq softirq steal …: proc(5)
            irq = int(fields[5]) + int(fields[6]) if len(fields) > 6 else None
            return irq, int(fields[7]) if len(fields) > 7 else None
    raise ValueError(f"/proc/stat has no line for vCPU {vcpu}")


def watch(
    ends: int,
    seconds: float,
    counters: Counters,
    hand_over: Callable[[Bin], None],
    clock: Callable[[], int] = time.perf_counter_ns,
) -> None:
    """Spins until ``ends`` (ns on ``clock``), handing over a ``Bin`` every ``seconds``."""
    length = round(seconds * 1e9)
    waited, (irq, steal) = counters.own_wait(), counters.ticks()
    last = clock()
    while last < ends:
        one = Bin()
        began, waited_before = last, waited
        bin_ends = min(began + length, ends)
        turns = 0
        while last < bin_ends:
            now = clock()
            turns += 1
            if now - last > SHORT_GAP_NS:
                waited = _account(one, now - last, waited, counters)
                now = clock()  # what the accounting took is no gap
            last = now
        waited = counters.own_wait()
        irq_now, steal_now = counters.ticks()
        one.irq, irq = _growth(irq, irq_now), irq_now
        one.steal, steal = _growth(steal, steal_now), steal_now
        one.wall, one.turns, one.own_wait = last - began, turns, waited - waited_before
        one.end = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        hand_over(one)
        # Handing over is our own doing: begin the next bin after it.
        waited, last = counters.own_wait(), clock()


def _account(one: Bin, gap: int, waited: int, counters: Counters) -> int:
    """Adds a gap to the bin; returns the own wait so far, so that each gap is charged only its own."""
    now = counters.own_wait()
    if gap < GAP_NS:
        one.short_gap += gap
    else:
        one.gap += gap
        one.gap_max = max(one.gap_max, gap)
        one.own_wait_in_gaps += min(gap, now - waited)
    return now


def _growth(before: int | None, now: int | None) -> int | None:
    return None if before is None or now is None else now - before


def _spin(vcpu: int, seconds: float, length: float, to: Connection) -> None:
    """The body of one loop's process."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.sched_setaffinity(0, {vcpu})
    gc.collect()
    gc.disable()
    counters = Counters.open(vcpu)
    begin = time.perf_counter_ns()
    watch(begin + _WARM_UP_NS, 0.1, counters, lambda _: None)
    watch(begin + round(seconds * 1e9), length, counters, to.send)
    to.close()


def _emit(emit: Emit, one: Bin, vcpu: int, arm: str) -> None:
    labels = {"vcpu": str(vcpu), "arm": arm}
    at = one.end / 1e9
    for name in ("wall", "gap", "short_gap", "gap_max", "own_wait", "own_wait_in_gaps"):
        emit.sample(f"cpu.loop.{name}", getattr(one, name) / 1e9, at, **labels)
    for name in ("irq", "steal"):
        if (ticks := getattr(one, name)) is not None:
            emit.sample(f"cpu.loop.{name}", ticks / _TICKS, at, **labels)
    emit.sample("cpu.loop.iterations", one.turns, at, **labels)


def _together(vcpus: tuple[int, ...], seconds: float, request: Request, emit: Emit) -> None:
    """Runs a loop on each of these vCPUs at the same time, and emits what they hand over."""
    context = get_context("fork")  # the worker is small and has no threads
    options: Options = request.options
    loops: dict[Connection, tuple[int, ForkProcess]] = {}
    try:
        for vcpu in vcpus:
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=_spin, args=(vcpu, seconds, options.bin, theirs), daemon=True)
            process.start()
            theirs.close()
            loops[ours] = (vcpu, process)
        open_ends: list[Connection] = list(loops)
        while open_ends:
            for end in wait(open_ends):
                assert isinstance(end, Connection)  # noqa: S101  wait() also knows sockets and numbers
                try:
                    _emit(emit, end.recv(), loops[end][0], options.arm)
                except EOFError:
                    open_ends.remove(end)
    finally:
        for vcpu, process in loops.values():
            process.join(1)
            if process.is_alive():  # the turn was ended early
                process.kill()
                process.join()
                continue
            if process.exitcode:
                emit.event("child_died", f"the loop on vCPU {vcpu} ended with status {process.exitcode}")


def run(request: Request, emit: Emit) -> None:
    """One turn: all vCPUs together, or one after the other for an equal share of the time."""
    if request.options.arm == "all":
        emit.note(f"a loop on each of {len(request.vcpus)} vCPUs")
        _together(request.vcpus, request.seconds, request, emit)
        return
    for vcpu in request.vcpus:
        emit.note(f"a loop on vCPU {vcpu} alone")
        _together((vcpu,), request.seconds / len(request.vcpus), request, emit)


def missing(guest: Guest) -> str | None:
    """Never: a clock is everywhere. Where schedstat is missing the loop fails and says so."""
    del guest
    return None


def _gauge(name: str, unit: str, help_: str) -> Metric:
    return Metric(f"cpu.loop.{name}", unit, Kind.GAUGE, "neither", help_)


PROBE = Probe(
    name="cpu",
    metrics=(
        _gauge("wall", "s", "length of the bin"),
        _gauge("gap", "s", "sum of the gaps of 500 µs and more"),
        _gauge("short_gap", "s", "sum of the gaps of 100 to 500 µs"),
        _gauge("gap_max", "s", "longest gap"),
        _gauge("own_wait", "s", "wait for other processes of this guest"),
        _gauge("own_wait_in_gaps", "s", "the part of that wait inside gaps of 500 µs and more"),
        _gauge("irq", "s", "interrupts and soft interrupts of this vCPU (/proc/stat)"),
        _gauge("steal", "s", "steal that the kernel reports for this vCPU (/proc/stat)"),
        _gauge("iterations", "1", "turns of the loop"),
    ),
    options=Options,
    missing=missing,
    run=run,
)
