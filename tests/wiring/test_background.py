"""A run in the background as its user has it: begun, looked at, killed, gone on with, stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from vpsbench import metrics
from vpsbench.runner import lock
from vpsbench.store.reader import read

PROFILE = """
description = "long enough to be killed and to go on"
duration = "100 s"
tick = "0.2 s"
[[turns]]
probe = "cpu"
duration = "45 s"
[[turns]]
probe = "cpu"
duration = "45 s"
options = { arm = "single" }
"""


def vpsbench(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vpsbench", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


def status(db: Path) -> Any:  # noqa: ANN401  parsed JSON
    return json.loads(vpsbench("status", "--db", db, "--json").stdout)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Path]:
    """Its folder; whatever still runs there afterwards is ended."""
    (tmp_path / "short.toml").write_text(PROFILE, encoding="utf-8")
    yield tmp_path / "a.db"
    if process := lock.holder():
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def test_a_run_is_killed_and_goes_on_and_is_stopped(db: Path) -> None:
    profile = db.with_name("short.toml")
    begun = vpsbench("run", "--profile", profile, "--duty", 1, "--db", db, "--no-html", "--background")
    assert begun.returncode == 0, begun.stderr
    assert "vpsbench attach" in begun.stderr
    first = status(db)
    assert (first["run"], first["state"], first["turn"]["probe"]) == (1, "running", "cpu")
    assert os.getsid(first["process"]) != os.getsid(0), "the end of this login does not reach it"

    early = vpsbench("report", "--db", db, "--quiet")
    assert "run 1 still goes on" in early.stderr
    assert "Another run goes on here" in vpsbench("run", "--profile", profile, "--db", db).stderr
    time.sleep(1)
    stored = read(db).run.elapsed
    os.kill(first["process"], signal.SIGKILL)
    while lock.holder():
        time.sleep(0.05)
    assert status(db)["process"] is None
    assert "vpsbench resume" in vpsbench("status", "--db", db).stdout

    assert vpsbench("resume", "--db", db, "--background").returncode == 0
    assert vpsbench("stop").returncode == 0
    record = read(db, 1)
    assert record.run.state == "interrupted"
    assert record.run.elapsed > stored
    kinds = [event.kind for event in record.events]
    assert kinds.count("claims_declared") == 1
    assert {"resumed", "interrupted"} <= set(kinds)
    arms = [(turn.options["arm"], turn.status) for turn in record.turns]
    assert arms == [("all", "interrupted"), ("single", "interrupted")], "what was cut short is not repeated"
    [offset] = record.named(metrics.WALL_OFFSET)
    assert (offset.times[1:] > offset.times[:-1]).all()
    assert max(offset.gaps[0]) > stored
    assert not list(db.parent.glob("*-run"))


def test_nothing_to_stop_watch_or_go_on_with_is_told(db: Path) -> None:
    assert "No run goes on" in vpsbench("stop").stderr
    assert vpsbench("attach", "--db", db).returncode == 2
    assert vpsbench("resume", "--db", db).returncode == 2
    assert vpsbench("resume", "--db", db, "--if-any").returncode == 0
