"""What this guest may use: vCPUs, memory, and what a cgroup leaves of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from vpsbench.guest.cgroups import V2, folders
from vpsbench.guest.files import Files
from vpsbench.kernel_text import meminfo, stat
from vpsbench.kernel_text.cgroup import V1_UNLIMITED
from vpsbench.kernel_text.cpu_list import cpus
from vpsbench.model import Limits


def limits(files: Files, usable: Iterable[int], physical: int) -> Limits:
    """Reads all limits.

    Args:
        files: the guest's files.
        usable: the vCPUs that the scheduler lets us use (``os.sched_getaffinity``).
        physical: B of memory as the C library tells; taken only where /proc/meminfo cannot be read.
    """
    vcpus = tuple(sorted(usable))
    return Limits(
        vcpus_online=_online(files) or len(vcpus),
        vcpus_usable=vcpus,
        memory_total=_memory_total(files) or physical,
        cgroup_cpus=min(_cgroup(files, "cpu", _cpus), default=None),
        cgroup_memory=min((int(v) for v in _cgroup(files, "memory", _memory)), default=None),
    )


def cgroup_folders(files: Files, controller: str = V2) -> tuple[str, ...]:
    """Our own cgroup's folder and those of its parents, as far as they are visible, our own first.

    Args:
        files: the guest's files.
        controller: a controller of cgroup v1, such as ``cpu`` or ``memory``; ``V2``: cgroup v2.
    """
    cgroup, mounts = files.text("/proc/self/cgroup"), files.text("/proc/self/mountinfo")
    return folders(cgroup or "", mounts or "").get(controller, ())


def _cgroup(files: Files, controller: str, found: Callable[[Files, str], Iterator[float]]) -> Iterator[float]:
    """All limits on the way up, in v1's hierarchy of the controller and in v2's."""
    for folder in (*cgroup_folders(files, controller), *cgroup_folders(files)):
        yield from found(files, folder)


def _cpus(files: Files, folder: str) -> Iterator[float]:
    """CPU quotas in CPUs: v2 in one file ("max" is none), v1 in two (-1 is none)."""
    v2 = (files.text(f"{folder}/cpu.max") or "").split()
    v1 = [files.text(f"{folder}/cpu.cfs_{name}_us") or "" for name in ("quota", "period")]
    for fields in (v2, v1):
        if len(fields) == 2 and all(f.isdigit() for f in fields) and int(fields[1]):
            yield int(fields[0]) / int(fields[1])


def _memory(files: Files, folder: str) -> Iterator[float]:
    """Memory limits in B; above memory.high a cgroup is slowed down until it gives pages back."""
    for name in ("memory.max", "memory.high", "memory.limit_in_bytes"):
        text = files.text(f"{folder}/{name}") or ""
        if text.isdigit() and int(text) < V1_UNLIMITED:
            yield int(text)


def _online(files: Files) -> int | None:
    """How many vCPUs the kernel lists; by /proc/stat where lxcfs, or an old kernel, has no list."""
    try:
        return len(cpus(files.text("/sys/devices/system/cpu/online") or ""))
    except ValueError:
        return len(stat.vcpus({stat.FILE: files.text(stat.FILE) or ""})) or None


def _memory_total(files: Files) -> int | None:
    return meminfo.amounts(files.text(meminfo.FILE) or "", "MemTotal").get("MemTotal")
