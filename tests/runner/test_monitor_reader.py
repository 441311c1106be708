"""Monitors that cannot be read leave gaps, and say why."""

from __future__ import annotations

from pathlib import Path

from tests.runner.scripted_probes import SAMPLE, VALUE, measure
from vpsbench.guest.files import Files
from vpsbench.kernel_text.lines import Texts
from vpsbench.model import (
    Metric,
    Sample,
)
from vpsbench.monitors import Monitor, matching
from vpsbench.runner.monitor_reader import MonitorReader


def numbers(name: str, metric: Metric) -> Monitor:
    def parse(texts: Texts) -> list[Sample]:
        return [Sample(metric, float(text)) for text in texts.values()]

    return Monitor(name, matching("source"), (metric,), parse)


def test_a_monitors_missing_readings_are_gaps_and_its_troubles_events(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("5")
    watched = MonitorReader([numbers("n", VALUE)], Files(tmp_path))
    assert [s.value for s in watched.read().samples] == [5]
    source.write_text("garbage")
    broken, again = watched.read(), watched.read()
    assert (broken.samples, broken.gaps) == ([], [("fake.value", ())])
    assert (len(broken.problems), again.problems, again.gaps) == (1, [], broken.gaps)
    source.unlink()
    assert watched.read().gaps == broken.gaps
    source.write_text("0")
    assert [(s.value, s.metric) for s in watched.read().samples] == [(0, VALUE)]


def test_a_monitor_without_files_is_unavailable(tmp_path: Path) -> None:
    record, _ = measure(tmp_path, {"good": SAMPLE}, monitors=[numbers("absent", VALUE)])
    assert [e.said for e in record.events if e.kind == "monitor_unavailable"] == [
        "absent: this guest has no such files"
    ]
