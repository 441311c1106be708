"""Which platform we run on, as layers, each with the evidence that it rests on.

Kinds of the first layer: xen-pv, xen-hvm, xen-pvh, xen (which type is not known), xen-dom0, kvm,
firecracker (on KVM), qemu-tcg (emulated), qemu (KVM or emulated: not known), vmware, hyper-v, bhyve,
virtualbox, parallels, uml, bare-metal, unknown. Kinds of the layers within: ``containers.KINDS``.

Hypervisors can be nested. Only the innermost shows itself to a guest, so only that one is claimed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from vpsbench.guest.containers import Clue, container_layers
from vpsbench.guest.cpuid import Cpuid
from vpsbench.guest.files import Files
from vpsbench.model import Layer

_DMI: Final = "/sys/class/dmi/id"
_DSDT: Final = "/sys/firmware/acpi/tables/DSDT"
_CLOCKSOURCES: Final = "/sys/devices/system/clocksource/clocksource0/available_clocksource"
_DMI_FIELDS: Final = ("product_name", "sys_vendor", "board_vendor", "bios_vendor", "product_version")
# These can carry another hypervisor's CPUID signature, so their DMI is believed first.
_DMI_FIRST: Final = {
    "innotek GmbH": "virtualbox",
    "VirtualBox": "virtualbox",
    "Parallels": "parallels",
    "Xen": "xen",
    "HVM domU": "xen",
}
_DMI_LATER: Final = {
    "KVM": "kvm",
    "OpenStack": "kvm",
    "KubeVirt": "kvm",
    "Google Compute Engine": "kvm",
    "QEMU": "qemu",
    "VMware": "vmware",
    "VMW": "vmware",
    "Hyper-V": "hyper-v",
    "BHYVE": "bhyve",
}
# The kernel registers these only after it has itself recognised the hypervisor; no root is needed.
_CLOCKSOURCE_KINDS: Final = {"kvm-clock": "kvm", "xen": "xen", "hyperv_clocksource": "hyper-v"}
_DEVICE_TREE_KINDS: Final = {"linux,kvm": "kvm", "xen": "xen", "vmware": "vmware"}
_XEN_TYPES: Final = {"PV": "xen-pv", "HVM": "xen-hvm", "PVH": "xen-pvh", "Xen": "xen"}
_XEN_DOM0_BIT: Final = 11  # XENFEAT_dom0


def layers(files: Files, cpuid: Cpuid | None) -> tuple[Layer, ...]:
    """The machine first, then the containers in it, outermost first."""
    return (_machine(files, cpuid), *container_layers(files))


def _machine(files: Files, cpuid: Cpuid | None) -> Layer:
    clues = tuple(_clues(files, cpuid)) or tuple(_last_clues(files, cpuid))
    kind = clues[0].kind if clues else "unknown"
    if kind == "xen":
        clues = (*_xen_type(files), *clues)
    elif kind == "kvm":
        clues = (*_firecracker(files), *clues)
    kind = clues[0].kind if clues else "unknown"
    return Layer(kind, tuple(dict.fromkeys(clue.evidence for clue in clues)))


def _clues(files: Files, cpuid: Cpuid | None) -> Iterator[Clue]:
    """All that tells of a hypervisor, the most trusted first: the first one names the platform."""
    yield from _dmi(files, _DMI_FIRST)
    if "User Mode Linux" in (files.text("/proc/cpuinfo") or ""):
        yield Clue("uml", "/proc/cpuinfo: User Mode Linux")
    if files.exists("/proc/xen"):
        yield Clue("xen", "/proc/xen: there")
    yield from _signatures(cpuid)
    yield from _clocksource(files)
    yield from _dmi(files, _DMI_LATER)
    yield from _amazon_and_microsoft(files)
    if files.text("/sys/hypervisor/type") == "xen":
        yield Clue("xen", "/sys/hypervisor/type: xen")
    yield from _device_tree(files)


def _dmi(files: Files, kinds: dict[str, str]) -> Iterator[Clue]:
    for field in _DMI_FIELDS:
        text = files.text(f"{_DMI}/{field}") or ""
        for start, kind in kinds.items():
            if text.startswith(start):
                yield Clue(kind, f"{_DMI}/{field}: {text.strip()}")


def _amazon_and_microsoft(files: Files) -> Iterator[Clue]:
    """Two vendors who also sell machines without a hypervisor under the same name."""
    vendor, product = files.text(f"{_DMI}/sys_vendor") or "", files.text(f"{_DMI}/product_name") or ""
    if vendor == "Amazon EC2" and product and ".metal" not in product:
        # Amazon: every instance type with this vendor string is on Nitro, which is built on KVM.
        yield Clue("kvm", f"{_DMI}/sys_vendor: {vendor}, {_DMI}/product_name: {product}")
    if vendor == "Microsoft Corporation" and product == "Virtual Machine":
        yield Clue("hyper-v", f"{_DMI}/sys_vendor: {vendor}, {_DMI}/product_name: {product}")


def _signatures(cpuid: Cpuid | None) -> Iterator[Clue]:
    """Later interfaces first: Hyper-V's own stands alone, in front of another it is an imitation."""
    if cpuid is None:
        return
    for interface in reversed(cpuid.interfaces):
        if interface.kind:
            yield Clue(interface.kind, f"{cpuid.source}: {interface}")


