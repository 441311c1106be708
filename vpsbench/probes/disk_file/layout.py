"""The file under test: how big it may be, and random data written into it before anything is measured."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vpsbench.guest.files import Files
from vpsbench.probes import Emit, Unavailable
from vpsbench.probes.conduct.clock import now
from vpsbench.probes.conduct.duty_cycle import DutyCycle
from vpsbench.probes.conduct.memory_headroom import headroom

BLOCK: Final = 4 * 1024**2  # B, one write
_PIECE: Final = 256 * 1024  # B made at once: random bytes take three times their size while they are made
FREE_SHARE: Final = 0.15  # of the file system, left free when the file is written
YIELD: Final = FREE_SHARE / 2  # once others have left less than that free, the file goes
FULL: Final = (errno.ENOSPC, errno.EDQUOT)
SMALLEST: Final = 4 * BLOCK  # a smaller file would fit into any cache
_SPARE_SHARE: Final = 0.5  # of what is free beyond that, at most
_LIBC: Final = ctypes.CDLL(None)


@dataclass(frozen=True, slots=True)
class Target:
    """The file that is worked on.

    Args:
        path: where it is.
        size: B.
        direct: whether its file system takes direct I/O; else all goes through the guest's cache.
    """

    path: Path
    size: int
    direct: bool


def file_size(asked: int, memory: int, free: int, total: int, budget: int) -> int:
    """B that the file may have, in whole blocks; 0 where there is no room.

    Args:
        asked: by the user; 0: twice the memory, so that no cache of the host can hold all of it.
        memory: B of the guest.
        free: B that are free in the file system.
        total: B of the file system.
        budget: B that may be written to lay it out.
    """
    spare = free - FREE_SHARE * total
    if not asked:
        asked, spare = 2 * memory, spare * _SPARE_SHARE
    return max(int(min(asked, spare, budget)) // BLOCK * BLOCK, 0)


def size_for(folder: Path, asked: int, budget: int) -> int:
    """``file_size`` by what there is now.

    Raises:
        Unavailable: there is no room for a file worth measuring.
    """
    disk = shutil.disk_usage(folder)
    size = file_size(asked, headroom(Files()).total, disk.free, disk.total, budget)
    if size < SMALLEST:
        raise Unavailable(
            f"no room for a file of {SMALLEST >> 20} MiB: {disk.free >> 20} of {disk.total >> 20} MiB "
            f"are free, 15 % must stay so, and {budget >> 20} MiB may still be written for it"
        )
    return size


def lay_out(  # noqa: PLR0913, PLR0917  what is written where, how long and how fast, and who is told
    path: Path,
    size: int,
    until: float,
    random: Callable[[int], bytes],
    duty: DutyCycle,
    wrote: Callable[[int], None] = lambda _: None,
) -> Target:
    """Write random data past the guest's cache until the size or the time (CLOCK_BOOTTIME) is reached.

    At least one block is written, however slow the disk; none that would take what is to stay free, should
    others write meanwhile. ``random`` makes so many B; ``wrote`` is told the B of each block.

    Some file systems take no direct I/O, or keep the data all the same (ext4 with data=journal). There all
    that is done with the file goes through the guest's cache.

    Raises:
        OSError: the disk is full, broken or read-only.
    """
    fill = _Fill(size, until, random, duty, wrote)
    try:
        size = fill.write(path, os.O_DIRECT)
        return Target(path, size, direct=not _kept_in_memory(path))
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    path.unlink(missing_ok=True)
    return Target(path, fill.write(path, 0), direct=False)


@dataclass(frozen=True, slots=True)
class _Fill:
    """How a file is filled; see ``lay_out``."""

    size: int
    until: float
    random: Callable[[int], bytes]
    duty: DutyCycle
    wrote: Callable[[int], None]

    def write(self, path: Path, flags: int) -> int:
        """The B written to a new file."""
        written = 0
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | flags, 0o600)
        try:
            with mmap.mmap(-1, BLOCK) as buffer:  # direct I/O wants memory that begins at a page
                while not written or self._goes_on(descriptor, written):
                    for at in range(0, BLOCK, _PIECE):
                        buffer[at : at + _PIECE] = self.random(_PIECE)
                    done = os.write(descriptor, buffer)
                    self.wrote(done)
                    written += done
                    self.duty.rest()
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return written

    def _goes_on(self, descriptor: int, written: int) -> bool:
        disk = os.fstatvfs(descriptor)
        spare = disk.f_bavail * disk.f_frsize - FREE_SHARE * disk.f_blocks * disk.f_frsize
        in_time = now() < self.until
        return written < self.size and in_time and spare >= BLOCK


def _kept_in_memory(path: Path) -> bool:
    """Whether what is read with direct I/O lies in the guest's cache after it."""
    descriptor = os.open(path, os.O_RDWR | os.O_DIRECT)
    try:
        with mmap.mmap(-1, mmap.PAGESIZE) as page:
            page[:] = bytes(mmap.PAGESIZE)  # it must be there: into one that is not, btrfs reads by its cache
            os.preadv(descriptor, [page], 0)
        return resident(descriptor)
    finally:
        os.close(descriptor)


def resident(descriptor: int) -> bool:
    """Whether a file's first page is in memory, as mincore(2) says of files that are one's own."""
    try:
        view = mmap.mmap(descriptor, mmap.PAGESIZE, mmap.MAP_PRIVATE)
    except OSError:  # a file system that maps no files, as some of FUSE and 9p, has no such cache
        return False
    first, told = ctypes.c_char.from_buffer(view), ctypes.create_string_buffer(1)
    failed = _LIBC.mincore(ctypes.byref(first), ctypes.c_size_t(mmap.PAGESIZE), told)
    return failed == 0 and bool(told.raw[0] & 1)


def make_way(folder: Path) -> None:
    """Looks whether others need the room that the file takes.

    Raises:
        OSError: as if the disk were full (ENOSPC): for them it soon would be.
    """
    disk = os.statvfs(folder)
    if disk.f_bavail < YIELD * disk.f_blocks:
        raise OSError(errno.ENOSPC, f"others have left less than {YIELD:.1%} of the file system free")


@contextmanager
def cleared(folder: Path, emit: Emit, what: str) -> Iterator[None]:
    """Leaves no file in a turn's folder; a disk that is full ends what is done there, and is an event."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        emit.event("disk.full", f"{what} ended early: {error.strerror}")
    finally:
        clear(folder)


def clear(folder: Path) -> None:
    """Removes all files in a turn's folder."""
    for path in folder.iterdir():
        path.unlink()
