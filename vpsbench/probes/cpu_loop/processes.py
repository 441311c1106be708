"""The processes of one stretch of load: a loop on each vCPU."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Final

from vpsbench.probes.cpu_loop.loop import DEVICE_CLOCKS, WORK, Bin, Counters, Loop

_CLOCK: Final = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
_WARM_UP: Final = 0.1  # s; first turns of the loop, while code and clock page are touched
_CONTEXT: Final = get_context("fork")  # the worker is small and has no threads


@dataclass(frozen=True, slots=True)
class Step:
    """One stretch of load: on which vCPUs, how long (s), how much, and under which name."""

    vcpus: tuple[int, ...]
    seconds: float
    duty: float
    arm: str


def _spin(vcpu: int, step: Step, length: float, to: Connection) -> None:
    """The body of a loop's process."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.sched_setaffinity(0, {vcpu})
    gc.collect()
    gc.disable()
    loop = Loop(Counters.open(vcpu), step.duty, work=between(_CLOCK))
    loop.watch(_WARM_UP, _WARM_UP, lambda _: None)
    loop.watch(step.seconds - _WARM_UP, length, to.send)
    to.close()


def between(clock: Path) -> range:
    """The work between two readings of the clock that this file names; none where it cannot be read."""
    try:
        return WORK if clock.read_text().strip() in DEVICE_CLOCKS else range(0)
    except OSError:  # a container that hides it
        return range(0)


def _start(vcpu: int, step: Step, length: float) -> tuple[Connection, ForkProcess]:
    """Starts a loop; returns where its bins come from, and its process."""
    ours, theirs = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_spin, args=(vcpu, step, length, theirs), daemon=True)
    process.start()
    theirs.close()
    return ours, process


def _end(process: ForkProcess) -> int | None:
    """Leaves no process behind; its status where it ended by itself."""
    process.join(1)
    status = process.exitcode  # None: the turn was ended early
    process.kill()
    process.join()
    return status


def spin(step: Step, length: float, take: Callable[[list[Bin], int], None]) -> list[tuple[int, int]]:
    """Runs a loop on each vCPU of a step.

    Args:
        step: what to load.
        length: of a bin, s.
        take: is given the bins, some at a time, and their vCPU.

    Returns:
        The vCPUs whose loops failed, with their exit status.
    """
    loops: dict[Connection, tuple[int, ForkProcess]] = {}
    try:
        for vcpu in step.vcpus:
            pipe, process = _start(vcpu, step, length)
            loops[pipe] = (vcpu, process)
        open_ends: list[Connection] = list(loops)
        while open_ends:
            for end in wait(open_ends):
                assert isinstance(end, Connection)  # noqa: S101  wait() also knows sockets and numbers
                try:
                    take(end.recv(), loops[end][0])
                except EOFError:
                    open_ends.remove(end)
    finally:
        ended = [(vcpu, _end(process)) for vcpu, process in loops.values()]
    return [(vcpu, status) for vcpu, status in ended if status]
