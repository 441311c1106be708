from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.lab import job, places, scenario
from tests.lab.errors import LabError
from tests.lab.faults import DiskThrottle, Quota, XenBalloon
from tests.lab.machine import OwnLimits
from tests.lab.quantities import seconds
from vpsbench import probes
from vpsbench.plugins import collect
from vpsbench.probes import Probe
from vpsbench.profiles import load_plan, load_profile

BOOK = scenario.read(places.LAB / "scenarios.toml")
MORE = [scenario.read(places.LAB / name, BOOK.profiles) for name in ("cpu.toml", "memory.toml")]
ALL = [(one_book, one) for one_book in (BOOK, *MORE) for one in one_book.scenario]


def book(tmp_path: Path, text: str) -> scenario.Book:
    file = tmp_path / "own.toml"
    file.write_text(text)
    return scenario.read(file, {"cpu": {"duration": "20 s", "turns": [{"probe": "cpu", "duration": "10 s"}]}})


def test_the_standard_scenarios_cover_every_kind_of_fault_and_every_platform() -> None:
    assert {one.kind for s in BOOK.scenario for one in s.fault} == {
        "quota",
        "contention",
        "credits",
        "host_swap",
        "balloon",
        "xen_balloon",
        "merge",
        "disk_throttle",
        "neighbour",
        "pause",
    }
    assert {s.guest.platform for s in BOOK.scenario} == {"kvm", "xen", "lxc", "openvz"}
    assert sum(s.repeat for s in BOOK.scenario if s.name.startswith("clean")) == 10


def test_every_sign_is_expected_somewhere_and_silent_somewhere() -> None:
    expected = {sign for s in BOOK.scenario for sign in s.expect}
    silent = {sign for s in BOOK.scenario for sign in s.must_be_silent()}
    # An emulated vCPU has no siblings; memory is damaged in memory.toml.
    assert {"slow_vcpu", "memory_corrupt"} <= set(scenario.BUILT) - expected
    assert set(scenario.BUILT) <= silent


def test_a_quota_is_never_expected_where_others_only_compete() -> None:
    for _, one in ALL:
        kinds = {fault.kind for fault in one.fault}
        if kinds == {"contention"}:
            assert "cpu_quota" in one.must_be_silent()
            assert "hidden_steal" in one.expect
        if one.beside and not one.fault:
            assert {"hidden_steal", "cpu_quota", "missing_vcpu"} <= set(one.must_be_silent())


def test_both_files_run_apart_and_share_their_profiles() -> None:
    assert len({one.name for _, one in ALL}) == len(ALL)
    assert all(one.profiles.items() >= BOOK.profiles.items() for one in MORE)


@pytest.mark.parametrize(("of", "one"), ALL, ids=[one.name for _, one in ALL])
def test_vpsbench_takes_each_scenarios_profile_and_plan(
    of: scenario.Book, one: scenario.Scenario, tmp_path: Path
) -> None:
    known = {name: probe.options for name, probe in collect(probes, "PROBE", Probe).items()}
    profile, plan = tmp_path / "profile.toml", tmp_path / "plan.toml"
    profile.write_text(job.toml_text(of.profile(one)))
    plan.write_text(job.toml_text({"name": "sold", **one.plan}))
    assert load_profile(str(profile), known).duration == seconds(of.profile(one)["duration"])
    assert load_plan(str(plan)).name == "sold"


def test_the_short_run_has_a_clean_guest_hidden_steal_and_host_swap() -> None:
    kinds = {(*(f.kind for f in s.fault), *s.expect) for s in BOOK.chosen([], smoke=True)}
    assert kinds == {(), ("quota", "hidden_steal", "cpu_quota"), ("host_swap", "vanishing_memory")}


