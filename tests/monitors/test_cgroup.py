"""The cgroup monitor finds our own cgroup and its parents, whichever way they are mounted."""

from __future__ import annotations

from pathlib import Path

import pytest

from vpsbench.guest.cgroups import folders
from vpsbench.guest.files import Files
from vpsbench.model import Metric, Sample
from vpsbench.monitors import cgroup

ROOT = "/sys/fs/cgroup"
V2_MOUNT = f"30 20 0:26 / {ROOT} rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate"
UNLIMITED = str(2**63 - 4096)


def v1_mount(controllers: str, root: str = "/") -> str:
    return f"31 20 0:27 {root} {ROOT}/{controllers} rw - cgroup cgroup rw,{controllers}"


def read(root: Path, cgroups: str, mounts: str, **trees: dict[str, str]) -> list[Sample]:
    """Samples of a machine whose cgroup folders (below ROOT; "top" is ROOT itself) hold these files."""
    files = {"proc/self/cgroup": cgroups, "proc/self/mountinfo": mounts}
    for folder, contents in trees.items():
        inside = "" if folder == "top" else f"/{folder}"
        files |= {f"{ROOT}{inside}/{name}": text for name, text in contents.items()}
    for name, content in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    machine = Files(root)
    texts = {name: text for name in cgroup.MONITOR.files(machine) if (text := machine.text(name)) is not None}
    return cgroup.parse(texts)


def by_path(samples: list[Sample], metric: Metric) -> dict[str, float]:
    return {dict(s.labels)["path"]: s.value for s in samples if s.metric == metric}


def test_version_2_with_a_tighter_parent(tmp_path: Path) -> None:
    samples = read(
        tmp_path,
        "0::/a/b",
        V2_MOUNT,
        top={"cpu.stat": "usage_usec 5"},
        a={"cpu.max": "50000 100000", "memory.max": "1000", "memory.high": "max"},
        **{
            "a/b": {"cpu.max": "200000 100000", "memory.max": "4000", "memory.high": "3000"},
            "a/b/c": {"cpu.max": "1000 100000"},  # a child of ours binds us not
            "z": {"cpu.max": "1000 100000"},  # nor does a stranger
        },
    )
    assert by_path(samples, cgroup.CPU_QUOTA) == {f"{ROOT}/a": 0.5, f"{ROOT}/a/b": 2.0}
    assert by_path(samples, cgroup.MEMORY_LIMIT) == {f"{ROOT}/a": 1000, f"{ROOT}/a/b": 3000}


def test_version_2_throttling_and_events(tmp_path: Path) -> None:
    contents = {
        "cpu.max": "max 100000",
        "cpu.stat": "usage_usec 9\nnr_periods 10\nnr_throttled 4\nthrottled_usec 2500000",
        "memory.current": "77",
        "memory.events": "low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\nnews 5",
    }
    samples = read(tmp_path, "0::/", V2_MOUNT, top=contents)
    path = ("path", ROOT)
    events = {"low": 0, "high": 1, "max": 2, "oom": 3, "oom_kill": 4, "news": 5}
    assert samples == [
        Sample(cgroup.MEMORY_CURRENT, 77, (path,)),
        Sample(cgroup.CPU_THROTTLED, 4, (path,)),
        Sample(cgroup.CPU_THROTTLED_TIME, 2.5, (path,)),
        *(Sample(cgroup.MEMORY_FAILURES, count, (path, ("event", event))) for event, count in events.items()),
    ]


