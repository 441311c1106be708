"""Each monitor's parser on the odd forms its file takes, and on what is not that file at all."""

from __future__ import annotations

from types import ModuleType

import pytest

from vpsbench.model import Metric, Sample
from vpsbench.monitors import (
    beancounters,
    cgroup,
    clocks,
    cpu_times,
    disks,
    hv_balloon,
    interrupts,
    memory,
    pressure,
    vmmemctl,
    vmstat,
    xen_memory,
)
from vpsbench.monitors import memory as meminfo


def of(samples: list[Sample], metric: Metric) -> dict[str, float]:
    """The values of a metric by their last label's value."""
    return {s.labels[-1][1] if s.labels else "": s.value for s in samples if s.metric == metric}


TARGET = f"{xen_memory.FOLDER}/target_kb"
CGROUP = "/sys/fs/cgroup"


@pytest.mark.parametrize(
    ("monitor", "file", "text", "where"),
    [
        (cpu_times, "/proc/stat", "", "/proc/stat: no line of a vCPU"),
        (cpu_times, "/proc/stat", "cpu 1 2 3 4\nctxt 4", "/proc/stat: no line of a vCPU"),
        (cpu_times, "/proc/stat", "cpu0 1 2 3", "/proc/stat, line 1: expected at least 5 words"),
        (cpu_times, "/proc/stat", "cpu0 1 2 3 4\nctxt", "/proc/stat, line 2: expected at least 2 words"),
        (cpu_times, "/proc/stat", "cpu0 1 2 3 nan", "line 1: expected a number instead of 'nan'"),
        (memory, "/proc/meminfo", "<html>", "/proc/meminfo: no line MemTotal"),
        (memory, "/proc/meminfo", "MemTotal: 4 MB", "/proc/meminfo, line 1: expected an amount in kB"),
        (memory, "/proc/meminfo", "MemTotal: 4 kB\nMemFree:", "/proc/meminfo, line 2: expected at least 3"),
        (memory, "/proc/meminfo", "MemTotal: -4 kB", "line 1: expected a number instead of '-4'"),
        (vmstat, "/proc/vmstat", "hello", "/proc/vmstat: none of the lines pswpin"),
        (vmstat, "/proc/vmstat", "\npswpin x", "/proc/vmstat, line 2: expected a number instead of 'x'"),
        (disks, "/proc/diskstats", "garbage", "/proc/diskstats, line 1: expected at least 3 words"),
        (disks, "/proc/diskstats", "8 0 sda 1 2 3 4 5", "/proc/diskstats, line 1: expected at least"),
        (pressure, "/proc/pressure/io", "garbage", "/proc/pressure/io: neither a line some nor a line full"),
        (pressure, "/proc/pressure/io", "some avg10=0", "/proc/pressure/io, line 1: expected total="),
        (pressure, "/proc/pressure/io", "some total=-1", "/proc/pressure/io, line 1: expected total="),
        (interrupts, "/proc/interrupts", "", "/proc/interrupts, line 1: the file is empty"),
        (interrupts, "/proc/interrupts", "what else", "/proc/interrupts, line 1: expected a header"),
        (interrupts, "/proc/interrupts", "CPU0 CPU1\nHYP: 5", "line 2: expected at least 3 words"),
        (interrupts, "/proc/interrupts", "CPU0 CPU1\nHYP: 5 Hypervisor", "a number instead of 'Hypervisor'"),
        (clocks, "/proc/uptime", "", "/proc/uptime, line 1: the file is empty"),
        (clocks, "/proc/uptime", "inf 1", "/proc/uptime, line 1: expected a number instead of 'inf'"),
        (beancounters, "/proc/user_beancounters", "numproc 1 2 3 4 5", "line 1: expected the version"),
        (
            beancounters,
            "/proc/user_beancounters",
            "Version: 2.5\n7: numproc 1 2",
            "line 2: expected at least",
        ),
        (
            beancounters,
            "/proc/user_beancounters",
            "Version: 2.5\n7: numproc 1 1 1 1 1\n8: numproc 1 1 1 1 1",
            "line 3: expected the resources of one container",
        ),
        (hv_balloon, hv_balloon.FILE, "page_size : 4096", f"{hv_balloon.FILE}: no line pages_ballooned"),
        (hv_balloon, hv_balloon.FILE, "page_size : 4096\npages_ballooned :", "line 2: expected at least"),
        (vmmemctl, vmmemctl.FILE, "target : 5", f"{vmmemctl.FILE}: no line current"),
        (vmmemctl, vmmemctl.FILE, "current : lots", "line 1: expected a number"),
        (xen_memory, TARGET, "0x400", f"{TARGET}, line 1: expected a number instead of '0x400'"),
        (cgroup, f"{CGROUP}/cpu.max", "100000", f"{CGROUP}/cpu.max, line 1: expected at least 2 words"),
        (cgroup, f"{CGROUP}/cpu.max", "100000 0", f"{CGROUP}/cpu.max, line 1: expected a period above 0"),
        (cgroup, f"{CGROUP}/cpu.cfs_quota_us", "50000", f"{CGROUP}/cpu.cfs_period_us: could not be read"),
        (cgroup, f"{CGROUP}/memory.max", "lots", f"{CGROUP}/memory.max, line 1: expected a number"),
        (cgroup, f"{CGROUP}/memory.events", "low 0\nmax", f"{CGROUP}/memory.events, line 2: expected at"),
    ],
)
def test_garbage_is_refused_with_the_file_and_the_line(
    monitor: ModuleType, file: str, text: str, where: str
) -> None:
    with pytest.raises((ValueError, LookupError)) as error:
        monitor.MONITOR.parse({file: text})
    assert where in str(error.value)


