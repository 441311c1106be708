"""The charts of memory's speed, and of pages that were merged."""

from __future__ import annotations

import json

from tests.builders.sign_records import build
from vpsbench.report.charts.gallery import draw


def test_bandwidth_and_latency_are_drawn_in_their_own_units() -> None:
    case = {
        "series": [
            {"metric": "bandwidth.triad", "times": [10, 11, 300], "values": [12.5e9, 11e9, 4e9]},
            {"metric": "bandwidth.latency", "times": [10, 11, 300], "values": [90e-9, 95e-9, 130e-9]},
        ]
    }
    drawn = {chart.name: chart for chart in draw(build(case))[0]}
    assert "12.5" in json.dumps(drawn["bandwidth"].spec)
    assert "130" in json.dumps(drawn["latency-of-memory"].spec)
    assert "no finding rests on it" in drawn["bandwidth"].note
    assert not drawn["bandwidth"].shows


def test_without_readings_they_are_named_with_the_reason() -> None:
    _, left_out = draw(build({}))
    assert sum("the bandwidth probe gave no readings" in one.because for one in left_out) == 2


def test_the_oldest_pages_are_drawn_arm_by_arm() -> None:
    slow = {"duplicate": [0.0, 0.9], "unique": [0.0, 0.0]}
    case = {"merges": {"ages": [20, 600], "slow": slow, "fast_ns": 300, "slow_ns": 5000}}
    chart = {one.name: one for one in draw(build(case))[0]}["merge"]
    assert chart.note.startswith("After 10 min.")
    assert chart.shows == ("merged_memory",)
    text = json.dumps(chart.spec)
    assert all(name in text for name in ("equal pairs, second write", "the control", "of zeros"))
