from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from vpsbench import probes, profiles
from vpsbench.errors import USAGE, VpsbenchError
from vpsbench.model import Duration, Plan, Profile
from vpsbench.plugins import collect
from vpsbench.probes import Probe
from vpsbench.profiles import load_plan, load_profile


@dataclass(frozen=True)
class Bins:
    bin: Duration = 0.5


OPTIONS = {"cpu": Bins}
GOOD = 'description = "d"\nduration = "2 min"\n[[turns]]\nprobe = "cpu"\nduration = "30 s"\n'


def written(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def mistakes(folder: Path, text: str, *settings: str) -> list[str]:
    with pytest.raises(VpsbenchError) as caught:
        load_profile(written(folder, text), OPTIONS, list(settings))
    assert caught.value.exit_code == USAGE
    return [line.split("mine.toml: ", 1)[1] for line in caught.value.message.splitlines()[1:]]


@pytest.mark.parametrize("name", sorted(p.stem for p in profiles.folder().glob("*.toml")))
def test_every_profile_that_comes_along_is_sound(name: str) -> None:
    known = {one: probe.options for one, probe in collect(probes, "PROBE", Probe).items()}
    profile, other = load_profile(name, known), load_profile("standard", known)
    assert profile.name == name
    assert {turn.probe for turn in profile.turns} == {turn.probe for turn in other.turns}, "none is forgotten"


def test_smoke_takes_at_most_a_minute_and_quick_ten() -> None:
    known = {one: probe.options for one, probe in collect(probes, "PROBE", Probe).items()}
    assert load_profile("smoke", known).duration <= 60
    assert load_profile("quick", known).duration == 600


@pytest.mark.parametrize("name", ["shared-kvm", "dedicated", "container"])
def test_every_example_plan_is_sound(name: str) -> None:
    assert load_plan(name).vcpus


def test_units_become_numbers_and_options_get_their_defaults(tmp_path: Path) -> None:
    text = GOOD + 'every = "1 min"\n'
    profile = load_profile(
        written(tmp_path, text.replace("[[turns]]", 'write_budget = "1.5 GiB"\n[[turns]]')), OPTIONS
    )
    assert (profile.duration, profile.write_budget) == (120, 3 * 2**29)
    assert (profile.turns[0].every, profile.turns[0].options) == (60, {"bin": 0.5})


def test_a_gigabyte_is_read_as_the_seller_writes_it(tmp_path: Path) -> None:
    plan = load_plan(written(tmp_path, 'memory = "2 GB"\ndisk = "40 GiB"'))
    assert (plan.name, plan.memory, plan.disk) == ("mine", 2 * 10**9, 40 * 2**30)


def test_every_mistake_is_told_at_once_each_with_its_key(tmp_path: Path) -> None:
    text = """
duration = "5 parsecs"
tick = -1
colour = "red"
[[turns]]
probe = "gpu"
duration = "3 min"
[[turns]]
probe = "cpu"
duration = "10 s"
every = "5 s"
options = { bim = 1 }
"""
    keys = {line.split(":")[0] for line in mistakes(tmp_path, text)}
    assert keys == {
        "duration",
        "tick",
        "colour",
        "description",
        "turns.0.probe",
        "turns.1.every",
        "turns.1.options.bim",
    }


def test_a_mistake_says_what_was_found_and_what_was_expected(tmp_path: Path) -> None:
    assert mistakes(tmp_path, GOOD, "tick=-1") == ["tick: found -1, expected 0.2 s to 60 s"]
    assert mistakes(tmp_path, GOOD, "duratoin=5") == ["duratoin: unknown key, expected duration?"]
    assert mistakes(tmp_path, GOOD, "turns.cpu.background=true") == [
        "turns: found only background ones, expected one that they run beside"
    ]
    [line] = mistakes(tmp_path, GOOD, "turns.cpu.options.bin=fast")
    assert line == "turns.0.options.bin: found 'fast', expected a number and one of s, min, h, d"
    [line] = mistakes(tmp_path, GOOD, "turns.cpu.options.bin=[1]")
    assert line.startswith("turns.0.options.bin: found [1], expected ")


def test_reading_a_file_does_not_change_what_stored_records_may_hold(tmp_path: Path) -> None:
    """A record of a later version may have keys that this one does not know; a file may not."""

    def stored() -> list[object]:
        plan, turn = {"name": "mine", "later": 1}, {"probe": "cpu", "duration": 5.0, "later": 1}
        profile = {"name": "p", "description": "d", "duration": 60.0, "turns": [turn], "later": 1}
        return [TypeAdapter(Plan).validate_python(plan), TypeAdapter(Profile).validate_python(profile)]

    before = stored()
    for _ in range(2):
        assert mistakes(tmp_path, GOOD, "later=1")[0].startswith("later: unknown key")
        assert mistakes(tmp_path, GOOD, "turns.cpu.later=1")[0].startswith("turns.0.later: unknown key")
        with pytest.raises(VpsbenchError, match="later: unknown key"):
            load_plan(written(tmp_path, "later = 1"))
        assert stored() == before


@pytest.mark.parametrize("value", ["nan", "inf", "-1", '"1 GiB"', "true", "[1]"])
def test_an_impossible_duration_is_refused(tmp_path: Path, value: str) -> None:
    assert any(line.startswith("duration: found") for line in mistakes(tmp_path, GOOD, f"duration={value}"))


@pytest.mark.parametrize(
    "line",
    [
        "vcpus = 0",
        "vcpus = 2.5",
        "cpu_share = 1.5",
        'memory = "2 KB"',
        'virtualization = "magic"',
        "memory = -1",
    ],
)
def test_an_impossible_plan_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(VpsbenchError, match=line.split(" = ", maxsplit=1)[0]):
        load_plan(written(tmp_path, line))


def test_settings_reach_every_turn_of_a_probe(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD + GOOD[GOOD.index("[[turns]]") :])
    profile = load_profile(
        path, OPTIONS, ["turns.cpu.options.bin=2 s", "turns.1.duration=20 s", "duration=1 min"]
    )
    assert [turn.options["bin"] for turn in profile.turns] == [2, 2]
    assert ([turn.duration for turn in profile.turns], profile.duration) == ([30, 20], 60)


@pytest.mark.parametrize("setting", ["duration", "nothing.here.at=all", "duration.x=1"])
def test_a_setting_that_fits_nowhere_is_refused(tmp_path: Path, setting: str) -> None:
    with pytest.raises(VpsbenchError):
        load_profile(written(tmp_path, GOOD), OPTIONS, [setting])


def test_a_background_turn_is_as_long_as_the_run_at_most(tmp_path: Path) -> None:
    text = GOOD + '[[turns]]\nprobe = "cpu"\nduration = "1 h"\nbackground = true\n'
    profile = load_profile(written(tmp_path, text), OPTIONS)
    assert [turn.duration for turn in profile.turns] == [30, 120]


def test_unknown_names_and_broken_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(VpsbenchError) as caught:
        load_profile("quikc", OPTIONS)
    assert "did you mean quick?" in caught.value.hint
    with pytest.raises(VpsbenchError, match="not valid TOML"):
        load_plan(written(tmp_path, "memory = = 2"))
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(VpsbenchError, match="cannot be read"):
        load_plan(str(tmp_path / "bytes.toml"))
