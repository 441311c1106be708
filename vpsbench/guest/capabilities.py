"""What can and cannot be measured here, why, and the command that would mend it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from vpsbench.guest.cpuid import DEVICES, KVM_ASYNC_PF_INTERRUPT, Cpuid
from vpsbench.guest.files import Files
from vpsbench.guest.limits import cgroup_folders
from vpsbench.guest.process import Process
from vpsbench.kernel_text import schedstat
from vpsbench.model import Answer, Capability, Layer

_MI: Final = 1024**2
_IPC_LOCK: Final = 14  # the capability that lifts RLIMIT_MEMLOCK
_KEPT_FREE: Final = 0.15  # the share of the disk that is never written to
_DISK_NEEDED: Final = 1024 * _MI  # B; below that a file fits into too many caches
_INSTALL: Final = {  # by the ID or ID_LIKE of /etc/os-release
    "debian": "{sudo}apt-get update && {sudo}apt-get install -y {package}",
    "ubuntu": "{sudo}apt-get update && {sudo}apt-get install -y {package}",
    "fedora": "{sudo}dnf install -y {package}",
    "rhel": "{sudo}dnf install -y {package}",
    "suse": "{sudo}zypper install -y {package}",
    "alpine": "{sudo}apk add {package}",
    "arch": "{sudo}pacman -S --noconfirm {package}",
}
_PSI_ON: Final = (
    "{sudo}sed -i 's/^GRUB_CMDLINE_LINUX=\"/&psi=1 /' /etc/default/grub && {sudo}update-grub && {sudo}reboot"
)
_AS_ROOT: Final = "run it as root: sudo make bench"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the single checks look at."""

    files: Files
    process: Process
    cpuid: Cpuid | None
    layers: tuple[Layer, ...]
    steal: Answer

    @property
    def machine(self) -> str:
        """The kind of the outermost layer."""
        return self.layers[0].kind

    @property
    def contained(self) -> bool:
        """Whether a container is around us: then the kernel is not ours to change."""
        return len(self.layers) > 1

    @property
    def x86(self) -> bool:
        """Whether there is such a thing as CPUID."""
        return self.process.arch in {"x86_64", "i686"}

    def command(self, text: str) -> str:
        """The command as this user must type it; empty where no command of ours would help."""
        return "" if self.contained else text.replace("{sudo}", "" if self.process.root else "sudo ")


def capabilities(here: Surroundings) -> tuple[Capability, ...]:
    """All checks that mean something on this platform, the ones that a user can mend first."""
    return tuple(_tools(here)) + tuple(_counters(here)) + tuple(_own_state(here))


def _tools(here: Surroundings) -> Iterator[Capability]:
    fio = here.process.fio
    yield Capability("fio", bool(fio.value), fio.because, "" if fio.value else _install(here, "fio"))
    yield _io_uring(here)
    yield Capability(
        "root",
        here.process.root,
        "we are root" if here.process.root else "we are not: CPUID and locked memory may be out of reach",
        "" if here.process.root else _AS_ROOT,
    )
    yield _mlock(here)
    yield _disk_space(here.process)


def _install(here: Surroundings, package: str) -> str:
    """Installs a package; needs no kernel, so it works in a container too."""
    release = here.files.text("/etc/os-release") or ""
    names = re.findall(r"^ID(?:_LIKE)?=(.*)$", release, re.MULTILINE)
    for name in " ".join(names).replace('"', "").split():
        if name in _INSTALL:
            return _INSTALL[name].format(sudo="" if here.process.root else "sudo ", package=package)
    return f"install the package {package}"


def _io_uring(here: Surroundings) -> Capability:
    answer = here.process.io_uring
    setting = here.files.text("/proc/sys/kernel/io_uring_disabled")
    switched_off = not answer.value and setting in {"1", "2"}
    because = f"{answer.because}; kernel.io_uring_disabled = {setting}" if switched_off else answer.because
    remedy = here.command("{sudo}sysctl kernel.io_uring_disabled=0") if switched_off else ""
    return Capability("io_uring", bool(answer.value), because, remedy)


def _mlock(here: Surroundings) -> Capability:
    held = re.search(r"^CapEff:\s*(\w+)", here.files.text("/proc/self/status") or "", re.MULTILINE)
    if held and int(held[1], 16) >> _IPC_LOCK & 1:
        return Capability("mlock", available=True, because="CAP_IPC_LOCK: any amount may be locked")
    limit = here.process.memlock
    if limit is None:
        return Capability("mlock", available=True, because="RLIMIT_MEMLOCK: unlimited")
    because = f"RLIMIT_MEMLOCK: {limit / _MI:.3g} MiB, so held memory may go to our own swap"
    return Capability("mlock", available=False, because=because, remedy="" if here.process.root else _AS_ROOT)


def _disk_space(process: Process) -> Capability:
    spare = process.disk_free - _KEPT_FREE * process.disk_total
    because = (
        f"{process.disk_free / _MI:.0f} MiB of {process.disk_total / _MI:.0f} MiB free here, "
        f"{_KEPT_FREE:.0%} stay free"
    )
    enough = spare >= _DISK_NEEDED
    return Capability("disk_space", enough, because, "" if enough else "run it in a folder on a larger disk")


