"""What the memory signs share: how much of sold memory a guest may lack without anybody's fault."""

from __future__ import annotations

from typing import Final

from vpsbench.analyzer.words import MIB
from vpsbench.model import Record

# The kernel's own image and page tables, and the firmware. A guest of 768 MiB showed 720 MiB; struct page
# alone is 1.6 %.
RESERVE: Final = 128 * MIB
RESERVE_SHARE: Final = 0.08
# (memory from, largest default reserve for a crash kernel): Debian's kdump-tools 192 MiB, RHEL 9 192 to 512
# MiB, Ubuntu since 24.10 320 MiB from 2 GiB, 512 MiB from 4 GiB, 1 GiB from 32 GiB, up to 4 GiB.
CRASH_KERNEL: Final = (
    (32 * 1024 * MIB, 4096 * MIB),
    (4096 * MIB, 512 * MIB),
    (2048 * MIB, 320 * MIB),
    (0, 192 * MIB),
)
PROVIDERS: Final = {"openvz", "lxc"}  # containers that are sold; others are mostly made by their owner


def reserve(sold: float) -> float:
    """What a kernel may keep for itself of the memory sold, B."""
    return max(RESERVE, RESERVE_SHARE * sold)


def crash_kernel(sold: float) -> float:
    """The largest reserve for a crash kernel that a distribution makes by default, B."""
    return next(size for least, size in CRASH_KERNEL if sold >= least)


def in_sold_container(record: Record) -> bool:
    """Whether this guest is a container of a kind that is sold."""
    return any(layer.kind in PROVIDERS for layer in record.run.guest.layers)


def xen_given(record: Record) -> list[float]:
    """What Xen gave this guest, in B, time by time; empty elsewhere.

    MemTotal is less: a kernel that could grow to a larger maximum keeps room for the tables of all of it.
    """
    return [float(value) for series in record.named("xen.memory.current") for value in series.values]
