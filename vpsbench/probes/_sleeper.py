"""A sleeper beside the loop: is the vCPU there, whoever of this guest runs on it?

Where others of the guest compete, the loop runs for a part of the time only, and which of them is charged
with a gap of the host follows a rhythm of its own: half a minute may see too much, the next too little. A
process that mostly sleeps is let in at once, whoever runs. So it wakes on a grid; a wake-up that is late,
less its own wait in the run queue, means that the vCPU was away.
"""

from __future__ import annotations

import mmap
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from vpsbench.probes._loop import GAP_NS, Counters

STEP_NS: Final = 5_000_000


@dataclass(slots=True)
class Tally:
    """Time away so far, in memory that both processes share; None until the sleeper has begun."""

    page: memoryview

    @classmethod
    def shared(cls) -> Tally:
        """A new one, to be made before its processes."""
        return cls(memoryview(mmap.mmap(-1, 16)).cast("q"))

    def read(self) -> int | None:
        """In ns."""
        return self.page[1] if self.page[0] else None

    def add(self, away: int) -> None:
        """Counts; 0 begins."""
        self.page[1] += away
        self.page[0] = 1


def away(late: int) -> int:
    """How long the vCPU was away, on average over all ways in which a gap can lie on the grid.

    Each point of the grid inside a gap stands for one step. Points in its last 0.5 ms are not late enough
    to be seen: those in the 0.5 ms before count twice.
    """
    if late < GAP_NS:
        return 0
    steps, rest = divmod(late - GAP_NS, STEP_NS)
    return (steps + 1 + (rest < GAP_NS)) * STEP_NS


def doze(
    tally: Tally,
    counters: Counters,
    ends: int,
    clock: Callable[[], int] = time.perf_counter_ns,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Sleeps and wakes until ``ends`` (ns on ``clock``), and tells the tally how long the vCPU was away."""
    tally.add(0)
    due, waited = clock(), counters.own_wait()
    while due < ends:
        sleep(max(0, due - clock()) / 1e9)
        now, waited_before, waited = clock(), waited, counters.own_wait()
        tally.add(away(now - due - (waited - waited_before)))
        due += ((now - due) // STEP_NS + 1) * STEP_NS
