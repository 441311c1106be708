"""What the CPU probe tells, bin by bin; a bin's time is its end. Labels: vcpu, arm, duty."""

from __future__ import annotations

from typing import Final

from vpsbench.model import Kind, Metric


def _gauge(name: str, unit: str, text: str) -> Metric:
    return Metric(f"cpu.loop.{name}", unit, Kind.GAUGE, "neither", text)


WALL: Final = _gauge("wall", "s", "length of the bin")
DEMANDED: Final = _gauge("wanted", "s", "the part of it in which the loop demanded to run, at a duty below 1")
GAP: Final = _gauge("gap", "s", "sum of the gaps with 500 µs and more outside of this guest")
SHORT_GAP: Final = _gauge(
    "short_gap", "s", "sum of what gaps had outside of it, where that was 100 to 500 µs"
)
GAP_MAX: Final = _gauge("gap_max", "s", "longest part of a gap outside of this guest")
RUN_QUEUE_DELAY: Final = _gauge("own_wait", "s", "wait for other processes of this guest")
LONG_RUN_QUEUE_DELAY: Final = _gauge(
    "long_own_wait", "s", "the part of it that was long enough to hold a usual gap"
)
RUN_QUEUE_DELAY_IN_GAPS: Final = _gauge(
    "own_wait_in_gaps", "s", "the part of that wait inside the gaps that count"
)
IRQ: Final = _gauge("irq", "s", "interrupts and soft interrupts of this vCPU (/proc/stat)")
STEAL: Final = _gauge("steal", "s", "steal that the kernel reports for this vCPU (/proc/stat)")
ITERATIONS: Final = _gauge("iterations", "1", "iterations of the loop")
ONE_GAP: Final = _gauge(
    "one_gap", "s", "one gap of 500 µs and more, less the run-queue delay in it, at the end of that part"
)
ONE_RUN_QUEUE_DELAY: Final = _gauge(
    "one_wait", "s", "one run-queue delay, or handing over of bins, of 1 ms and more, at its end"
)
ALL: Final = (
    *(WALL, DEMANDED, GAP, SHORT_GAP, GAP_MAX),
    *(RUN_QUEUE_DELAY, LONG_RUN_QUEUE_DELAY, RUN_QUEUE_DELAY_IN_GAPS),
    *(IRQ, STEAL, ITERATIONS, ONE_GAP, ONE_RUN_QUEUE_DELAY),
)
