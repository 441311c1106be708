"""What a hypervisor says of itself in CPUID, as far as root can read it from a file."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from vpsbench.guest.files import Files

DEVICES: Final = "/dev/cpu/*/cpuid"  # offset = leaf, 16 bytes: EAX, EBX, ECX, EDX
SIGNATURES: Final = {
    "XenVMMXenVMM": "xen",
    "KVMKVMKVM": "kvm",
    "TCGTCGTCGTCG": "qemu-tcg",
    "VMwareVMware": "vmware",
    "Microsoft Hv": "hyper-v",
    "bhyve bhyve ": "bhyve",
}
_FIRST, _END, _STEP = 0x40000000, 0x40010000, 0x100  # where Linux itself looks (hypervisor_cpuid_base)
_HYPERVISOR_BIT = 31  # of leaf 1, ECX
KVM_STEAL_TIME, KVM_ASYNC_PF_INTERRUPT = 5, 14  # bits of leaf base + 1, EAX
KVM_REALTIME = 0  # bit of leaf base + 1, EDX: the host promises that vCPUs are never preempted


@dataclass(frozen=True, slots=True)
class Interface:
    """One hypervisor interface: Hyper-V's may stand in front of KVM's or Xen's own."""

    base: int
    signature: str
    features: int  # EAX of the leaf after ``base``; its meaning is the hypervisor's own
    hints: int  # EDX of the same leaf

    @property
    def kind(self) -> str | None:
        """The platform, as in ``Layer.kind``; None where the signature is not known."""
        return SIGNATURES.get(self.signature)

    def __str__(self) -> str:
        return f"{self.signature!r} at leaf {self.base:#x}"


@dataclass(frozen=True, slots=True)
class Cpuid:
    """The hypervisor's part of CPUID."""

    source: str  # the file it was read from
    hypervisor: bool  # the bit by which a hypervisor announces itself
    interfaces: tuple[Interface, ...]

    def interface(self, kind: str) -> Interface | None:
        """The leaves of this kind of hypervisor."""
        return next((i for i in self.interfaces if i.kind == kind), None)


def read(files: Files) -> Cpuid | None:
    """CPUID as the first readable vCPU shows it; None without root, off x86, or without the driver."""
    for source in files.matching(DEVICES):
        leaf = _leaf(files, source, 1)
        if leaf is not None:
            announced = bool(leaf[2] >> _HYPERVISOR_BIT & 1)
            # Without that bit these leaves hold whatever the processor has left there.
            return Cpuid(source, announced, _interfaces(files, source) if announced else ())
    return None


def _leaf(files: Files, source: str, leaf: int) -> tuple[int, int, int, int] | None:
    found = files.data(source, leaf, 16)
    return None if found is None else struct.unpack("<4I", found)


def _interfaces(files: Files, source: str) -> tuple[Interface, ...]:
    """All interfaces, in order; each starts at the next multiple of 0x100 that is free."""
    found: list[Interface] = []
    for base in range(_FIRST, _END, _STEP):
        name, features = _leaf(files, source, base), _leaf(files, source, base + 1)
        if name is None or features is None:
            break
        signature = struct.pack("<3I", *name[1:]).rstrip(b"\0").decode("latin-1")
        # The first may carry any name (QEMU's hv-vendor-id); behind it an unknown one is an unused leaf.
        if not signature or (found and signature not in SIGNATURES):
            break
        found.append(Interface(base, signature, features[0], features[3]))
    return tuple(found)
