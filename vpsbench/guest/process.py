"""What this very process may do, which no file tells."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import shutil
import subprocess
from dataclasses import dataclass
from typing import Final

from vpsbench.model import Answer

_IO_URING_SETUP: Final = 425  # the same number on all architectures but alpha
_FIO_TIMEOUT: Final = 20  # s; a cold start on a slow disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """Our own rights and tools; tests make one by hand."""

    root: bool
    usable: tuple[int, ...]  # the vCPUs that we may be pinned to
    physical: int  # B of memory, as the C library tells
    memlock: int | None  # B that may be locked; None: no limit
    disk_free: int  # B that we may still write in the working folder
    disk_total: int  # B of that file system
    fio: Answer
    io_uring: Answer
    arch: str
    python: str


def this_process() -> Process:
    """Asks the kernel, and fio for its version."""
    disk = shutil.disk_usage(".")
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    return Process(
        root=os.geteuid() == 0,
        usable=tuple(sorted(os.sched_getaffinity(0))),
        physical=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        memlock=None if soft == resource.RLIM_INFINITY else soft,
        disk_free=disk.free,
        disk_total=disk.total,
        fio=fio(),
        io_uring=io_uring(),
        arch=platform.machine(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
    )


def fio() -> Answer:
    """Whether fio is there and runs, with its version or what it says instead."""
    if shutil.which("fio") is None:
        return Answer(value=False, because="fio is not installed")
    try:
        done = subprocess.run(
            ["fio", "--version"], capture_output=True, text=True, timeout=_FIO_TIMEOUT, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        return Answer(value=False, because=f"fio is installed and does not run: {error}")
    return Answer(value=True, because=done.stdout.strip())


def io_uring() -> Answer:
    """Whether io_uring may be used: a call that is refused for its arguments is a call that is let in."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall(_IO_URING_SETUP, 0, None)
    code = ctypes.get_errno()
    name = errno.errorcode.get(code, str(code))
    return Answer(code in {errno.EFAULT, errno.EINVAL}, f"io_uring_setup answers {name}")