def _clocksource(files: Files) -> Iterator[Clue]:
    for name in (files.text(_CLOCKSOURCES) or "").split():
        for start, kind in _CLOCKSOURCE_KINDS.items():
            if name.startswith(start):
                yield Clue(kind, f"{_CLOCKSOURCES}: {name}")


def _device_tree(files: Files) -> Iterator[Clue]:
    name = "/proc/device-tree/hypervisor/compatible"
    text = (files.text(name) or "").replace("\0", " ").strip()
    for part, kind in _DEVICE_TREE_KINDS.items():
        if part in text:
            yield Clue(kind, f"{name}: {text}")


def _last_clues(files: Files, cpuid: Cpuid | None) -> Iterator[Clue]:
    """Where nothing tells of a known hypervisor: x86 still says whether there is any."""
    if cpuid and cpuid.interfaces:
        yield Clue("unknown", f"{cpuid.source}: {cpuid.interfaces[0]}, which is not known")
        return
    flags = re.search(r"^flags\s*:(.*)$", files.text("/proc/cpuinfo") or "", re.MULTILINE)
    if flags is None:  # not x86: silence proves nothing there
        return
    if "hypervisor" in flags[1].split():
        yield Clue("unknown", "/proc/cpuinfo: the flag hypervisor, and nothing that names it")
        return
    yield Clue("bare-metal", "/proc/cpuinfo: no flag hypervisor, and nothing else hints at one")
    if vendor := files.text(f"{_DMI}/sys_vendor"):
        yield Clue("bare-metal", f"{_DMI}/sys_vendor: {vendor}")


def _xen_type(files: Files) -> Iterator[Clue]:
    """Which kind of Xen guest, or the domain that owns the machine."""
    yield from _dom0(files)
    guest_type = files.text("/sys/hypervisor/guest_type")  # since Linux 4.13
    if guest_type in _XEN_TYPES:
        yield Clue(_XEN_TYPES[guest_type], f"/sys/hypervisor/guest_type: {guest_type}")
    elif any(_dmi(files, _DMI_FIRST)):
        yield Clue("xen-hvm", f"{_DMI}: there, which PV and PVH guests lack")


def _dom0(files: Files) -> Iterator[Clue]:
    features = (files.text("/sys/hypervisor/properties/features") or "").strip()
    if re.fullmatch(r"[0-9a-fA-F]+", features) and int(features, 16) >> _XEN_DOM0_BIT & 1:
        yield Clue("xen-dom0", f"/sys/hypervisor/properties/features: {features}, bit {_XEN_DOM0_BIT} is set")
    if "control_d" in (files.text("/proc/xen/capabilities") or ""):
        yield Clue("xen-dom0", "/proc/xen/capabilities: control_d")


def _firecracker(files: Files) -> Iterator[Clue]:
    if not files.exists(_DMI) and files.data(_DSDT, 10, 6) == b"FIRECK":
        yield Clue("firecracker", f"{_DSDT}: OEM FIRECK, and no {_DMI}")
