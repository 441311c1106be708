"""Pages of three kinds in one mapping: duplicates in pairs, unique ones, and zeros."""

from __future__ import annotations

import errno
import mmap
import time
from array import array
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Writes = dict[str, NDArray[np.int64]]  # arm -> ns of each write

PAGE: Final = mmap.PAGESIZE
WORDS: Final = PAGE // 8  # 64-bit words a page
ARMS: Final = ("duplicate", "unique", "zero")
BLOCK: Final = 256  # pages, filled between two rests


class DuplicatePages:
    """Pages to be left alone and written to once: equally many of each arm, mixed at random.

    All are written in the order of their addresses, so no arm lies together in physical memory. Huge pages
    are refused, as a host merges small ones only.

    Args:
        count: pages of each arm, an even number.
        rng: for contents, for which page is of which arm, and for the order of touching.

    Raises:
        OSError: the kernel does not grant that much.
    """

    def __init__(self, count: int, rng: np.random.Generator) -> None:
        self._rng = rng
        self._map = mmap.mmap(-1, len(ARMS) * count * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        try:
            self._map.madvise(mmap.MADV_NOHUGEPAGE)
        except OSError as error:
            if error.errno != errno.EINVAL:  # a kernel that has no huge pages does not know the word
                raise
        self._arms = rng.permutation(np.repeat(np.arange(len(ARMS)), count))
        self._order = rng.permutation(self._arms.size)
        # All that a pass needs exists, and is touched, before the first one.
        self._places = memoryview(array("Q", (self._order * WORDS + WORDS // 2).astype(np.uint64).tobytes()))
        self._latencies = array("Q", bytes(8 * self._arms.size))

    def fill(self) -> Iterator[None]:
        """Writes all contents; comes back after each block, so that the caller can rest."""
        pages = np.frombuffer(self._map, dtype=np.uint64).reshape(-1, WORDS)
        for start in range(0, len(pages), BLOCK):
            block = pages[start : start + BLOCK]
            block[:] = self._rng.integers(0, 2**64, block.shape, dtype=np.uint64)
            block[self._arms[start : start + BLOCK] == ARMS.index("zero")] = 0
            yield
        duplicates = self._rng.permutation(np.flatnonzero(self._arms == ARMS.index("duplicate")))
        for first, second in duplicates.reshape(-1, 2):
            pages[second] = pages[first]

    def write(self) -> Writes:
        """Writes one word of each page, in the same random order each time.

        What is written is the time, so no two pages are equal afterwards. Call it with no garbage collected.

        Returns:
            For each arm, how long each of its writes took, in ns.
        """
        clock, words, latencies = time.perf_counter_ns, memoryview(self._map).cast("Q"), self._latencies
        for number, place in enumerate(self._places):
            began = clock()
            words[place] = began
            latencies[number] = clock() - began
        found, arms = np.array(latencies, dtype=np.int64), self._arms[self._order]
        return {name: found[arms == arm] for arm, name in enumerate(ARMS)}

    def give_back(self) -> None:
        """Return the memory to the guest at once, whoever still has a view of it."""
        self._map.madvise(mmap.MADV_DONTNEED)
