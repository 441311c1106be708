"""What else is worth knowing about the guest, in words, to be kept with every run."""

from __future__ import annotations

import re
from typing import Final

from vpsbench.guest.billing import burstable, instance_type
from vpsbench.guest.containers import leftovers
from vpsbench.guest.cpuid import KVM_REALTIME, Cpuid
from vpsbench.guest.files import Files
from vpsbench.guest.memory_map import given
from vpsbench.kernel_text import cpu_list

_CLOCK: Final = "/sys/devices/system/clocksource/clocksource0"
_SINGLE: Final = {  # fact -> the file that holds just it
    "clocksource": f"{_CLOCK}/current_clocksource",
    "clocksource.available": f"{_CLOCK}/available_clocksource",
    "cpu.present": "/sys/devices/system/cpu/present",  # the guest has these, though some may be switched off
    "dmi.vendor": "/sys/class/dmi/id/sys_vendor",
    "dmi.product": "/sys/class/dmi/id/product_name",
    "dmi.version": "/sys/class/dmi/id/product_version",
    "dmi.bios": "/sys/class/dmi/id/bios_version",
    "ksm.run": "/sys/kernel/mm/ksm/run",
    "governor": "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
}
_BALLOON: Final = "0x0005"  # virtio's number for a balloon
_BALLOON_BITS: Final = {  # virtio_balloon.h; with bit 2 Linux leaves MemTotal alone (commit 997e120843e8)
    2: "deflates when memory runs out, and MemTotal does not show it",
    3: "free page hints",
    5: "free page reporting",
}
# Kernel options that change what is measured; all others stay out of the record, as they may name things.
_OPTIONS: Final = re.compile(
    r"""^(psi|mitigations|nosmt|isolcpus|nohz_full|rcu_nocbs|maxcpus|nr_cpus|mem|idle|clocksource|tsc
        |no-steal-acc|no-kvmapf|no-kvmclock|hv_nopvspin|nopv|xen_nopv|processor\.max_cstate
        |intel_idle\.max_cstate|cpuidle_haltpoll\.force|transparent_hugepage|hugepages|zswap\.enabled
        |swapaccount|cgroup_disable|cgroup_enable|page_reporting\.page_reporting_order|preempt
        |numa_balancing|nested_pvm)(=.*)?$""",
    re.VERBOSE,
)


def facts(files: Files, cpuid: Cpuid | None) -> dict[str, str]:
    """All facts that could be read; what could not is absent."""
    found = {name: files.text(path) for name, path in _SINGLE.items()}
    found["balloon"] = _balloon(files)
    found["swap"] = _swap(files)
    found["lxcfs"] = _rewritten(files)
    found["kernel.options"] = _options(files)
    found["threads"] = _threads(files)
    found["kvm.realtime"] = _realtime(cpuid)
    found["container.leftovers"] = "; ".join(leftovers(files))
    found |= given(files)
    found |= _instance(found["dmi.vendor"], found["dmi.product"])
    return {name: text.strip() for name, text in found.items() if text and text.strip()}


def _balloon(files: Files) -> str | None:
    """What the virtio balloon may do; Xen's and VMware's balloons are no virtio devices."""
    for name in files.matching("/sys/bus/virtio/devices/*/device"):
        if (files.text(name) or "").strip() == _BALLOON:
            bits = files.text(name.removesuffix("device") + "features") or ""  # one character a bit, 0 first
            can = [f"bit {n}: {text}" for n, text in _BALLOON_BITS.items() if bits[n : n + 1] == "1"]
            return "virtio; " + ("; ".join(can) or "none of bits 2, 3, 5")
    return None


def _rewritten(files: Files) -> str | None:
    """/proc/meminfo, where lxcfs writes it anew for a container."""
    mounted = re.search(r" (/proc/meminfo) .* - fuse\.lxcfs ", files.text("/proc/self/mountinfo") or "")
    return mounted[1] if mounted else None


def _swap(files: Files) -> str | None:
    total = re.search(r"^SwapTotal:\s+(\d+ kB)", files.text("/proc/meminfo") or "", re.MULTILINE)
    return total[1] if total else None


def _options(files: Files) -> str:
    words = (files.text("/proc/cmdline") or "").partition(" -- ")[0].split()
    return " ".join(word for word in words if _OPTIONS.match(word))


def _threads(files: Files) -> str:
    """Which vCPUs say that they are threads of one core; the host need not have told the truth."""
    names = files.matching("/sys/devices/system/cpu/cpu[0-9]*/topology/thread_siblings_list")
    lists = {(files.text(name) or "").strip() for name in names}
    return " ".join(sorted(filter(cpu_list.LIST.fullmatch, lists), key=cpu_list.cpus))


def _realtime(cpuid: Cpuid | None) -> str | None:
    kvm = cpuid.interface("kvm") if cpuid else None
    if kvm is None:
        return None
    return "the host promises never to preempt vCPUs" if kvm.hints >> KVM_REALTIME & 1 else "not promised"


def _instance(vendor: str | None, product: str | None) -> dict[str, str | None]:
    """The instance type, where DMI tells it, and what full load may cost on it."""
    kind = instance_type(vendor or "", product or "")
    family = burstable(kind or "")
    return {"instance_type": kind, "burstable": family.terms if family else None}
