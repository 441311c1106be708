"""What the memory signs share: how much of sold memory a guest may lack without anybody's fault."""

from __future__ import annotations

import re
from typing import Final

from vpsbench.model import Guest, Record
from vpsbench.monitors import cgroup, xen_memory
from vpsbench.wording.figures import MIB

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
# What firmware keeps of a machine's memory: 64 KiB to 16 MiB on BIOS, tens of MiB with UEFI and video memory.
FIRMWARE: Final = 64 * MIB
FIRMWARE_SHARE: Final = 0.02
MAPS: Final = ("memory.map", "memory.firmware", "memory.boot_log")  # facts: memory before the kernel's part
PROVIDERS: Final = {"openvz", "lxc"}  # containers that are sold; others are mostly made by their owner
SOLD_AS: Final = {"openvz", "lxc", "container"}  # what a plan calls them
# An LXC container's own cgroup, where the guest sees its host's tree; below it all is the guest's own.
CONTAINER: Final = re.compile(r"/lxc(\.payload)?[./][^/]+(/ns)?$")


def least(sold: int) -> int:
    """The least that a seller may have meant, B: a plan of 1 GiB was perhaps sold as "1 GB"."""
    for binary, decimal in ((1024**3, 1000**3), (1024**2, 1000**2)):
        if sold % binary == 0:
            return sold // binary * decimal
    return sold


def reserve(sold: float) -> float:
    """What a kernel may keep for itself of the memory sold, B."""
    return max(RESERVE, RESERVE_SHARE * sold)


def crash_kernel(sold: float) -> float:
    """The largest reserve for a crash kernel that a distribution makes by default, B."""
    return next(size for least, size in CRASH_KERNEL if sold >= least)


def firmware(sold: float) -> float:
    """What firmware may keep of a machine's memory before any kernel sees it, B."""
    return max(FIRMWARE, FIRMWARE_SHARE * sold)


def fact(record: Record, name: str) -> float | None:
    """A fact in kB, in B; None where it was not read."""
    text = record.run.guest.facts.get(name)
    return float(text.split()[0]) * 1024 if text else None


def mapped(record: Record) -> float | None:
    """The most that the machine's own maps show, B; None where none could be read, or none is about us.

    A container sees its host's. On Xen the map is as large as the guest may become, not as it is.
    """
    if in_sold_container(record) or any(layer.kind.startswith("xen") for layer in record.run.guest.layers):
        return None
    return max((size for name in MAPS if (size := fact(record, name))), default=None)


def is_sold_container(guest: Guest) -> bool:
    """Whether a guest is a container of a kind that is sold."""
    return any(layer.kind in PROVIDERS for layer in guest.layers)


def in_sold_container(record: Record) -> bool:
    """Whether a run was made in one."""
    return is_sold_container(record.run.guest)


def owners_perhaps(record: Record) -> bool:
    """Whether the container may be its owner's: LXC within a machine that shows itself, not sold as one.

    OpenVZ needs a kernel that only a seller runs.
    """
    plan, kinds = record.run.plan, [layer.kind for layer in record.run.guest.layers]
    within = bool(kinds) and kinds[0] not in {*PROVIDERS, "bare-metal", "unknown"}
    return within and "openvz" not in kinds and not (plan and plan.virtualization in SOLD_AS)


def provider_limits(record: Record) -> dict[str, float]:
    """The least memory limits in this run, B, of cgroups that the container's host made; by their folders.

    They are at the top of what a container sees, and at its own place where it sees its host's tree.
    Below that are slices and services of its owner's, who may limit them as they like.
    """
    if not in_sold_container(record):
        return {}
    seen = {
        s.labels["path"]
        for metric in (cgroup.MEMORY_CURRENT, cgroup.MEMORY_LIMIT)
        for s in record.named(metric)
    }
    top = min(seen, key=len, default="")
    return {
        path: float(series.values.min())
        for series in record.named(cgroup.MEMORY_LIMIT)
        if series.values.size and ((path := series.labels["path"]) == top or CONTAINER.search(path))
    }


def xen_given(record: Record) -> list[float]:
    """What Xen gave this guest, in B, time by time; empty elsewhere.

    MemTotal is less: a kernel that could grow to a larger maximum keeps room for the tables of all of it.
    """
    return [float(value) for series in record.named(xen_memory.CURRENT) for value in series.values]
