"""Memory that is held: unique, incompressible pages, locked where that is allowed."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import time
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.probes._touch import Arms, Pass

if TYPE_CHECKING:
    from numpy.typing import NDArray

PAGE: Final = mmap.PAGESIZE
WORDS: Final = PAGE // 8  # 64-bit words a page
BLOCK: Final = 4 * 1024**2  # B, the unit of filling
_ODD: Final = np.uint64(0x9E3779B97F4A7C15)  # times an odd number modulo 2^64: no two stamps are the same


class Held:
    """Anonymous memory of which the first ``filled`` B are ours for real.

    Every page carries random words, so it does not compress, and in its first word a stamp that no
    other page has, so it cannot be merged with another. Huge pages are refused: the host shall see,
    and may take, each page by itself.

    Args:
        size: B of address space, a multiple of ``BLOCK``.
        stride: every how many pages one is hot (see ``Arms``). Hot pages are written first, so that
            they lie together in physical memory and do not keep held ones near them in use.
        rng: where the contents come from.

    Raises:
        OSError: the kernel does not grant that much.
    """

    def __init__(self, size: int, stride: int, rng: np.random.Generator) -> None:
        self.filled = 0
        self.locked = True  # all of it, so far
        self._lock_end = 0
        self._stride = stride
        self._map = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._refuse_huge_pages()
        self._words: memoryview[int] = memoryview(self._map).cast("Q")
        self._array = np.frombuffer(self._map, dtype=np.uint64)
        self._block = rng.integers(0, 2**64, BLOCK // 8, dtype=np.uint64)
        self._base = rng.integers(0, 2**64, dtype=np.uint64)
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._array[:: stride * WORDS] = 1

    def _refuse_huge_pages(self) -> None:
        try:
            self._map.madvise(mmap.MADV_NOHUGEPAGE)
        except OSError as error:
            if error.errno != errno.EINVAL:  # a kernel that has no huge pages does not know the word
                raise

    @property
    def arms(self) -> Arms:
        """What has been filled, as two arms."""
        return Arms(self.filled // PAGE, self._stride)

    def grow(self, size: int) -> float:
        """Fill ``size`` more B (a multiple of ``BLOCK``).

        Returns:
            The mean time in s that writing a page for the first time took.
        """
        pages = np.arange(self.filled // PAGE, (self.filled + size) // PAGE)
        began = time.perf_counter_ns()
        for start in range(self.filled // 8, (self.filled + size) // 8, BLOCK // 8):
            self._array[start : start + BLOCK // 8] = self._block
        elapsed = time.perf_counter_ns() - began
        self._array[pages * WORDS] = self._stamps(pages)
        self._lock(self.filled, size)
        self.filled += size
        return elapsed / 1e9 / int((pages % self._stride != 0).sum())

    def _stamps(self, pages: NDArray[np.int64]) -> NDArray[np.uint64]:
        return pages.astype(np.uint64) * _ODD + self._base

    def _lock(self, start: int, size: int) -> None:
        """Keep the guest itself from swapping these pages out; after a refusal it is not tried again."""
        if self.locked:
            self.locked = self._call("mlock", start, size) == 0
            self._lock_end = start + size if self.locked else start

    def _call(self, name: str, start: int, size: int) -> int:
        address = ctypes.c_void_p(self._array.ctypes.data + start)
        return int(self._libc[name](address, ctypes.c_size_t(size)))

    def keep_warm(self) -> None:
        """Read from every hot page, so that it stays in use.

        Not the word that is timed: both arms shall find that one in memory, not in the CPU's cache.
        """
        self._array[WORDS // 2 : self.filled // 8 : self._stride * WORDS].sum()

    def prepare(self, pages: NDArray[np.int64]) -> Pass:
        """Makes ready for touching these pages."""
        return Pass(pages * WORDS)

    def touch(self, prepared: Pass, until: int, count: int | None = None) -> bool:
        """Touches the next pages, as ``Pass.walk`` does."""
        return prepared.walk(self._words, until, count)

    def damaged(self, pages: NDArray[np.int64], seen: NDArray[np.uint64]) -> int:
        """How many of the words seen in these pages are not what was written."""
        return int((seen != self._stamps(pages)).sum())

    def give_back(self) -> None:
        """Return the memory to the guest at once, whoever still has a view of it."""
        if self._lock_end and self._call("munlock", 0, self._lock_end):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self._map.madvise(mmap.MADV_DONTNEED)
        self.filled = 0
