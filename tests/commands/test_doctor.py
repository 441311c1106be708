from __future__ import annotations

import io
import json
from argparse import ArgumentParser
from dataclasses import asdict, replace

import pytest
from rich.console import Console

from tests.places import FIXTURES
from vpsbench.commands.doctor import COMMAND, as_json, mend, show
from vpsbench.guest.files import Files
from vpsbench.guest.inspect import inspect
from vpsbench.guest.process import Process, this_process
from vpsbench.model import Answer, Guest

TREES = FIXTURES / "guests"
NAMES = sorted(p.name for p in TREES.iterdir())


@pytest.fixture(scope="module")
def user() -> Process:
    return replace(this_process(), root=False, fio=Answer(value=False, because="fio is not installed"))


def shown(guest: Guest) -> str:
    out = io.StringIO()
    show(guest, Console(file=out, width=120))
    return out.getvalue()


def run(*words: str) -> int:
    parser = ArgumentParser()
    COMMAND.configure(parser)
    return COMMAND.run(parser.parse_args(words))


def test_text_of_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out  # no colours into a pipe
    assert all(heading in out for heading in ("What this machine is", "What can be measured", "To do"))


def test_json_of_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--json") == 0
    guest = json.loads(capsys.readouterr().out)
    assert guest["limits"]["memory_total"] > 0
    assert guest["limits"]["vcpus_online"] >= len(guest["limits"]["vcpus_usable"]) >= 1
    assert guest["layers"][0]["kind"]
    assert {"fio", "steal_clock", "disk_space"} <= {c["name"] for c in guest["capabilities"]}


@pytest.mark.parametrize("name", NAMES)
def test_every_platform_is_shown_with_its_evidence(name: str, user: Process) -> None:
    guest = inspect(Files(TREES / name), user)
    text = shown(guest)
    for layer in guest.layers:
        assert layer.kind in text
        assert all(line in text for line in layer.evidence)
    assert "not root" in text
    assert json.loads(as_json(guest)) == json.loads(json.dumps(asdict(guest)))


def test_what_full_load_costs_is_told(user: Process) -> None:
    text = " ".join(shown(inspect(Files(TREES / "aws-t3"), user)).split())
    assert "the price of a t3.micro covers 10 % of each vCPU" in text


def test_one_command_mends_what_can_be_mended_at_once(user: Process) -> None:
    guest = inspect(Files(TREES / "kvm-no-root"), user)
    fio = "sudo apt-get update && sudo apt-get install -y fio"
    assert mend(guest) == f"{fio} && sudo modprobe cpuid"
    assert mend(guest) in shown(guest)


def test_nothing_to_do_is_said() -> None:
    whole = replace(
        inspect(Files(TREES / "kvm"), replace(this_process(), fio=Answer(value=True, because="fio-3.33"))),
        capabilities=(),
    )
    assert "Nothing to install." in shown(whole)


def test_markup_from_the_machine_stays_text(user: Process) -> None:
    guest = replace(
        inspect(Files(TREES / "kvm"), user), hostname="[bold]x[/bold]", facts={"dmi": "[/]\x1b[2J"}
    )
    text = shown(guest)
    assert "\x1b" not in text
    assert "[bold]x[/bold]" in text
    assert "[/]" in text