@pytest.mark.parametrize("monitor", [cpu_times, memory, vmstat, disks, interrupts, beancounters])
def test_a_file_that_cannot_be_read_any_more_is_an_error_and_no_sample(monitor: ModuleType) -> None:
    with pytest.raises(LookupError, match="could not be read"):
        monitor.MONITOR.parse({})


# --- cpu_times -------------------------------------------------------------------------------------


def test_an_old_kernel_has_no_series_for_the_states_it_does_not_count() -> None:
    samples = cpu_times.parse({"/proc/stat": "cpu 9 9 9 9 9 9 9\ncpu0 100 2 3 4 5 6 7"})
    assert of(samples, cpu_times.TIME) == {
        "user": 1.0, "nice": 0.02, "system": 0.03, "idle": 0.04, "iowait": 0.05, "irq": 0.06, "softirq": 0.07,
    }  # fmt: skip
    assert {s.metric for s in samples} == {cpu_times.TIME}


def test_columns_and_lines_of_a_newer_kernel_are_passed_over() -> None:
    text = "cpu0 1 2 3 4 5 6 7 8 9 10 11 12\ncpufreq 5\nnew thing\nctxt 7 8"
    samples = cpu_times.parse({"/proc/stat": text})
    assert len(of(samples, cpu_times.TIME)) == 10
    assert of(samples, cpu_times.CONTEXT_SWITCHES) == {"": 7.0}


def test_a_vcpu_that_is_offline_has_no_samples() -> None:
    samples = cpu_times.parse({"/proc/stat": "cpu0 1 2 3 4\ncpu2 1 2 3 4"})
    assert {dict(s.labels)["vcpu"] for s in samples} == {"0", "2"}


# --- memory, vmstat --------------------------------------------------------------------------------


def test_memory_is_in_bytes_and_lines_without_a_unit_do_no_harm() -> None:
    samples = memory.parse({"/proc/meminfo": "MemTotal: 3 kB\nHugePages_Total: 0\nBalloon: 1 kB"})
    assert samples == [Sample(meminfo.TOTAL, 3072), Sample(meminfo.BALLOON, 1024)]


def test_vmstat_without_a_balloon_has_no_balloon_series() -> None:
    assert vmstat.parse({"/proc/vmstat": "pswpin 4\nnr_new 1 2 3"}) == [Sample(vmstat.PSWPIN, 4)]


def test_older_kernels_write_pages_behind_vmwares_figures() -> None:
    old = "target:     131072 pages\ncurrent:    130816 pages\nrateSleepAlloc: 2048 pages/sec\n"
    assert vmmemctl.parse({vmmemctl.FILE: old}) == [
        Sample(vmmemctl.TAKEN, 130816 * 4096), Sample(vmmemctl.TARGET, 131072 * 4096)
    ]  # fmt: skip


# --- disks -----------------------------------------------------------------------------------------

COUNTS = "1 2 3 4 5 6 7 8 9 10 11"


