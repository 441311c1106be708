"""How much memory probes may take, and when they have to give it back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.probes.small_guest import meminfo, write
from vpsbench.guest.files import Files
from vpsbench.probes import Unavailable
from vpsbench.probes.conduct.memory_guard import Guard, NeededElsewhere
from vpsbench.probes.conduct.memory_headroom import MemoryHeadroom, headroom

MIB = 1024**2
GIB = 1024 * MIB


def test_headroom_of_a_machine_without_limits(tmp_path: Path) -> None:
    files = write(tmp_path, {"proc/meminfo": meminfo(4 * GIB, 3 * GIB)})
    assert headroom(files) == MemoryHeadroom(4 * GIB, 3 * GIB)


def test_old_kernels_count_only_free_memory(tmp_path: Path) -> None:
    files = write(tmp_path, {"proc/meminfo": "MemTotal: 1000 kB\nMemFree: 300 kB\n"})
    assert headroom(files) == MemoryHeadroom(1000 << 10, 300 << 10)


def test_unknown_headroom_is_not_measured(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="/proc/meminfo"):
        headroom(Files(tmp_path))


def test_headroom_obeys_every_parent_cgroup_of_version_2(tmp_path: Path) -> None:
    files = write(
        tmp_path,
        {
            "proc/meminfo": meminfo(8 * GIB, 7 * GIB),
            "proc/self/cgroup": "0::/a/b\n",
            "proc/self/mountinfo": "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
            "sys/fs/cgroup/a/b/memory.max": "max\n",
            "sys/fs/cgroup/a/b/memory.high": f"{3 * GIB}\n",
            "sys/fs/cgroup/a/b/memory.current": f"{GIB}\n",
            "sys/fs/cgroup/a/memory.max": f"{2 * GIB}\n",
            "sys/fs/cgroup/a/memory.current": f"{GIB + 512 * MIB}\n",
            "sys/fs/cgroup/a/memory.stat": f"anon 5\ninactive_file {256 * MIB}\n",
        },
    )
    assert headroom(files) == MemoryHeadroom(2 * GIB, 768 * MIB)


def test_headroom_obeys_a_container_that_shows_only_its_own_cgroup_of_version_1(tmp_path: Path) -> None:
    files = write(
        tmp_path,
        {
            "proc/meminfo": meminfo(8 * GIB, 7 * GIB),
            "proc/self/cgroup": "4:cpu,memory:/docker/1234\n0::/\n",
            "proc/self/mountinfo": (
                "31 30 0:27 /docker/1234 /sys/fs/cgroup/memory ro - cgroup cgroup rw,cpu,memory\n"
            ),
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{GIB}\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{GIB + 1}\n",
        },
    )
    assert headroom(files) == MemoryHeadroom(GIB, 0)


def vmstat(swapped: int, scanned: int) -> str:
    return f"pswpin 0\npswpout {swapped}\npgscan_kswapd {scanned}\npgscan_direct 0\n"


def guarded(tmp_path: Path, available: int = 2 * GIB) -> Guard:
    files = write(tmp_path, {"proc/meminfo": meminfo(4 * GIB, available), "proc/vmstat": vmstat(1000, 500)})
    return Guard(files, GIB)


def test_a_calm_guest_leaves_room(tmp_path: Path) -> None:
    pressure = (
        "some avg10=6.90 avg60=50.00 avg300=9.00 total=1\nfull avg10=2.90 avg60=0.00 avg300=0.00 total=1\n"
    )
    write(tmp_path, {"proc/pressure/memory": pressure})
    assert guarded(tmp_path).available() == 2 * GIB


def test_the_floor_is_kept(tmp_path: Path) -> None:
    with pytest.raises(
        NeededElsewhere, match="only 512 MiB were left available, under the floor of 1024 MiB"
    ):
        guarded(tmp_path, GIB // 2).available()


@pytest.mark.parametrize(
    ("line", "says"), [("some avg10=7.10", "some task"), ("some avg10=1.00\nfull avg10=3.10", "all tasks")]
)
def test_tasks_that_wait_for_memory_get_it(tmp_path: Path, line: str, says: str) -> None:
    write(tmp_path, {"proc/pressure/memory": line.replace("\n", " avg60=0.00\n") + " avg60=0.00 total=1\n"})
    with pytest.raises(NeededElsewhere, match=says):
        guarded(tmp_path).available()


def test_swapping_of_the_whole_guest_is_a_reason_and_a_cgroups_own_is_none(tmp_path: Path) -> None:
    guard = guarded(tmp_path)
    write(tmp_path, {"proc/vmstat": vmstat(9000, 500)})
    assert guard.available() == 2 * GIB
    write(tmp_path, {"proc/vmstat": vmstat(1300, 501)})
    with pytest.raises(NeededElsewhere, match="swapped 300 pages out"):
        guard.available()
    guard.calm_down()
    assert guard.available() == 2 * GIB