def _counters(here: Surroundings) -> Iterator[Capability]:
    if here.x86:
        yield _cpuid(here)
    yield _steal_clock(here)
    yield _pressure(here)
    yield _schedstat(here.files)
    yield _hyp(here)
    yield _balloon(here.files)
    yield _cgroup(here.files)
    rtc = "/sys/class/rtc/rtc0/since_epoch"
    yield _file("rtc", here.files, rtc)
    if here.machine.startswith("xen"):
        yield _file("xen_memory", here.files, "/sys/devices/system/xen_memory/xen_memory0/target_kb")
    if here.machine == "hyper-v":
        yield _debug(here, "hv_balloon", "/sys/kernel/debug/hv-balloon")
    if here.machine == "vmware":
        yield _debug(here, "vmmemctl", "/sys/kernel/debug/vmmemctl")
    if any(layer.kind == "openvz" for layer in here.layers):
        yield _file("beancounters", here.files, "/proc/user_beancounters", _AS_ROOT)


def _file(name: str, files: Files, path: str, remedy: str = "") -> Capability:
    """A counter that is there when its file can be read."""
    if files.text(path) is not None:
        return Capability(name, available=True, because=f"{path}: readable")
    if files.exists(path):
        return Capability(name, available=False, because=f"{path}: not readable for us", remedy=remedy)
    return Capability(name, available=False, because=f"{path}: not there")


def _debug(here: Surroundings, name: str, path: str) -> Capability:
    """A counter in debugfs, whose folder is closed to all but root."""
    if here.process.root or here.files.exists(path):
        return _file(name, here.files, path, _AS_ROOT)
    return Capability(name, available=False, because=f"{path}: only root may look", remedy=_AS_ROOT)


def _cpuid(here: Surroundings) -> Capability:
    if here.cpuid:
        return Capability("cpuid", available=True, because=f"{here.cpuid.source}: readable")
    if here.files.matching(DEVICES):
        because, remedy = f"{DEVICES}: only root may read it", _AS_ROOT
    else:
        because, remedy = f"{DEVICES}: not there", here.command("{sudo}modprobe cpuid")
    return Capability("cpuid", available=False, because=because, remedy=remedy)


def _steal_clock(here: Surroundings) -> Capability:
    told_by_cpuid = here.x86 and here.steal.value is None and here.machine in {"kvm", "firecracker", "qemu"}
    remedy = _cpuid(here).remedy if told_by_cpuid else ""
    return Capability("steal_clock", here.steal.value is True, here.steal.because, remedy)


def _pressure(here: Surroundings) -> Capability:
    found = _file("pressure", here.files, "/proc/pressure/cpu")
    if found.available or here.contained:
        return found
    because = "/proc/pressure: not there, or switched off in the kernel"
    return Capability("pressure", available=False, because=because, remedy=here.command(_PSI_ON))


def _schedstat(files: Files) -> Capability:
    works = schedstat.counted(files.text("/proc/self/schedstat") or "")
    because = "/proc/self/schedstat: " + ("our own run-queue wait is counted" if works else "no figures")
    return Capability("schedstat", available=works, because=because)


def _hyp(here: Surroundings) -> Capability:
    """The HYP line counts pages that the host had swapped out only on KVM, and only if it is told of them."""
    kvm = here.cpuid.interface("kvm") if here.cpuid else None
    if not re.search(r"^\s*HYP:", here.files.text("/proc/interrupts") or "", re.MULTILINE):
        because = "/proc/interrupts: no line HYP"
    elif here.machine not in {"kvm", "firecracker"}:
        because = "/proc/interrupts: HYP counts page faults of the host on KVM only"
    elif kvm and not kvm.features >> KVM_ASYNC_PF_INTERRUPT & 1:
        because = "CPUID: the host does not announce its page faults by interrupt"
    else:
        return Capability("hyp_interrupts", available=True, because="/proc/interrupts: the line HYP is there")
    return Capability("hyp_interrupts", available=False, because=because)


def _balloon(files: Files) -> Capability:
    counted = re.search(r"^balloon_inflate ", files.text("/proc/vmstat") or "", re.MULTILINE)
    because = f"/proc/vmstat: {'' if counted else 'no '}balloon_inflate"
    return Capability("balloon", available=counted is not None, because=because)


def _cgroup(files: Files) -> Capability:
    names = ("cpu.max", "memory.max", "cpu.cfs_quota_us", "memory.limit_in_bytes")
    folders = (*cgroup_folders(files), *cgroup_folders(files, "cpu"), *cgroup_folders(files, "memory"))
    for name in (f"{folder}/{name}" for folder in folders for name in names):
        if files.text(name) is not None:
            return Capability("cgroup", available=True, because=f"{name}: readable")
    return Capability("cgroup", available=False, because="no cgroup of ours shows a limit")


def _own_state(here: Surroundings) -> Iterator[Capability]:
    """Our own kernel merging pages would look like the host doing it."""
    name = "/sys/kernel/mm/ksm/run"
    state = here.files.text(name)
    off = state in {None, "0", "2"}
    because = "the kernel has no KSM" if state is None else f"{name}: {state}"
    if here.contained and not off:
        because += ", which belongs to the machine around the container"
    remedy = "" if off else here.command("echo 2 | {sudo}tee " + name)
    yield Capability("own_ksm_off", off, because, remedy)
