"""How much memory may be taken: what the kernel calls available, and what our cgroups leave of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vpsbench.guest.files import Files
from vpsbench.guest.limits import cgroup_folders
from vpsbench.kernel_text import meminfo
from vpsbench.probes import Unavailable


@dataclass(frozen=True, slots=True)
class MemoryHeadroom:
    """Memory in B, as the tightest of machine and cgroups sees it."""

    total: int
    available: int


def headroom(files: Files) -> MemoryHeadroom:
    """What there is now.

    Raises:
        Unavailable: /proc/meminfo cannot be read.
    """
    memory = meminfo.amounts(files.text(meminfo.FILE) or "", "MemTotal", "MemFree", "MemAvailable")
    if "MemTotal" not in memory or "MemFree" not in memory:
        raise Unavailable("/proc/meminfo does not say how much memory there is")
    total = memory["MemTotal"]
    available = memory.get("MemAvailable", memory["MemFree"])  # kernels before 3.14 lack the former
    for limit, used in _cgroups(files):
        total = min(total, limit)
        available = min(available, limit - used)
    return MemoryHeadroom(total, max(available, 0))


def _cgroups(files: Files) -> Iterator[tuple[int, int]]:
    """Limit and use, in B, of each memory cgroup that we are in, and of its parents."""
    for folder in cgroup_folders(files, "memory"):
        yield from _version1(files, folder)
    for folder in cgroup_folders(files):
        yield from _version2(files, folder)


def _version1(files: Files, folder: str) -> Iterator[tuple[int, int]]:
    limit = files.text(f"{folder}/memory.limit_in_bytes")  # "none" is a number beyond any machine
    used = files.text(f"{folder}/memory.usage_in_bytes")
    if limit is not None and used is not None:
        yield int(limit), int(used) - _cache(files, folder, "total_inactive_file")


def _version2(files: Files, folder: str) -> Iterator[tuple[int, int]]:
    """Above memory.high the kernel slows a group down, so that limit is respected as well."""
    used = files.text(f"{folder}/memory.current")
    for name in ("memory.max", "memory.high"):
        limit = files.text(f"{folder}/{name}")
        if limit not in (None, "max") and used is not None:
            yield int(limit), int(used) - _cache(files, folder, "inactive_file")


def _cache(files: Files, folder: str, field: str) -> int:
    """B of page cache that the kernel drops first when the group needs memory; counted as use."""
    for line in (files.text(f"{folder}/memory.stat") or "").splitlines():
        name, _, value = line.partition(" ")
        if name == field:
            return int(value)
    return 0