def test_version_1_with_controllers_in_different_places(tmp_path: Path) -> None:
    samples = read(
        tmp_path,
        "4:memory:/job\n3:cpu,cpuacct:/\n1:name=systemd:/x",
        f"{v1_mount('cpu,cpuacct')}\n{v1_mount('memory')}",
        **{
            "cpu,cpuacct": {
                "cpu.cfs_quota_us": "25000",
                "cpu.cfs_period_us": "100000",
                "cpu.stat": "nr_periods 3\nnr_throttled 2\nthrottled_time 1500000000",
            },
            "memory": {"memory.limit_in_bytes": UNLIMITED, "memory.usage_in_bytes": "9000"},
            "memory/job": {
                "memory.limit_in_bytes": "4096",
                "memory.usage_in_bytes": "100",
                "memory.failcnt": "7",
                "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1",
            },
        },
    )
    assert by_path(samples, cgroup.CPU_QUOTA) == {f"{ROOT}/cpu,cpuacct": 0.25}
    assert by_path(samples, cgroup.CPU_THROTTLED) == {f"{ROOT}/cpu,cpuacct": 2}
    assert by_path(samples, cgroup.CPU_THROTTLED_TIME) == {f"{ROOT}/cpu,cpuacct": 1.5}
    assert by_path(samples, cgroup.MEMORY_LIMIT) == {f"{ROOT}/memory/job": 4096}
    assert by_path(samples, cgroup.MEMORY_CURRENT) == {f"{ROOT}/memory": 9000, f"{ROOT}/memory/job": 100}
    failures = {dict(s.labels)["event"]: s.value for s in samples if s.metric == cgroup.MEMORY_FAILURES}
    assert failures == {"max": 7, "oom_kill": 1}


@pytest.mark.parametrize("unlimited", [UNLIMITED, str(2**63 - 1), str(2**63 - 65536)])
def test_no_limit_of_version_1_yields_no_sample(tmp_path: Path, unlimited: str) -> None:
    samples = read(
        tmp_path,
        "2:memory:/\n1:cpu:/",
        f"{v1_mount('cpu')}\n{v1_mount('memory')}",
        cpu={"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"},
        memory={"memory.limit_in_bytes": unlimited},
    )
    assert samples == []


def test_hybrid_takes_each_controller_from_where_it_is(tmp_path: Path) -> None:
    unified = V2_MOUNT.replace(ROOT, f"{ROOT}/unified")
    samples = read(
        tmp_path,
        "5:memory:/job\n0::/job",
        f"{v1_mount('memory')}\n{unified}",
        **{
            "memory/job": {"memory.limit_in_bytes": "4096"},
            "unified/job": {"cpu.max": "30000 20000", "cpu.stat": "usage_usec 1"},
        },
    )
    assert {s.metric: s.value for s in samples} == {cgroup.MEMORY_LIMIT: 4096, cgroup.CPU_QUOTA: 1.5}


def test_a_container_with_the_hosts_names_finds_itself_at_the_top_of_its_mount(tmp_path: Path) -> None:
    """Docker with version 1 and no cgroup namespace: the path is the host's, the mount is ours alone."""
    samples = read(
        tmp_path,
        "4:memory:/docker/abc/inner",
        v1_mount("memory", root="/docker/abc"),
        **{"memory": {"memory.limit_in_bytes": "4096"}, "memory/inner": {"memory.limit_in_bytes": "8192"}},
    )
    assert by_path(samples, cgroup.MEMORY_LIMIT) == {f"{ROOT}/memory": 4096, f"{ROOT}/memory/inner": 8192}


def test_a_machine_without_cgroups_has_nothing_to_watch(tmp_path: Path) -> None:
    assert cgroup.MONITOR.files(Files(tmp_path)) == ()


@pytest.mark.parametrize(
    ("own", "root"),
    [
        ("/docker/abc", "/docker/abcdef"),  # like a parent by its letters only
        ("/../other", "/"),  # moved out of our namespace
        ("/", "/.."),  # the mount begins above our namespace, where our own name is not known
        ("/user.slice", "/docker/abc"),
    ],
)
def test_a_mount_that_does_not_show_our_place_is_passed_over(own: str, root: str) -> None:
    assert folders(f"4:memory:{own}", v1_mount("memory", root)) == {}


def test_of_two_mounts_the_one_with_more_parents_is_taken() -> None:
    narrow = v1_mount("memory", root="/a").replace(f"{ROOT}/memory", "/narrow")
    found = folders("4:memory:/a/b", f"{narrow}\n{v1_mount('memory')}")
    assert found == {"memory": (f"{ROOT}/memory/a/b", f"{ROOT}/memory/a", f"{ROOT}/memory")}


def test_colons_and_spaces_in_names_are_kept() -> None:
    mount = V2_MOUNT.replace(ROOT, r"/my\040groups")
    assert folders("0::/a:b", mount) == {"": ("/my groups/a:b", "/my groups")}


def test_lines_of_another_format_are_passed_over() -> None:
    assert folders("garbage\n0::/", f"garbage\n\n30 20 - x\n{V2_MOUNT}") == {"": (ROOT,)}
