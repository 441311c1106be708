"""Where does a busy vCPU's second go? A pinned loop on every vCPU watches the clock and counts gaps.

Three arms: "all" vCPUs together; each "single" one after the other, which tells what they take from each
other; and a "sweep" over duty cycles, which tells a cap (nothing is lost below it) from contention.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from vpsbench.model import Duration, Guest, Kind, Metric
from vpsbench.probes import Emit, Probe, Request
from vpsbench.probes.conduct.rest_doses import RELOAD, RESTS, fell
from vpsbench.probes.cpu_loop.loop import Bin
from vpsbench.probes.cpu_loop.processes import Step, spin

_TICKS: Final = 100  # USER_HZ, the unit of /proc/stat for user programs on all but two old CPUs
ARMS: Final = ("all", "single", "sweep")
SWEEP: Final = (0.1, 0.3, 0.6, 1.0)
_TIMES: Final = (
    *("wall", "gap", "short_gap", "gap_max"),
    *("own_wait", "long_own_wait", "own_wait_in_gaps"),
)


@dataclass(frozen=True, slots=True)
class Options:
    """How the loops run.

    Args:
        bin: length of one reading, s.
        arm: "all" loads every vCPU at the same time, "single" one after the other, "sweep" all of them
            at rising duty.
        rest: s; where what is delivered falls under load, rests of 1, 2 and 4 times as long follow, each
            with another load. They are part of the turn's time. 0: never.
    """

    bin: float = 0.25
    arm: str = "all"
    rest: Duration = 0.0

    def __post_init__(self) -> None:
        if not 0.05 <= self.bin <= 10:
            raise ValueError("bin: expected 0.05 to 10 s")
        if self.arm not in ARMS:
            raise ValueError(f"arm: expected one of {', '.join(ARMS)}")
        if not (self.rest == 0 or 1 <= self.rest <= 3600):
            raise ValueError("rest: expected 0, or 1 to 3600 s")
        if self.rest and self.arm != "all":
            raise ValueError('rest: expected 0, as only the arm "all" rests')


def _emit(emit: Emit, bins: list[Bin], vcpu: int, step: Step) -> None:
    """One message for each metric and not for each bin: on a slow guest they cost more than the loop sees."""
    labels = {"vcpu": str(vcpu), "arm": step.arm, "duty": f"{step.duty:g}"}
    at = [one.end / 1e9 for one in bins]
    wanted = ("wanted",) if step.duty < 1 else ()  # else it is all of the bin
    for name in (*_TIMES, *wanted):
        emit.course(f"cpu.loop.{name}", [getattr(one, name) / 1e9 for one in bins], at, **labels)
    for name in ("irq", "steal"):
        found = [(getattr(one, name), end) for one, end in zip(bins, at, strict=True)]
        known = [(ticks / _TICKS, end) for ticks, end in found if ticks is not None]
        _pairs(emit, name, known, labels)
    emit.course("cpu.loop.iterations", [one.turns for one in bins], at, **labels)
    for name in ("gaps", "waits"):
        pairs = [(length / 1e9, end / 1e9) for one in bins for end, length in getattr(one, name)]
        _pairs(emit, f"one_{name.removesuffix('s')}", pairs, labels)


def _pairs(emit: Emit, name: str, pairs: list[tuple[float, float]], labels: dict[str, str]) -> None:
    if pairs:
        values, at = zip(*pairs, strict=True)
        emit.course(f"cpu.loop.{name}", values, at, **labels)


def _load(step: Step, length: float, emit: Emit) -> list[float]:
    """Runs a step and emits what its loops hand over; returns the share that each bin delivered."""
    delivered: list[float] = []

    def take(bins: list[Bin], vcpu: int) -> None:
        _emit(emit, bins, vcpu, step)
        delivered.extend(
            1 - (one.gap - one.own_wait_in_gaps) / max(1, one.wanted - one.own_wait) for one in bins
        )

    for vcpu, status in spin(step, length, take):
        emit.event("child_died", f"the loop on vCPU {vcpu} ended with status {status}")
    return delivered


def steps(request: Request) -> Iterator[Step]:
    """The stretches of load of one turn, without the reloads after a rest."""
    options: Options = request.options
    vcpus, seconds = request.vcpus, request.seconds
    if options.arm == "single":
        for vcpu in vcpus:
            yield Step((vcpu,), seconds / len(vcpus), request.duty, "single")
    elif options.arm == "sweep":
        duties = sorted({min(duty, request.duty) for duty in SWEEP})
        for duty in duties:
            yield Step(vcpus, seconds / len(duties), duty, "sweep")
    else:
        reloads = _rest(request) * sum(RESTS) * (1 + RELOAD)
        yield Step(vcpus, seconds - reloads, request.duty, "all")


def _rest(request: Request) -> float:
    """The shortest rest, s: as asked for, but rests and reloads take at most half of the turn."""
    longest = request.seconds / 2 / (sum(RESTS) * (1 + RELOAD))
    return min(float(request.options.rest), longest)


def run(request: Request, emit: Emit) -> None:
    """One turn."""
    length = request.options.bin
    for step in steps(request):
        where = f"vCPU {step.vcpus[0]} alone" if step.arm == "single" else f"each of {len(step.vcpus)} vCPUs"
        emit.note(f"a loop on {where}" + (f", {step.duty:.0%} of the time" if step.duty < 1 else ""))
        delivered = _load(step, length, emit)
    if (rest := _rest(request)) and fell(delivered):
        _refill(rest, request, emit)


def _refill(rest: float, request: Request, emit: Emit) -> None:
    """Rests, ever longer, and a load after each: does what comes back grow with the rest?"""
    for times in RESTS:
        emit.note(f"resting for {rest * times:.0f} s, to see what a burst bucket takes back")
        time.sleep(rest * times)
        _load(Step(request.vcpus, RELOAD * rest * times, request.duty, "refill"), request.options.bin, emit)


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
        _gauge("wanted", "s", "the part of it in which the loop wanted to run, at a duty cycle below 1"),
        _gauge("gap", "s", "sum of the gaps with 500 µs and more outside of this guest"),
        _gauge("short_gap", "s", "sum of what gaps had outside of it, where that was 100 to 500 µs"),
        _gauge("gap_max", "s", "longest part of a gap outside of this guest"),
        _gauge("own_wait", "s", "wait for other processes of this guest"),
        _gauge("long_own_wait", "s", "the part of it that was long enough to hold a usual gap"),
        _gauge("own_wait_in_gaps", "s", "the part of that wait inside the gaps that count"),
        _gauge("irq", "s", "interrupts and soft interrupts of this vCPU (/proc/stat)"),
        _gauge("steal", "s", "steal that the kernel reports for this vCPU (/proc/stat)"),
        _gauge("iterations", "1", "turns of the loop"),
        _gauge(
            "one_gap", "s", "one gap of 500 µs and more, less the own wait in it, at the end of that part"
        ),
        _gauge("one_wait", "s", "one own wait, or handing over of bins, of 1 ms and more, at its end"),
    ),
    options=Options,
    missing=missing,
    run=run,
)
