"""``vpsbench runs``: a line a run, and JSON."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path

import pytest

from tests.builders import example_run
from vpsbench.commands.runs import COMMAND
from vpsbench.model import Plan, RunState
from vpsbench.store.writer import Collector


def _output(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    parser = ArgumentParser()
    COMMAND.configure(parser)
    assert COMMAND.run(parser.parse_args(arguments)) == 0
    return capsys.readouterr().out


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "a.db"
    with Collector(found) as collector:
        example_run.begin(
            collector, plan=Plan(name="[red]50%[/red] \x1b[31mofff\N{RIGHT-TO-LEFT OVERRIDE}" + "x" * 99)
        )
        collector.finish(RunState.FINISHED, 600)
        example_run.begin(collector, plan=None)
    return found


def test_one_plain_line_a_run(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head, first, second = _output(capsys, "--db", str(path)).splitlines()
    assert head.split() == ["id", "when", "profile", "plan", "length", "state", "host", "name"]
    assert first.split()[:3] == ["1", "2023-11-14", "22:13:20"]
    assert second.split()[:2] == ["2", "2023-11-14"]
    for word in ("10 min", "finished", "guest-1", "quick", "[red]50%[/red]", "x" * 99):
        assert word in first
    assert "running" in second
    assert all(c.isprintable() for c in first)


def test_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = json.loads(_output(capsys, "--db", str(path), "--json"))
    assert first["plan"].startswith("[red]50%[/red] \x1b")
    del first["plan"]
    assert first == {
        "id": 1,
        "state": "finished",
        "started": example_run.WALL,
        "elapsed": 600,
        "seed": 42,
        "profile": "quick",
        "hostname": "guest-1",
    }
    assert second["plan"] is None


def test_default_database_is_the_one_that_run_writes(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(path.parent)
    Path("reports").mkdir()
    path.rename("reports/vpsbench.db")
    assert "guest-1" in _output(capsys)
