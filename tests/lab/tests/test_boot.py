"""The lab's booted guests: what their tables count. The guests themselves take minutes, and are no test."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from tests.builders import example_run
from tests.lab.boot import run
from tests.lab.boot.run import Held, lost
from tests.lab.boot.trials import TRIALS
from vpsbench.store.writer import Collector

INSIDE = Path(run.__file__).with_name("inside.py")
BEFORE = Held(ticks=[1.0, 2.0, 3.0, 4.0], events=[], turns=[], runs=["running"], sound="ok")


def test_ticks_that_are_gone_are_counted_and_those_that_came_are_not() -> None:
    after = replace(BEFORE, ticks=[1.0, 2.0, 50.0])
    assert lost(BEFORE, after) == (2, 1.0)
    assert lost(BEFORE, replace(BEFORE, ticks=[*BEFORE.ticks, 50.0])) == (0, 0.0)
    assert after.gap() == 48.0


def test_a_database_is_read_beside_the_run_that_writes_it(tmp_path: Path) -> None:
    with Collector(tmp_path / "a.db") as collector:
        example_run.begin(collector)
        collector.event("reboot", "one became two", example_run.BOOT + 1)
        collector.commit(1)
        read = subprocess.run(
            [sys.executable, INSIDE, tmp_path / "a.db"], capture_output=True, text=True, check=True
        )
    held = Held(**json.loads(read.stdout))
    assert (held.ticks, held.runs, held.sound) == ([1.0], ["running"], "ok")
    assert held.details("reboot") == ["one became two"]


def test_each_trial_has_a_name_of_its_own_and_says_what_it_is() -> None:
    assert len({trial.__name__ for trial in TRIALS}) == len(TRIALS)
    assert all(trial.__doc__ for trial in TRIALS)
