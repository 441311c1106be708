"""A day with all that can befall it, and every reading kept."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from tests.builders.example_run import FREE
from tests.builders.simulated_day import DAY, LOCKED, SLEEP, simulate
from vpsbench.guest.files import Files
from vpsbench.kernel_text.lines import Texts
from vpsbench.model import RunState, Sample, Status
from vpsbench.monitors import Monitor, matching
from vpsbench.store import reader

TICK = 60.0


def test_a_day_keeps_every_reading_through_all_that_befalls_it(tmp_path: Path) -> None:
    (tmp_path / "free").write_text("5")

    def parse(texts: Texts) -> list[Sample]:
        return [Sample(FREE, float(text)) for text in texts.values()]

    monitor = Monitor("free", matching("free"), (FREE,), parse)
    assert simulate(tmp_path / "a.db", TICK, [monitor], Files(tmp_path)) is RunState.FINISHED
    record = reader.read(tmp_path / "a.db")
    [series] = record.named(FREE)
    late = np.diff(series.times) - TICK
    assert late.max() <= SLEEP, "nothing but sleep keeps a tick from being read and kept"
    assert (late > 1).sum() == 1
    assert abs(series.times.size - (record.run.elapsed - SLEEP) / TICK) <= 2
    assert Counter(event.kind for event in record.events) == {
        "clock_step": 2,
        "suspended": 1,
        "stall": 1,
        "unstored": 1,
        "stored_again": 1,
        "limits_changed": 2,
    }
    again = next(event for event in record.events if event.kind == "stored_again")
    assert f"after {LOCKED:.0f} s" in again.detail
    assert len(record.turns) >= DAY / 3600 - 1
    assert {turn.status for turn in record.turns} == {Status.OK}