@pytest.mark.parametrize(
    ("listed", "disks_of_their_own"),
    [
        ("sda sda1 sda15 sdaa sdaa1", "sda sdaa"),
        ("vda vda1 vdb loop0 ram0 zram0 sr0 fd0", "vda vdb"),
        ("xvda1 xvda2 xvdb xvdb1", "xvda1 xvda2 xvdb"),
        ("nvme0n1 nvme0n1p1 nvme1n1 nvme1c0n1", "nvme0n1 nvme1n1"),
        ("mmcblk0 mmcblk0p2 mmcblk0boot0 mmcblk0rpmb", "mmcblk0"),
        ("sda sdb dm-0 md0 md_d1 md127p1 bcache0 zd16 nbd3", "sda sdb"),
        ("ploop12345 ploop12345p1", "ploop12345"),
        ("cciss/c0d0 cciss/c0d0p1", "cciss/c0d0"),
        ("dasda dasda1 pmem0 newdisk", "dasda pmem0 newdisk"),
    ],
)
def test_only_whole_disks_count(listed: str, disks_of_their_own: str) -> None:
    text = "\n".join(f" 8 0 {name} {COUNTS}" for name in listed.split())
    assert list(of(disks.parse({"/proc/diskstats": text}), disks.READS)) == disks_of_their_own.split()


def test_sectors_are_bytes_and_milliseconds_are_seconds() -> None:
    samples = disks.parse({"/proc/diskstats": f"8 0 sda {COUNTS} 12 13 14 15 16 17 18 19"})
    assert {s.metric: s.value for s in samples} == pytest.approx({
        disks.READS: 1, disks.READ_BYTES: 3 * 512, disks.READ_TIME: 0.004,
        disks.WRITES: 5, disks.WRITE_BYTES: 7 * 512, disks.WRITE_TIME: 0.008, disks.IO_TIME: 0.010,
    })  # fmt: skip


def test_a_partition_of_an_old_kernel_is_passed_over() -> None:
    text = f"8 0 sda {COUNTS}\n8 1 sda1 1 2 3 4"
    assert list(of(disks.parse({"/proc/diskstats": text}), disks.READS)) == ["sda"]


def test_a_container_that_shows_no_disk_has_no_samples() -> None:
    assert disks.parse({"/proc/diskstats": ""}) == []


# --- pressure, interrupts, clocks, xen_memory ------------------------------------------------------


def test_pressure_of_an_older_kernel_has_no_full_and_of_irq_no_some() -> None:
    texts = {
        "/proc/pressure/cpu": "some avg10=1.00 total=2500000 new=1\nmost total=1",
        "/proc/pressure/irq": "full total=7",
    }
    samples = pressure.parse(texts)
    assert of(samples, pressure.SOME) == {"cpu": 2.5}
    assert of(samples, pressure.FULL) == {"irq": 7e-6}


def test_interrupts_are_told_by_the_vcpus_of_the_header() -> None:
    text = "      CPU0  CPU3\n LOC: 1 2\nHYP:  65  52  Hypervisor callback interrupts\nERR: 0"
    assert of(interrupts.parse({"/proc/interrupts": text}), interrupts.HYP) == {"0": 65, "3": 52}


def test_without_a_hypervisor_line_there_are_no_samples() -> None:
    assert interrupts.parse({"/proc/interrupts": "CPU0\n LOC: 1"}) == []


def test_a_guest_without_a_real_time_clock_still_has_its_uptime() -> None:
    assert clocks.parse({"/proc/uptime": "12.34 5.6"}) == [Sample(clocks.UPTIME, 12.34)]


def test_xen_memory_yields_what_can_be_read() -> None:
    assert xen_memory.parse({TARGET: "1024"}) == [Sample(xen_memory.TARGET, 1024 * 1024)]


# --- beancounters ----------------------------------------------------------------------------------


@pytest.mark.parametrize("unlimited", [2**31 - 1, 2**63 - 1])
def test_an_unlimited_beancounter_has_no_limit_rather_than_a_huge_one(unlimited: int) -> None:
    text = f"Version: 2.5\n uid resource held\n 7: oomguarpages 1 2 6144 {unlimited} 4\n dummy 0 0 0 0 0"
    samples = beancounters.parse({"/proc/user_beancounters": text})
    assert {s.metric: s.value for s in samples} == {
        beancounters.HELD: 1, beancounters.MAX_HELD: 2, beancounters.BARRIER: 6144, beancounters.FAILCNT: 4,
    }  # fmt: skip
    assert {s.labels for s in samples} == {(("resource", "oomguarpages"),)}
