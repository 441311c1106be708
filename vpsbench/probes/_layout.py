"""The file under test: how big it may be, and random data written into it before anything is measured."""

from __future__ import annotations

import errno
import mmap
import os
import time
from pathlib import Path
from typing import Final

import numpy as np

from vpsbench.probes import Unavailable
from vpsbench.probes._pace import Pace

BLOCK: Final = 4 * 1024**2  # B, one write
FREE_SHARE: Final = 0.15  # of the file system, always left free
_SPARE_SHARE: Final = 0.5  # of what is free beyond that, at most


def file_size(wanted: int, memory: int, free: int, total: int, budget: int) -> int:
    """B that the file may have, in whole blocks; 0 where there is no room.

    Args:
        wanted: by the user; 0: twice the memory, so that no cache of the host can hold all of it.
        memory: B of the guest.
        free: B that are free in the file system.
        total: B of the file system.
        budget: B that may be written to lay it out.
    """
    spare = free - FREE_SHARE * total
    if not wanted:
        wanted, spare = 2 * memory, spare * _SPARE_SHARE
    return max(int(min(wanted, spare, budget)) // BLOCK * BLOCK, 0)


def lay_out(path: Path, size: int, until: float, rng: np.random.Generator, pace: Pace) -> int:
    """Write random data past the guest's cache until the size or the time (CLOCK_BOOTTIME) is reached.

    Returns:
        The B written: at least one block, however slow the disk.

    Raises:
        Unavailable: the file system takes no direct I/O.
        OSError: the disk is full, broken or read-only.
    """
    written = 0
    descriptor = _open(path)
    try:
        with mmap.mmap(-1, BLOCK) as buffer:  # direct I/O wants memory that begins at a page
            while written < size and (not written or time.clock_gettime(time.CLOCK_BOOTTIME) < until):
                buffer[:] = rng.bytes(BLOCK)
                written += os.write(descriptor, buffer)
                pace.rest()
        os.fsync(descriptor)
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise _no_direct_io(path) from error
        raise
    finally:
        os.close(descriptor)
    return written


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_DIRECT, 0o600)
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise _no_direct_io(path) from error
        raise


def _no_direct_io(path: Path) -> Unavailable:
    return Unavailable(
        f"the file system of {path.parent} takes no direct I/O: only the guest's memory could be measured"
    )


def file_system(mounts: str, device: int) -> str:
    """The type of the file system with this device number, by /proc/self/mountinfo; "unknown" if none.

    Some (btrfs, overlay) give files a device number of their own, which no mount has.
    """
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in mounts.splitlines():
        front, _, back = line.partition(" - ")
        if front.split()[2] == number:
            return back.split()[0]
    return "unknown"
