"""The processes of one stretch of load: a loop on each vCPU, and a sleeper where its own guest competes."""

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

from vpsbench.probes._loop import Bin, Counters, Loop
from vpsbench.probes._sleeper import Tally, doze

_WARM_UP: Final = 0.1  # s; first turns of the loop, while code and clock page are touched
_COMPETED: Final = 0.05  # of a loop's time that others of its guest took: from here on a sleeper is worth it
_CONTEXT: Final = get_context("fork")  # the worker is small and has no threads


@dataclass(frozen=True, slots=True)
class Step:
    """One stretch of load: on which vCPUs, how long (s), how much, and under which name."""

    vcpus: tuple[int, ...]
    seconds: float
    duty: float
    arm: str


@dataclass(slots=True)
class _Worker:
    """The processes on one vCPU, and how much of the loop's time its own guest took so far, ns."""

    vcpu: int
    step: Step
    process: ForkProcess
    tally: Tally
    sleeper: ForkProcess | None = None
    wanted: int = 0
    waited: int = 0

    @classmethod
    def start(cls, vcpu: int, step: Step, length: float) -> tuple[Connection, _Worker]:
        """Starts a loop; returns where its bins come from, too."""
        ours, theirs = _CONTEXT.Pipe(duplex=False)
        tally = Tally.shared()
        process = _CONTEXT.Process(target=_spin, args=(vcpu, step, length, tally, theirs), daemon=True)
        process.start()
        theirs.close()
        return ours, cls(vcpu, step, process, tally)

    def saw(self, one: Bin) -> None:
        """Sends a sleeper once it is worth it; at a duty cycle the loop itself is one."""
        self.wanted += one.wanted
        self.waited += one.own_wait
        competed = self.wanted > 1e9 and self.waited > _COMPETED * self.wanted
        if competed and self.sleeper is None and self.step.duty >= 1:
            ends = time.perf_counter_ns() + round(self.step.seconds * 1e9)
            self.sleeper = _CONTEXT.Process(target=_doze, args=(self.vcpu, self.tally, ends), daemon=True)
            self.sleeper.start()

    def end(self) -> int | None:
        """Leaves no process behind; the loop's status where it ended by itself."""
        self.process.join(1)
        status = self.process.exitcode  # None: the turn was ended early
        for process in (self.process, self.sleeper):
            if process:
                process.kill()
                process.join()
        return status


def _settle(vcpu: int) -> Counters:
    """Prepares a process for its vCPU."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.sched_setaffinity(0, {vcpu})
    gc.collect()
    gc.disable()
    return Counters.open(vcpu)


def _spin(vcpu: int, step: Step, length: float, tally: Tally, to: Connection) -> None:
    """The body of a loop's process."""
    loop = Loop(_settle(vcpu), step.duty, away=tally.read)
    loop.watch(_WARM_UP, _WARM_UP, lambda _: None)
    loop.watch(step.seconds - _WARM_UP, length, to.send)
    to.close()


def _doze(vcpu: int, tally: Tally, ends: int) -> None:
    """The body of a sleeper's process."""
    doze(tally, _settle(vcpu), ends)


def spin(step: Step, length: float, take: Callable[[Bin, int], None]) -> list[tuple[int, int]]:
    """Runs a loop on each vCPU of a step.

    Args:
        step: what to load.
        length: of a bin, s.
        take: is given each bin, as it comes, and its vCPU.

    Returns:
        The vCPUs whose loops failed, with their exit status.
    """
    workers: dict[Connection, _Worker] = {}
    try:
        for vcpu in step.vcpus:
            pipe, worker = _Worker.start(vcpu, step, length)
            workers[pipe] = worker
        open_ends: list[Connection] = list(workers)
        while open_ends:
            for end in wait(open_ends):
                assert isinstance(end, Connection)  # noqa: S101  wait() also knows sockets and numbers
                try:
                    one: Bin = end.recv()
                except EOFError:
                    open_ends.remove(end)
                    continue
                workers[end].saw(one)
                take(one, workers[end].vcpu)
    finally:
        ended = [(worker.vcpu, worker.end()) for worker in workers.values()]
    return [(vcpu, status) for vcpu, status in ended if status]
