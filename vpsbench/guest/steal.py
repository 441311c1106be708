"""Whether steal in /proc/stat means anything here."""

from __future__ import annotations

from typing import Final

from vpsbench.guest.containers import lxcfs_mount
from vpsbench.guest.cpuid import KVM_STEAL_TIME, Cpuid
from vpsbench.guest.files import Files
from vpsbench.kernel_text import stat
from vpsbench.model import Answer, Layer

_KERNEL_LOG: Final = "/var/log/dmesg"  # /dev/kmsg would wait for more
_REGISTERED: Final = "stealtime: cpu"  # what KVM's (before Linux 5.19 or so) and VMware's guests log
_NO_CLOCK: Final = {
    "hyper-v": "no steal clock is known on Hyper-V: 0 there proves nothing",
    "qemu-tcg": "the processor is emulated, and gives no steal clock: 0 proves nothing",
    "bhyve": "no steal clock is known on bhyve: 0 there proves nothing",
    "bare-metal": "no hypervisor, so nobody to steal: it stays 0",
}
_KVM: Final = "steal is 0 so far; CPUID says whether KVM counts it (x86, root), but is not readable here"
_UNKNOWN: Final = {
    "kvm": _KVM,
    "firecracker": _KVM,
    "qemu": _KVM,
    "vmware": "steal is 0 so far; VMware counts it only where the host sets stealclock.enable",
}


def steal_clock(files: Files, cpuid: Cpuid | None, layers: tuple[Layer, ...]) -> Answer:
    """Whether steal would grow if the host withheld a vCPU; None where it cannot be known."""
    kinds = [layer.kind for layer in layers]
    if "openvz" in kinds:
        return Answer(value=False, because="a container shares its host's kernel: steal is not about us")
    if _steal(files) > 0:
        return Answer(value=True, because="/proc/stat: steal is above 0, so it is counted")
    if mount := lxcfs_mount(files):
        return Answer(value=None, because=f"lxcfs rewrites /proc ({mount}): steal 0 may be its own")
    return _by_platform(kinds[0], files, cpuid)


def _steal(files: Files) -> int:
    """Steal of all vCPUs since boot, in ticks; as a lower bound, 0 where there is no such field."""
    return stat.ticks(files.text(stat.FILE) or "", "cpu").get("steal", 0)


def _by_platform(kind: str, files: Files, cpuid: Cpuid | None) -> Answer:
    if kind in _NO_CLOCK:
        return Answer(value=False, because=_NO_CLOCK[kind])
    if kind.startswith("xen"):
        return Answer(
            value=True, because="Xen keeps a runstate of every vCPU; a contracted cap counts as steal too"
        )
    kvm = cpuid.interface("kvm") if cpuid else None
    if cpuid and kvm:
        given = bool(kvm.features >> KVM_STEAL_TIME & 1)
        bit = f"{cpuid.source}: bit {KVM_STEAL_TIME} of EAX at leaf {kvm.base + 1:#x}"
        return Answer(given, f"{bit} {'is set: KVM counts steal' if given else 'is clear: steal stays 0'}")
    if _REGISTERED in (files.text(_KERNEL_LOG) or ""):
        return Answer(value=True, because=f"{_KERNEL_LOG}: {_REGISTERED} …: the kernel has been given one")
    return Answer(value=None, because=_UNKNOWN.get(kind, "the platform is not known well enough"))
