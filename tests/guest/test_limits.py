from __future__ import annotations

from pathlib import Path

import pytest

from tests.places import FIXTURES
from vpsbench.guest.files import Files
from vpsbench.guest.limits import cgroup_folders, limits
from vpsbench.model import Limits

TREES = FIXTURES / "guests"
PHYSICAL = 512 * 2**20
V2 = "31 24 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = "32 31 0:29 {root} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
V1_MEMORY = "35 31 0:32 {root} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
UNLIMITED = "9223372036854771712\n"


def written(root: Path, files: dict[str, str]) -> Files:
    for name, text in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Files(root)


def read(files: Files) -> Limits:
    return limits(files, (0, 1), PHYSICAL)


@pytest.mark.parametrize(
    ("name", "online", "memory", "cpus", "limit"),
    [
        ("bare-metal", 8, 65742116, None, None),
        ("docker-on-kvm", 2, 4025680, 1.5, 1536 * 2**20),
        ("firecracker", 2, 24684092, None, None),
        ("kvm", 2, 2030756, None, None),
        ("lxc", 2, 1048576, 1.0, 2**30),
        ("podman", 2, 4025680, None, 384 * 2**20),  # memory.high lies below memory.max
    ],
)
def test_limits_of_whole_guests(
    name: str, online: int, memory: int, cpus: float | None, limit: int | None
) -> None:
    found = read(Files(TREES / name))
    assert (found.vcpus_online, found.memory_total) == (online, memory * 1024)
    assert (found.cgroup_cpus, found.cgroup_memory) == (cpus, limit)


def test_the_tightest_parent_wins_on_v2(tmp_path: Path) -> None:
    base = "/sys/fs/cgroup"
    found = read(
        written(
            tmp_path,
            {
                "/proc/self/cgroup": "0::/a/b\n",
                "/proc/self/mountinfo": V2,
                f"{base}/a/b/cpu.max": "400000 100000\n",
                f"{base}/a/cpu.max": "25000 50000\n",
                f"{base}/cpu.max": "max 100000\n",
                f"{base}/a/b/memory.max": "max\n",
                f"{base}/a/memory.max": "3000000\n",
                f"{base}/a/memory.high": "max\n",
                f"{base}/memory.max": "2000000\n",
            },
        )
    )
    assert (found.cgroup_cpus, found.cgroup_memory) == (0.5, 2000000)


def test_v1_and_its_unlimited_values(tmp_path: Path) -> None:
    base = "/sys/fs/cgroup"
    tree = {
        "/proc/self/cgroup": "4:memory:/s\n2:cpu,cpuacct:/s\n0::/\n",
        "/proc/self/mountinfo": V1.format(root="/") + V1_MEMORY.format(root="/"),
        f"{base}/cpu,cpuacct/s/cpu.cfs_quota_us": "-1\n",
        f"{base}/cpu,cpuacct/s/cpu.cfs_period_us": "100000\n",
        f"{base}/memory/s/memory.limit_in_bytes": UNLIMITED,
        f"{base}/memory/memory.limit_in_bytes": UNLIMITED,
    }
    found = read(written(tmp_path, tree))
    assert (found.cgroup_cpus, found.cgroup_memory) == (None, None)
    tree |= {
        f"{base}/cpu,cpuacct/cpu.cfs_quota_us": "30000\n",
        f"{base}/cpu,cpuacct/cpu.cfs_period_us": "20000\n",
        f"{base}/memory/memory.limit_in_bytes": "536870912\n",
    }
    found = read(written(tmp_path, tree))
    assert (found.cgroup_cpus, found.cgroup_memory) == (1.5, 2**29)


@pytest.mark.parametrize(
    ("own", "root", "folders"),
    [
        ("/a/b", "/", ("/sys/fs/cgroup/a/b", "/sys/fs/cgroup/a", "/sys/fs/cgroup")),
        ("/", "/", ("/sys/fs/cgroup",)),
        ("/docker/x", "/docker/x", ("/sys/fs/cgroup",)),
        ("/docker/x/y", "/docker/x", ("/sys/fs/cgroup/y", "/sys/fs/cgroup")),
        ("/../other", "/", ()),  # what we can see is not where we are
        ("/elsewhere", "/docker/x", ()),
    ],
)
def test_folders_from_the_own_one_up_to_the_mount(
    own: str, root: str, folders: tuple[str, ...], tmp_path: Path
) -> None:
    mount = V2.replace(" / /sys", f" {root} /sys")
    files = written(tmp_path, {"/proc/self/cgroup": f"0::{own}\n", "/proc/self/mountinfo": mount})
    assert cgroup_folders(files) == folders


def test_folders_of_both_versions_side_by_side() -> None:
    files = Files(TREES / "firecracker")
    top = "/sys/fs/cgroup/memory"
    assert cgroup_folders(files, "memory") == (f"{top}/service/job", f"{top}/service", top)
    assert cgroup_folders(files, "cpu") == ("/sys/fs/cgroup/cpu",)
    assert cgroup_folders(files) == ("/sys/fs/cgroup/unified",)


@pytest.mark.parametrize(
    "broken",
    [{}, {"/proc/self/cgroup": "0::/\n"}, {"/proc/self/cgroup": "x", "/proc/self/mountinfo": "y - z"}],
)
def test_no_cgroup_in_sight_is_no_limit(broken: dict[str, str], tmp_path: Path) -> None:
    files = written(tmp_path, broken)
    assert cgroup_folders(files) == ()
    assert read(files) == Limits(2, (0, 1), PHYSICAL, None, None)


@pytest.mark.parametrize(("text", "count"), [("0\n", 1), ("0-3\n", 4), ("0,2-3,7\n", 4)])
def test_lists_of_vcpus(text: str, count: int, tmp_path: Path) -> None:
    assert read(written(tmp_path, {"/sys/devices/system/cpu/online": text})).vcpus_online == count


def test_vcpus_by_their_times_where_no_list_is(tmp_path: Path) -> None:
    assert (
        read(written(tmp_path, {"/proc/stat": "cpu  1 2\ncpu0 1 1\ncpu1 0 1\ncpu2 0 0\n"})).vcpus_online == 3
    )


def test_usable_vcpus_are_sorted(tmp_path: Path) -> None:
    assert limits(Files(tmp_path), {3, 1}, PHYSICAL).vcpus_usable == (1, 3)
