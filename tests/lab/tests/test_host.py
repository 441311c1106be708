from __future__ import annotations

import os
import re
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.lab import cgroups, clock, container, image, machine, recipe, truth
from tests.lab.cgroups import hierarchy
from tests.lab.errors import Skip
from tests.places import TREE
from vpsbench.monitors import beancounters

V1 = """tmpfs /sys/fs/cgroup tmpfs rw,relatime,mode=755 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0
"""
V2 = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime 0 0\n"


def test_both_cgroup_versions_are_found() -> None:
    old, new = hierarchy(V1, "hugetlb"), hierarchy(V2, "cpuset cpu io memory pids")
    assert old.version == 1
    assert old.folders == {
        "cpu": Path("/sys/fs/cgroup/cpu,cpuacct"),
        "memory": Path("/sys/fs/cgroup/memory"),
    }
    assert new.version == 2
    assert set(new.folders.values()) == {Path("/sys/fs/cgroup")}


def test_a_missing_controller_skips_with_the_reason() -> None:
    found = hierarchy(V2, "io pids")
    with pytest.raises(Skip, match="no cgroup controllers"):
        cgroups.make(found, cgroups.plan_folders(found, "x"))


def test_quotas_in_the_words_of_both_versions() -> None:
    assert cgroups.cpu_settings(2, 50_000, 100_000, 20_000) == [
        ("cpu.max", "50000 100000"),
        ("cpu.max.burst", "20000"),
    ]
    assert cgroups.cpu_settings(2, None, 100_000) == [("cpu.max", "max 100000")]
    assert cgroups.cpu_settings(1, 50_000, 10_000) == [
        ("cpu.cfs_period_us", "10000"),
        ("cpu.cfs_quota_us", "50000"),
    ]
    assert cgroups.cpu_settings(1, None, 100_000)[1] == ("cpu.cfs_quota_us", "-1")


def test_weights_in_the_words_of_both_versions() -> None:
    assert cgroups.weight_settings(2, 3.0) == [("cpu.weight", "300")]
    assert cgroups.weight_settings(1, 0.25) == [("cpu.shares", "256")]
    assert cgroups.weight_settings(2, 1000.0) == [("cpu.weight", "10000")]  # as much as there is


def test_memory_limits_leave_swap_open() -> None:
    assert cgroups.memory_settings(2, 1000) == [("memory.swap.max", "max"), ("memory.max", "1000")]
    assert cgroups.memory_settings(1, None) == [("memory.limit_in_bytes", "-1")]


def test_counters_of_both_versions() -> None:
    old = {
        "memory.stat": "cache 5\nswap 4096\n",
        "cpu.stat": "nr_periods 9\nthrottled_time 2500000000\nwait_sum 1",
    }
    new = {"memory.swap.current": "4096\n", "cpu.stat": "usage_usec 1\nthrottled_usec 2500000\n"}
    for version, texts in ((1, old), (2, new)):
        assert cgroups.swapped(version, texts) == 4096
        assert cgroups.throttled(version, texts) == 2.5
        assert cgroups.swapped(version, {}) is None
        assert cgroups.throttled(version, {}) is None


def test_what_is_in_memory_and_swap_at_once_does_not_count_as_swapped() -> None:
    old = {"memory.stat": "rss 8192\nswap 4096\n"}
    new = {"memory.stat": "anon 8192\nswapcached 12288\n", "memory.swap.current": "16384\n"}
    for version, texts in ((1, old), (2, new)):
        assert cgroups.swapped(version, texts) == 4096


def test_limits_are_written_where_they_belong(tmp_path: Path) -> None:
    one = cgroups.Cgroup(2, {"cpu": tmp_path, "memory": tmp_path})
    one.limit_cpu(30_000, 100_000)
    one.limit_memory(10**6)
    assert (tmp_path / "cpu.max").read_text() == "30000 100000"
    assert (tmp_path / "memory.max").read_text() == "1000000"
    assert one.entering(["true"])[2].count("cgroup.procs") == 1


def test_the_mirror_is_found_in_old_and_new_sources() -> None:
    new = "URIs: http://a/debian\nSuites: bookworm bookworm-updates\n\nURIs: http://b\nSuites: sid\n"
    old = "# deb http://no bookworm main\ndeb [signed-by=/x] http://c/debian bookworm main\n"
    assert recipe.mirror_of(new, "bookworm") == "http://a/debian"
    assert recipe.mirror_of(old, "bookworm") == "http://c/debian"
    assert recipe.mirror_of(new, "trixie") is None


