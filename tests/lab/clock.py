"""The lab's one clock, and this machine's TSC, by which guests keep theirs."""

from __future__ import annotations

import ctypes
import mmap
import time
from functools import cache
from typing import Final

_RDTSC: Final = bytes.fromhex("0f31 48c1e220 4809d0 c3")  # rdtsc; shl rdx, 32; or rax, rdx; ret (x86-64)


def now() -> float:
    """CLOCK_BOOTTIME, s: a container's own, and what a guest's uptime is laid beside."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@cache
def tsc_khz() -> int:
    """This machine's TSC, counts a millisecond; QEMU's emulator hands it to its guests as it is."""
    with mmap.mmap(-1, len(_RDTSC), prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC) as page:
        page.write(_RDTSC)
        code = ctypes.c_char.from_buffer(page)
        rdtsc = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(code))
        began, first = now(), rdtsc()
        time.sleep(0.5)
        lasted, counts = now() - began, int(rdtsc()) - int(first)
        del rdtsc, code  # they hold the page open
    return round(counts / lasted / 1000)
