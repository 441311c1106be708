"""Where does a busy vCPU's second go? A pinned loop on every vCPU watches the clock and counts gaps.

Three arms: "all" vCPUs together; each "single" one after the other, which tells what they take from each
other; and a "sweep" over duty cycles, which tells a cap (nothing is lost below it) from contention.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Final

from vpsbench.model import Duration, Guest, Kind, Metric
from vpsbench.probes import Emit, Probe, Request
from vpsbench.probes._loop import Bin
from vpsbench.probes._loops import Step, spin

_TICKS: Final = 100  # USER_HZ, the unit of /proc/stat for user programs on all but two old CPUs
ARMS: Final = ("all", "single", "sweep")
SWEEP: Final = (0.1, 0.3, 0.6, 1.0)
# Dose and response of a burst bucket: rests of 1, 2 and 4 times a step, each with a load after it that
# is long enough to use up what came back, if the bucket fills at up to 60 % of full speed.
RESTS: Final = (1, 2, 4)
RELOAD: Final = 1.5
_FALL: Final = 0.8  # what is left, of what there was at first, below which a bucket is suspected


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


def _emit(emit: Emit, one: Bin, vcpu: int, step: Step) -> None:
    labels = {"vcpu": str(vcpu), "arm": step.arm, "duty": f"{step.duty:g}"}
    at = one.end / 1e9
    wanted = ("wanted",) if step.duty < 1 else ()  # else it is all of the bin
    for name in ("wall", *wanted, "gap", "short_gap", "gap_max", "own_wait", "own_wait_in_gaps"):
        emit.sample(f"cpu.loop.{name}", getattr(one, name) / 1e9, at, **labels)
    if one.away is not None:
        emit.sample("cpu.loop.away", one.away / 1e9, at, **labels)
    for name in ("irq", "steal"):
        if (ticks := getattr(one, name)) is not None:
            emit.sample(f"cpu.loop.{name}", ticks / _TICKS, at, **labels)
    emit.sample("cpu.loop.iterations", one.turns, at, **labels)
    if one.gaps:
        ends, lengths = zip(*one.gaps, strict=True)
        emit.course("cpu.loop.one_gap", [n / 1e9 for n in lengths], [n / 1e9 for n in ends], **labels)


def _load(step: Step, length: float, emit: Emit) -> list[float]:
    """Runs a step and emits what its loops hand over; returns the share that each bin delivered."""
    delivered: list[float] = []

    def take(one: Bin, vcpu: int) -> None:
        _emit(emit, one, vcpu, step)
        delivered.append(1 - (one.gap - one.own_wait_in_gaps) / max(1, one.wanted - one.own_wait))

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


def fell(delivered: list[float]) -> bool:
    """Whether the last tenth of the bins delivered clearly less than the first: reason enough for a rest."""
    part = max(1, len(delivered) // 10)
    return bool(delivered) and median(delivered[-part:]) < _FALL * median(delivered[:part])


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
        _gauge("own_wait_in_gaps", "s", "the part of that wait inside the gaps that count"),
        _gauge(
            "away", "s", "how long the vCPU was away for a sleeper; only where others of this guest compete"
        ),
        _gauge("irq", "s", "interrupts and soft interrupts of this vCPU (/proc/stat)"),
        _gauge("steal", "s", "steal that the kernel reports for this vCPU (/proc/stat)"),
        _gauge("iterations", "1", "turns of the loop"),
        _gauge("one_gap", "s", "one gap of 500 µs and more, less the own wait in it, at its end"),
    ),
    options=Options,
    missing=missing,
    run=run,
)
