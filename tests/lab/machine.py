"""The guest that a scenario asks for, and the QEMU command that makes it. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from tests.lab.image import Image
from tests.lab.quantities import Bytes

Platform = Literal["kvm", "xen", "lxc", "openvz"]
_MIB: Final = 1024**2
_XEN_ITSELF: Final = 324 * _MIB  # what Xen and its tables need beside dom0: 1024 MiB for a dom0 of 700 MiB
# QEMU 7.2's emulator gets AVX2's gathers wrong: numpy's argsort returns wrong orders, or dies of a fault.
CPU: Final = "max,-avx2"
RAM: Final = "memory-backend-memfd"  # the kind of a guest's RAM, and the name of its file
# dom0 of Debian 12 crashes at its first page fault with these features under QEMU's emulator.
# Without xsave there is no AVX: QEMU's emulation loses its registers when Xen switches vCPUs lazily, and
# programs die of segmentation faults.
_XEN_CPU: Final = "max,-smap,-smep,-la57,-xsave,-avx,-avx2"


class Strict(BaseModel):
    """Unknown keys are mistakes, and values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Machine(Strict):
    """A guest. ``kvm`` is QEMU with its software emulator: the only one without hardware virtualization."""

    platform: Platform = "kvm"
    memory: Bytes = 768 * _MIB
    vcpus: Annotated[int, Field(ge=1, le=8)] = 1
    cores: Annotated[int, Field(ge=1, le=8)] | None = None  # xen: that its vCPUs share; default: one each
    maximum: Bytes | None = None  # xen: to which its balloon could let it grow; default: no further
    disk: Bytes = 2048 * _MIB
    cache: Literal["writeback", "directsync", "unsafe"] = "writeback"
    merge: bool = False  # whether the host may merge its pages
    seen: bool = False  # kvm, not merged: its memory is a file, so that the lab sees which pages are in RAM
    memory_limit: Bytes | None = None  # lxc, openvz: of the container's cgroup
    guarantee: Bytes | None = None  # openvz: the barrier of vmguarpages

    @property
    def virtual(self) -> bool:
        """Whether it is a virtual machine, not a container."""
        return self.platform in ("kvm", "xen")


class OwnLimits(Strict):
    """A cgroup that the guest's owner made, and in which vpsbench runs."""

    cpus: Annotated[float, Field(gt=0)] | None = None
    memory: Bytes | None = None


def qemu(machine: Machine, image: Image, folder: Path, tsc_khz: int) -> list[str]:
    """The command line. Disks: root (changes are dropped), job, results, and the one to be tested."""
    kernel = _xen_boot(machine, image) if machine.platform == "xen" else _boot(image, tsc_khz)
    memory = machine.memory
    if machine.platform == "xen":
        memory = max(memory, machine.maximum or 0) + _XEN_ITSELF
    return [
        *(
            "qemu-system-x86_64",
            "-accel",
            "tcg,thread=multi",
            "-no-reboot",
            "-nodefaults",
            "-display",
            "none",
        ),
        *("-machine", f"pc,mem-merge={'on' if machine.merge else 'off'}", "-m", f"{memory // _MIB}M"),
        *(
            ("-object", f"{RAM},id=ram,size={memory}", "-machine", "memory-backend=ram")
            if machine.seen
            else ()
        ),
        *("-smp", str((machine.cores or machine.vcpus) if machine.platform == "xen" else machine.vcpus)),
        *("-rtc", "base=utc,clock=host", "-serial", "stdio"),
        *kernel,
        *("-drive", f"file={image['root.img']},if=virtio,format=raw,snapshot=on"),
        *("-drive", f"file={folder / 'job.tar'},if=virtio,format=raw,readonly=on"),
        *("-drive", f"file={folder / 'results.tar'},if=virtio,format=raw"),
        # Throttled by a filter below the device: the neighbour's reads then count in the same group.
        *("-object", "throttle-group,id=disk"),
        *("-drive", f"{_throttled(folder / 'data.img')},if=virtio,cache={machine.cache}"),
        *("-drive", f"{_throttled(folder / 'neighbour.img')},if=none,node-name=neighbour"),
        *("-device", "virtio-balloon-pci", "-qmp", f"unix:{folder / 'qmp'},server=on,wait=off"),
    ]


def _throttled(file: Path) -> str:
    return f"driver=throttle,throttle-group=disk,file.driver=file,file.filename={file}"


def _boot(image: Image, tsc_khz: int) -> list[str]:
    # Linux would not trust the emulator's TSC on two vCPUs, as no feature tells that they are in step (they
    # are), and read hpet under a lock, whose holder the host may take: no guest of KVM or Xen reads that.
    # On a busy machine Linux measures the TSC's frequency several times too low, so it is told.
    return [
        *("-cpu", CPU, "-kernel", str(image["vmlinuz-cloud"]), "-initrd", str(image["initrd-cloud.gz"])),
        *("-append", f"console=ttyS0 quiet panic=1 mitigations=off tsc=reliable tsc_early_khz={tsc_khz}"),
    ]


def _xen_boot(machine: Machine, image: Image) -> list[str]:
    most = (machine.maximum or machine.memory) // _MIB
    options = f"dom0_mem={machine.memory // _MIB}M,max:{most}M dom0_max_vcpus={machine.vcpus} smap=0 smep=0"
    dom0 = f"{image['vmlinuz-xen']} console=hvc0 quiet panic=1,{image['initrd-xen.gz']}"
    return [
        *("-cpu", _XEN_CPU, "-kernel", str(image["xen"]), "-initrd", dom0),
        *("-append", f"console=com1 com1=115200,8n1 {options}"),
    ]
