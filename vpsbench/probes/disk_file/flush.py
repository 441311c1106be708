"""What a flush costs after so much was written: fdatasync after 0 B to 256 MiB past the guest's cache.

Written with direct I/O, so that the flush concerns what the disk keeps in a cache of its own, and not the
guest's. fio cannot flush without a write before it, so this series is made without it.
"""

from __future__ import annotations

import itertools
import mmap
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from vpsbench.probes.conduct.clock import now
from vpsbench.probes.disk_file.layout import BLOCK, Target

DIRTY: Final = (0, 4096, 1024**2, 16 * 1024**2, 256 * 1024**2)  # B
FIRST: Final = 5  # rounds without the largest, as it may take all of the time
PAGE: Final = 4096  # B, which a host that stores equal data once compares
_LARGEST_SHARE: Final = 0.75  # of the budget, for the largest at most: it would leave nothing for the others


@dataclass(slots=True)
class Flushes:
    """Flushes of all sizes on one file.

    Args:
        target: takes direct I/O.
        rng: for the order and the data.
        wrote: told the B of each write.
        flushed: told the B that were written before a flush, and the s that it took.
    """

    target: Target
    rng: np.random.Generator
    wrote: Callable[[int], None]
    flushed: Callable[[int, float], None]
    _offset: int = 0

    def run(self, until: float, budget: int) -> None:
        """Rounds of all sizes, each in random order, until the time or the budget is used up.

        Args:
            until: when to stop (CLOCK_BOOTTIME); what is not flushed by then is not measured.
            budget: B that may be written.
        """
        descriptor = os.open(self.target.path, os.O_WRONLY | os.O_DIRECT)
        try:
            with mmap.mmap(-1, BLOCK) as buffer:
                self._rounds(descriptor, buffer, until, budget)
        finally:
            os.close(descriptor)

    def _rounds(self, descriptor: int, buffer: mmap.mmap, until: float, budget: int) -> None:
        largest = int(budget * _LARGEST_SHARE) // DIRTY[-1]  # how many of them
        buffer[:] = self.rng.bytes(BLOCK)
        _flush(descriptor)  # what others left
        for count in itertools.count():
            sizes = DIRTY if largest and count >= FIRST else DIRTY[:-1]
            for dirty in self.rng.permutation(sizes).tolist():
                if dirty > budget or not self._write(descriptor, buffer, dirty, until):
                    return
                budget -= dirty
                largest -= dirty == DIRTY[-1]
                self.flushed(dirty, _flush(descriptor))

    def _write(self, descriptor: int, buffer: mmap.mmap, count: int, until: float) -> bool:
        """Whether all of it was written in time."""
        while count > 0 and now() < until:
            part = min(count, BLOCK, self.target.size - self._offset)
            np.frombuffer(buffer, np.uint64)[:: PAGE // 8] += 1  # no page is like any before
            done = os.pwrite(descriptor, memoryview(buffer)[:part], self._offset)
            self.wrote(done)
            count -= done
            self._offset = (self._offset + done) % self.target.size
        return now() < until


def _flush(descriptor: int) -> float:
    began = time.perf_counter_ns()
    os.fdatasync(descriptor)
    return (time.perf_counter_ns() - began) / 1e9