def test_signs_that_a_scenario_names_not_must_be_silent(tmp_path: Path) -> None:
    (one,) = book(
        tmp_path, '[[scenario]]\nname="a"\nprofile="cpu"\nexpect=["hidden_steal"]\nallow=["cpu_burst"]'
    ).scenario
    assert set(one.must_be_silent()) == set(scenario.BUILT) - {"hidden_steal", "cpu_burst"}


def test_quantities_carry_units(tmp_path: Path) -> None:
    text = """
    [[scenario]]
    name = "a"
    profile = { duration = "1 min", turns = [] }
    guest = { memory = "512 MiB" }
    fault = [{ kind = "quota", cpus = 0.5, period = "10 ms", start = "1 min" },
             { kind = "disk_throttle", iops = 100, burst_iops = 500, burst_length = "5 s" }]
    """
    (one,) = book(tmp_path, text).scenario
    quota, disk = one.fault
    assert isinstance(quota, Quota)
    assert isinstance(disk, DiskThrottle)
    assert (one.guest.memory, quota.period, quota.start) == (512 * 2**20, 0.01, 60)
    assert (quota.end, disk.burst_length) == (None, 5)


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    text = """
    [[scenario]]
    name = "Bad Name"
    profile = "cpu"
    guest = { memory = "much", colour = "red" }
    fault = [{ kind = "quota", cpus = 0 }]
    """
    with pytest.raises(LabError) as caught:
        book(tmp_path, text)
    for key in ("scenario.0.name", "scenario.0.guest.memory", "scenario.0.guest.colour", "quota.cpus"):
        assert key in str(caught.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[[scenario]]\nname="a"\nprofile="other"', "no such profile: other"),
        ('[[scenario]]\nname="a"\nprofile="cpu"\n[[scenario]]\nname="a"\nprofile="cpu"', "used twice: a"),
        ('[[scenario]]\nname="a"\nprofile="cpu"\nexpect=["x"]\nsilent=["x"]', "x: expected, and yet"),
        ('[[scenario]]\nname="a"\nprofile="cpu"\nguest={merge=true}', "needs alone"),
        ('[[scenario]]\nname="a"\nprofile="cpu"\nfault=[{kind="contention"}]', "contention: needs alone"),
        (
            '[[scenario]]\nname="a"\nprofile="cpu"\nfault=[{kind="contention",on=1}]',
            "on and off: both, or none",
        ),
        (
            '[[scenario]]\nname="a"\nprofile="cpu"\nguest={platform="lxc"}\nfault=[{kind="pause"}]',
            "a container's faults",
        ),
        ("scenario = 1 =", "own.toml"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(LabError, match=complaint):
        book(tmp_path, text)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(LabError, match=r"no scenario nonsense; there are: clean-1"):
        BOOK.chosen(["nonsense"])


def test_tables_come_back_from_toml_as_they_went_in() -> None:
    table = {"a": 'say "no"\n', "b": 1.5, "c": True, "turns": [{"probe": "cpu", "options": {"x": [1, "ü"]}}]}
    assert tomllib.loads(job.toml_text(table)) == table


def test_xens_balloon_is_pulled_and_let_go_from_inside() -> None:
    fault = XenBalloon(kind="xen_balloon", target=500 * 2**20, start=10, end=30)
    line = fault.inside()
    assert line is not None
    assert line.startswith("sleep 10; before=")
    assert "echo 512000 > " in line
    assert "sleep 20; echo $before > " in line


def test_the_job_puts_vpsbench_into_the_owners_cgroup() -> None:
    limits = OwnLimits(cpus=0.4, memory=250 * 2**20)
    text = job.script(planned=True, seed=7, beside=("python3 /job/busy.py spin 1",), own_limits=limits)
    assert "echo '40000 100000' > /sys/fs/cgroup/own/cpu.max" in text
    assert text.index("cgroup.procs") < text.index("-m vpsbench run")
    assert "--plan plan.toml --seed 7" in text
    assert "( python3 /job/busy.py spin 1 ) >>" in text
