"""What is warned of, and what is refused, before a run begins."""

import sys
from pathlib import Path

import pytest

import vpsbench.__main__ as program
from tests.guest.test_guest import found
from vpsbench.errors import VpsbenchError
from vpsbench.model import Profile, TurnSpec
from vpsbench.wiring import cost_warning

HOUR = 3600.0


def profile(seconds: float, duty: float = 1.0, probe: str = "cpu") -> Profile:
    turn = TurnSpec(probe=probe, duration=seconds)
    return Profile(name="mine", description="", duration=seconds, turns=(turn,), duty=duty)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (profile(HOUR), "loads vCPUs fully for 1 h at a stretch"),
        (profile(HOUR, duty=0.5), "loads vCPUs at 50 % for 1 h at a stretch"),
        (profile(HOUR, duty=0.4), ""),  # less than half an hour of full load
        (profile(600), ""),
        (profile(HOUR, probe="memory"), ""),
    ],
)
def test_a_load_as_long_as_half_an_hour_of_full_load_is_warned_of(one: Profile, words: str) -> None:
    said = cost_warning.warning(one)
    assert words in said
    assert bool(said) == bool(words)


def test_a_long_full_load_that_may_cost_needs_a_yes() -> None:
    guest = found("aws-t3")
    with pytest.raises(VpsbenchError, match=r"fully for 1 h .* covers 10 % of each vCPU") as refused:
        cost_warning.require_yes(profile(HOUR), guest, allowed=False)
    for way in ("--allow-full-load", "--duty 10", "--profile quick"):
        assert way in refused.value.hint
    cost_warning.require_yes(profile(HOUR), guest, allowed=True)


@pytest.mark.parametrize("one", [profile(HOUR, duty=0.1), profile(1700), profile(HOUR, probe="memory")])
def test_what_the_price_covers_and_short_loads_need_none(one: Profile) -> None:
    cost_warning.require_yes(one, found("aws-t3"), allowed=False)


def test_machines_that_do_not_bill_for_load_need_none() -> None:
    cost_warning.require_yes(profile(HOUR), found("kvm"), allowed=False)


def test_the_command_refuses_before_it_writes_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("vpsbench.guest.inspect.inspect", lambda **_: found("aws-t3"))
    db = tmp_path / "new" / "a.db"
    monkeypatch.setattr(sys, "argv", ["vpsbench", "run", "--profile", "standard", "--db", str(db)])
    assert program.main() == 2
    assert "may cost money" in capsys.readouterr().err
    assert not db.parent.exists()


def test_what_may_be_written_is_said_and_where() -> None:
    guest = found("kvm")
    guest.facts.update({"disk.file_system": "ext4 on /dev/vda1", "disk.between": "nothing"})
    said = cost_warning.writes(profile(60, probe="disk"), guest, Path("/srv"))
    assert "up to 8 GiB to ext4 on /dev/vda1, in a folder below /srv" in said
    guest.facts["disk.between"] = "dm-0: a matter of the guest's own"
    assert "(dm-0: a matter" in cost_warning.writes(profile(60, probe="disk"), guest, Path("/srv"))
    assert cost_warning.writes(profile(60, probe="cpu"), guest, Path("/srv")) == ""
