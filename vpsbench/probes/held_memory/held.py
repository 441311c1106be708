"""Memory that is held: unique, incompressible pages, locked where that is allowed, verified as a whole."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.probes.held_memory.touch import Arms, read

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pages = NDArray[np.int64]

PAGE: Final = mmap.PAGESIZE
WORDS: Final = PAGE // 8  # 64-bit words a page
BLOCK: Final = 4 * 1024**2  # B, the unit of filling
BATCH: Final = 128  # pages that are touched, then verified, at a time: copies of them stay in the CPU's cache
_ODD: Final = np.uint64(0x9E3779B97F4A7C15)  # times an odd number modulo 2^64: no two stamps are the same


@dataclass(frozen=True, slots=True)
class Change:
    """What is wrong with a page at a second look; no word and no bit: by then nothing was."""

    page: int
    words: int
    bits: int


class Held:
    """Anonymous memory of which the first ``filled`` B are ours for real.

    Each page is the same random words plus a stamp of its own. So it does not compress, and it shares no word
    with another page that it could be merged with. Huge pages are refused: the host shall see, and may take,
    each page by itself.

    Args:
        size: B of address space, a multiple of ``BLOCK``.
        stride: every how many pages one is hot (see ``Arms``). Hot pages are written first, so that
            they lie together in physical memory and do not keep held ones near them in use.
        rng: where the contents come from.

    Attributes:
        pages: a row of 64-bit words for each.
        pattern: what all of them are made from.

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
        self.pages = np.frombuffer(self._map, dtype=np.uint64).reshape(-1, WORDS)
        self.pattern = rng.integers(0, 2**64, WORDS, dtype=np.uint64)
        self._base = rng.integers(0, 2**64, dtype=np.uint64)
        self._sum, self._sound = self.pattern.sum(), self._reference()
        self._copies = np.zeros((BATCH, WORDS), dtype=np.uint64)  # touched here already
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.pages[::stride, 0] = 1

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
        stamps = self._stamps(pages)[:, None]
        began = time.perf_counter_ns()
        np.add(self.pattern, stamps, out=self.pages[pages[0] : pages[-1] + 1])
        elapsed = time.perf_counter_ns() - began
        self._lock(self.filled, size)
        self.filled += size
        return elapsed / 1e9 / int((pages % self._stride != 0).sum())

    def _stamps(self, pages: Pages) -> NDArray[np.uint64]:
        return pages.astype(np.uint64) * _ODD + self._base

    def _lock(self, start: int, size: int) -> None:
        """Keep the guest itself from swapping these pages out; after a refusal it is not tried again."""
        if self.locked:
            self.locked = self._call("mlock", start, size) == 0
            self._lock_end = start + size if self.locked else start

    def _call(self, name: str, start: int, size: int) -> int:
        address = ctypes.c_void_p(self.pages.ctypes.data + start)
        return int(self._libc[name](address, ctypes.c_size_t(size)))

    def keep_warm(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Reads from every hot page, so that it stays in use, and at once again: how long each took, ns.

        The second reads meet the same interruptions, and no page that was away. None is of the word that a
        round times: both arms shall find that one in memory, not in the CPU's cache.
        """
        places = (self.arms.hot() * WORDS + WORDS // 2).tolist()
        return read(self._words, places), read(self._words, places)

    def touch(self, pages: Pages) -> NDArray[np.int64]:
        """Reads the first word of each of these pages; the time in ns that each took."""
        return read(self._words, (pages * WORDS).tolist())

    def changed(self, pages: Pages) -> Pages:
        """Which of these pages, ``BATCH`` at most, are not what was written, by the sums of all their words.

        Any one word that differs shows in a sum modulo 2^64, and of several all but one case in 2^64.
        """
        copies = self._copies[: len(pages)]
        np.take(self.pages, pages, axis=0, out=copies, mode="clip")  # "clip": without a second copy
        right = self._stamps(pages) * np.uint64(WORDS) + self._sum
        wrong: NDArray[np.bool_] = copies.sum(axis=1) != right
        return pages[wrong]

    def look_again(self, page: int) -> Change:
        """Compares a page word by word.

        Raises:
            RuntimeError: what the pages are compared with has itself changed, so none can be blamed.
        """
        if self._reference() != self._sound:
            raise RuntimeError("the pattern that pages are compared with has changed in memory")
        (stamp,) = self._stamps(np.array([page]))
        wrong = self.pages[page] ^ (self.pattern + stamp)
        return Change(page, int(np.count_nonzero(wrong)), int(np.unpackbits(wrong.view(np.uint8)).sum()))

    def _reference(self) -> int:
        return zlib.crc32(self.pattern.tobytes() + self._base.tobytes() + self.pattern.sum().tobytes())

    def give_back(self) -> None:
        """Return the memory to the guest at once, whoever still has a view of it."""
        if self._lock_end and self._call("munlock", 0, self._lock_end):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self._map.madvise(mmap.MADV_DONTNEED)
        self.filled = 0
