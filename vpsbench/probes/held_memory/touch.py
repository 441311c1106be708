"""Touches pages of two arms and times each touch; sorts the times into a histogram."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Quarters of an octave from 64 ns to 10.2 s: under the fastest touch, over the slowest host swap.
BOUNDS: Final = tuple(round(64 * 2 ** (quarter / 4)) for quarter in range(110))
_LABELS: Final = (*map(str, BOUNDS), "inf")


def counted(latencies: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many latencies (ns) fell into each bin; the last holds those beyond all bounds."""
    return np.bincount(np.searchsorted(BOUNDS, latencies, side="left"), minlength=len(_LABELS))


def by_bound(counts: NDArray[np.int64]) -> dict[str, int]:
    """Counts of ``counted`` by the upper bound (inclusive) of their bin; no empty bins."""
    return {label: int(count) for label, count in zip(_LABELS, counts, strict=True) if count}


def histogram(latencies: NDArray[np.int64]) -> dict[str, int]:
    """How many latencies (ns) fell into each bin, by its upper bound; no empty bins."""
    return by_bound(counted(latencies))


def read(words: memoryview[int], places: Sequence[int]) -> NDArray[np.int64]:
    """Reads these words one after another; the time in ns that each took.

    The loop does nothing else, so what it adds to each time is under 200 ns. Call it with garbage
    collection off.
    """
    clock = time.perf_counter_ns
    reads = map(words.__getitem__, places)
    ends = [clock()]
    ends += [clock() for _ in reads]
    times = np.array(ends, dtype=np.int64)
    return times[1:] - times[:-1]


@dataclass(frozen=True, slots=True)
class Arms:
    """Every ``stride``-th of the pages is hot, the control arm; all others are held.

    So the page tables of both arms cost the same to walk. A hot page differs from a held one only in that it
    is never left alone.
    """

    pages: int
    stride: int

    def hot(self) -> NDArray[np.int64]:
        """The pages of the control arm."""
        return np.arange(0, self.pages, self.stride)

    def held(self) -> int:
        """How many pages are left alone."""
        return self.pages - -(-self.pages // self.stride)

    def is_hot(self, pages: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of these pages belong to the control arm."""
        return np.equal(pages % self.stride, 0)

    def order(self, touches: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """All hot pages and a fresh sample of held ones, in one random order."""
        among = self.held()
        drawn = rng.choice(among, min(touches, among), replace=False, shuffle=False)
        held = drawn + drawn // (self.stride - 1) + 1  # the n-th page that is not a multiple of stride
        return rng.permutation(np.concatenate([self.hot(), held]))
