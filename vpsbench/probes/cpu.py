"""Where does a busy vCPU's second go? A pinned loop on every vCPU watches the clock and counts gaps.

Three arms:

- "all": all vCPUs together.
- "single": each vCPU alone, one after the other. It tells what they take from each other.
- "sweep": all of them at rising duty. It tells a cap, below which nothing is lost, from contention.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from vpsbench.kernel_text.stat import USER_HZ
from vpsbench.model import Duration, Guest, Metric
from vpsbench.probes import Emit, Probe, Request
from vpsbench.probes.conduct.rest_doses import RELOAD, RESTS, fell
from vpsbench.probes.cpu_loop import metrics
from vpsbench.probes.cpu_loop.loop import Bin
from vpsbench.probes.cpu_loop.processes import Step, spin

ARMS: Final = ("all", "single", "sweep")
SWEEP: Final = (0.1, 0.3, 0.6, 1.0)
# Metric -> what it is called in a loop's ``Bin``.
_TIMES: Final = {
    metrics.WALL: "wall",
    metrics.GAP: "gap",
    metrics.SHORT_GAP: "short_gap",
    metrics.GAP_MAX: "gap_max",
    metrics.RUN_QUEUE_DELAY: "run_queue_delay",
    metrics.LONG_RUN_QUEUE_DELAY: "long_run_queue_delay",
    metrics.RUN_QUEUE_DELAY_IN_GAPS: "run_queue_delay_in_gaps",
}
_COUNTED: Final = {metrics.IRQ: "irq", metrics.STEAL: "steal"}
_SINGLE: Final = {metrics.ONE_GAP: "gaps", metrics.ONE_RUN_QUEUE_DELAY: "waits"}


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
    """Sends one message for each metric, not for each bin: on a slow guest messages disturb the loops."""
    labels = {"vcpu": str(vcpu), "arm": step.arm, "duty": f"{step.duty:g}"}
    at = [one.end / 1e9 for one in bins]
    demanded = {metrics.DEMANDED: "demanded"} if step.duty < 1 else {}  # else it is all of the bin
    for metric, name in (_TIMES | demanded).items():
        emit.series(metric, [getattr(one, name) / 1e9 for one in bins], at, **labels)
    for metric, name in _COUNTED.items():
        found = [(getattr(one, name), end) for one, end in zip(bins, at, strict=True)]
        known = [(ticks / USER_HZ, end) for ticks, end in found if ticks is not None]
        _pairs(emit, metric, known, labels)
    emit.series(metrics.ITERATIONS, [one.iterations for one in bins], at, **labels)
    for metric, name in _SINGLE.items():
        pairs = [(length / 1e9, end / 1e9) for one in bins for end, length in getattr(one, name)]
        _pairs(emit, metric, pairs, labels)


def _pairs(emit: Emit, metric: Metric, pairs: list[tuple[float, float]], labels: dict[str, str]) -> None:
    if pairs:
        values, at = zip(*pairs, strict=True)
        emit.series(metric, values, at, **labels)


def _load(step: Step, length: float, emit: Emit) -> list[float]:
    """Runs a step and emits what its loops hand over; returns the share that each bin delivered."""
    delivered: list[float] = []

    def take(bins: list[Bin], vcpu: int) -> None:
        _emit(emit, bins, vcpu, step)
        delivered.extend(
            1 - (one.gap - one.run_queue_delay_in_gaps) / max(1, one.demanded - one.run_queue_delay)
            for one in bins
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


PROBE = Probe(
    name="cpu",
    metrics=metrics.ALL,
    options=Options,
    missing=missing,
    run=run,
)
