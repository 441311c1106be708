"""What the charts of the disk show, in numbers: the burst, what came back, how long single reads took."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.builders.sign_records import build
from tests.places import FIXTURES
from vpsbench.model import Record
from vpsbench.report.charts import gallery
from vpsbench.report.charts.vegalite import Chart

SIGNS = FIXTURES / "signs"


def record(case: str) -> Record:
    return build(json.loads((SIGNS / f"{case}.json").read_text(encoding="utf-8")))


def drawn(case: str) -> dict[str, Chart]:
    return {chart.name: chart for chart in gallery.draw(record(case))[0]}


def curve(chart: Chart, name: str) -> dict[str, Any]:
    return next(values for values in chart.spec["data"]["values"] if values["of"] == name)


def test_the_burst_its_change_point_and_all_that_followed() -> None:
    chart = drawn("disk_burst/fires_bucket_refills")["burst"]
    assert curve(chart, "burst")["y"][:7] == [3010, 3002, 3000, 3001, 3000, 1000, 200]
    assert curve(chart, "larger reads")["x"][0] == 62
    assert max(curve(chart, "after a rest")["y"]) == 1740
    rules = [layer["encoding"] for layer in chart.spec["layer"] if layer["mark"]["type"] == "rule"]
    assert {"x": {"datum": 5.0}} in rules or {"x": {"datum": 6.0}} in rules
    assert {"y": {"datum": 200.0}} in rules
    assert chart.shows == ("disk_burst",)


def test_what_came_back_stands_beside_what_a_bucket_takes() -> None:
    chart = drawn("disk_burst/fires_bucket_refills")["refill"]
    came, due = curve(chart, "came back"), curve(chart, "a bucket's, ± 15 %")
    assert came["x"] == due["x"] == [pytest.approx(rest) for rest in (1.7, 3.7, 7.7)]
    assert came["y"] == [340, 740, 1540]
    assert due["y"] == [pytest.approx(y) for y in (340, 740, 1540)]
    assert due["low"] == [pytest.approx(0.85 * y) for y in due["y"]]


def test_a_steady_disk_has_no_change_point_and_no_doses() -> None:
    found = drawn("disk_burst/silent_slow_steady")
    assert "refill" not in found
    assert len(found["burst"].spec["layer"]) == 2, "points and whiskers, and no rule"


def test_jobs_after_a_burst_crowd_no_other_chart() -> None:
    iops = drawn("disk_burst/fires_bucket_refills")["iops"]
    assert [values["of"] for values in iops.spec["data"]["values"]] == ["burst"]


def test_quantiles_of_single_reads_rise_with_a_neighbour_and_break_where_this_guest_reads() -> None:
    chart = drawn("disk_contention/fires_beside_own_load")["sparse"]
    p50 = curve(chart, "p50")
    levels = {t: y for t, y in zip(p50["t"], p50["y"], strict=True) if y is not None}
    before, during = (max(y for t, y in levels.items() if a < t < b) for a, b in ((0, 4), (4.4, 6)))
    assert before < 0.5
    assert during > 10
    assert None in p50["y"], "a minute of own reads"
    for name, least in (("p99", 0.5), ("p99.9", 0.5)):
        assert min(y for y in curve(chart, name)["y"] if y is not None) > least
    assert chart.shows == ("disk_contention",)


def test_days_by_the_hour_show_the_tail_of_each() -> None:
    chart = drawn("disk_contention/silent_evenings")["sparse-hours"]
    mean = curve(chart, "mean over the days")
    levels = dict(zip(mean["x"], mean["y"], strict=True))
    assert len(curve(chart, "one hour of one day")["y"]) in {72, 73}
    assert levels[16.5] == pytest.approx(2.4, rel=0.1)
    assert levels[10.5] == pytest.approx(0.8, rel=0.1)
    assert chart.shows == ("disk_contention",)


def test_charts_that_have_nothing_to_show_say_why() -> None:
    absent = {
        one.title: one.because for one in gallery.draw(build({"sparse": {"parts": [{"seconds": 5}]}}))[1]
    }
    assert "no long job at full rate ran" in absent.values()
    assert "too few reads met no I/O of this guest's own" in absent.values()