def test_a_guest_gets_what_measures_and_not_what_reports() -> None:
    text = (TREE / "pyproject.toml").read_text()
    names = {one.split(">")[0] for one in recipe.requirements(text)}
    assert names == {"numpy", "psutil", "pyperf", "pydantic", "rich", "cryptography"}


def test_an_image_is_built_anew_when_an_input_changes() -> None:
    parts = (("k", "1"), ("k", "1"), ("x", "1"), ("numpy",), "hash")
    one = recipe.Recipe("bookworm", "http://a", *parts)
    assert one.key() == recipe.Recipe("bookworm", "http://a", *parts).key()
    assert one.key() != recipe.Recipe("bookworm", "http://b", *parts).key()


def test_modules_load_in_order_each_once() -> None:
    text = "insmod /lib/a.ko\ninsmod /lib/b.ko opt=1\nbuiltin ext4\ninsmod /lib/a.ko \n"
    assert image.load_order(text) == ["/lib/a.ko", "/lib/b.ko"]


def test_xen_shares_its_cores_and_gets_memory_of_its_own() -> None:
    xen = machine.Machine(platform="xen", memory=700 * 2**20, vcpus=3, cores=2)
    line = machine.qemu(xen, image.Image(Path("/i")), Path("/f"), 2_000_000)
    assert line[line.index("-smp") + 1] == "2"
    assert line[line.index("-m") + 1] == "1024M"
    assert "dom0_mem=700M,max:700M dom0_max_vcpus=3" in line[line.index("-append") + 1]
    assert "-xsave" in line[line.index("-cpu") + 1].split(",")


def test_a_kvm_guest_is_merged_only_if_it_may() -> None:
    def machine_option(*, merge: bool) -> str:
        line = machine.qemu(machine.Machine(merge=merge), image.Image(Path("/i")), Path("/f"), 2_000_000)
        return line[line.index("-machine") + 1]

    assert machine_option(merge=False) == "pc,mem-merge=off"
    assert machine_option(merge=True) == "pc,mem-merge=on"


def test_vpsbench_reads_the_beancounters_that_the_lab_writes() -> None:
    text = container.beancounters(768 * 2**20, 384 * 2**20)
    found = {
        (one.metric, dict(one.labels)["resource"]): one.value
        for one in beancounters.MONITOR.parse({"/proc/user_beancounters": text})
    }
    assert found[beancounters.BARRIER, "vmguarpages"] == 384 * 2**20 / 4096
    assert found[beancounters.BARRIER, "privvmpages"] == 768 * 2**20 / 4096
    assert found[beancounters.FAILCNT, "kmemsize"] == 0


def test_thread_times_come_from_schedstat() -> None:
    assert truth.schedstat("68354949380 71067067087 9713\n") == (68.35494938, 71.067067087)
    assert truth.schedstat("") == (None, None)


def test_the_lab_sees_which_pages_of_a_guests_memory_are_there() -> None:
    with os.fdopen(os.memfd_create(machine.RAM), "r+b", buffering=0) as memory:
        memory.truncate(8 * 4096)
        memory.seek(3 * 4096)
        memory.write(b"a page and a half" * 300)
        file = truth.ram(os.getpid())
        assert file is not None
        assert np.flatnonzero(truth.in_memory(file)).tolist() == [3, 4]
    assert truth.ram(os.getpid()) is None


def test_held_frames_are_read_behind_the_results(tmp_path: Path) -> None:
    disk = tmp_path / "results.tar"
    bits = bytes([0b00000101, 0b10000000])
    with disk.open("wb") as file:
        file.truncate(129 * 2**20)
        assert truth.held_frames(disk) is None
        file.seek(128 * 2**20)
        file.write(struct.pack("<8sQ", b"LABHELD1", len(bits)) + bits)
    frames = truth.held_frames(disk)
    assert frames is not None
    assert frames.dtype == np.int64
    assert frames.tolist() == [0, 2, 15]


def test_a_guest_is_told_the_frequency_of_its_clock() -> None:
    line = machine.qemu(machine.Machine(vcpus=2), image.Image(Path("/i")), Path("/f"), clock.tsc_khz())
    (told,) = (int(n) for word in line for n in re.findall(r"tsc_early_khz=(\d+)", word))
    clock.tsc_khz.cache_clear()
    assert told == pytest.approx(clock.tsc_khz(), rel=0.01)  # measured anew, on a machine that may be busy
