"""Touches pages of two arms and times each touch; sorts the times into a histogram."""

from __future__ import annotations

import time
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Quarters of an octave from 64 ns to 2.1 s: under the fastest touch, over the slowest host swap.
BOUNDS: Final = tuple(round(64 * 2 ** (quarter / 4)) for quarter in range(101))
_LABELS: Final = (*map(str, BOUNDS), "inf")


def histogram(latencies: NDArray[np.int64]) -> dict[str, int]:
    """How many latencies (ns) fell into each bin, by its upper bound (inclusive); no empty bins."""
    counts = np.bincount(np.searchsorted(BOUNDS, latencies, side="left"), minlength=len(_LABELS))
    return {label: int(count) for label, count in zip(_LABELS, counts, strict=True) if count}


@dataclass(frozen=True, slots=True)
class Arms:
    """Every ``stride``-th of the pages is hot, the control arm; all others are held.

    So the page tables of both arms cost the same to walk, and a hot page differs from a held one
    only in that it is never left alone.
    """

    pages: int
    stride: int

    def hot(self) -> NDArray[np.int64]:
        """The pages of the control arm."""
        return np.arange(0, self.pages, self.stride)

    def is_hot(self, pages: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of these pages belong to the control arm."""
        return np.equal(pages % self.stride, 0)

    def order(self, touches: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """All hot pages and a fresh sample of held ones, in one random order."""
        hot = self.hot()
        among = self.pages - len(hot)
        drawn = rng.choice(among, min(touches, among), replace=False, shuffle=False)
        held = drawn + drawn // (self.stride - 1) + 1  # the n-th page that is not a multiple of stride
        return rng.permutation(np.concatenate([hot, held]))


class Pass:
    """One walk over words in a given order; all memory that it needs is touched beforehand."""

    def __init__(self, indices: NDArray[np.int64]) -> None:
        self._order = memoryview(array("Q", indices.tobytes()))  # slices of it copy nothing
        self._latencies, self._seen = (array("Q", bytes(8 * len(indices))) for _ in range(2))
        self.done = 0

    def walk(self, words: memoryview[int], until: int, count: int | None = None) -> bool:
        """Read on from where the last walk ended, until a time of ``perf_counter_ns`` at most.

        Nothing is allocated but the integers that the interpreter makes and drops. Call it with
        garbage collection off.

        Args:
            words: where to read.
            until: ns.
            count: words at most; None: all that are left.

        Returns:
            Whether words and time are left.
        """
        clock, latencies, seen = time.perf_counter_ns, self._latencies, self._seen
        done = self.done
        ended = 0
        for index in self._order[done : None if count is None else done + count]:
            began = clock()
            word = words[index]
            ended = clock()
            latencies[done] = ended - began
            seen[done] = word
            done += 1
            if ended > until:
                break
        self.done = done
        return ended <= until and done < len(self._order)

    @property
    def latencies(self) -> NDArray[np.int64]:
        """How long each read took, in ns."""
        return np.frombuffer(self._latencies, dtype=np.int64, count=self.done)

    @property
    def seen(self) -> NDArray[np.uint64]:
        """The words that were read."""
        return np.frombuffer(self._seen, dtype=np.uint64, count=self.done)
