"""The picture of touching held memory again."""

from __future__ import annotations

import numpy as np
import pytest

from tests.builders.sign_records import build
from vpsbench.report.charts.memory import COLUMNS, touch_histograms
from vpsbench.report.charts.vegalite import Absent, Chart, Spec, TimeAxis

T_AXIS = TimeAxis(600.0)


def charts(**rounds: object) -> list[Chart]:
    record = build({"rounds": {"touches": 3000, "hot": 2000, **rounds}})
    return [one for one in touch_histograms(record, T_AXIS) if isinstance(one, Chart)]


def cells(spec: Spec) -> dict[str, list[float]]:
    (values,) = spec["data"]["values"]
    return {name: values[name] for name in ("x", "to", "low", "high", "share")}


def test_no_rounds_no_picture() -> None:
    (absent,) = touch_histograms(build({}), T_AXIS)
    assert isinstance(absent, Absent)


def test_a_swapped_guests_second_group_lies_above_the_line() -> None:
    held, control = charts(times=[100, 130, 160], slow=[0.4] * 3, age=[60, 90, 120])
    (line,) = held.spec["layer"][1]["data"]["values"]
    found = cells(held.spec)
    above = np.array(found["low"]) >= line["at"] * 0.99
    assert np.array(found["share"])[above].sum() / 3 == pytest.approx(0.4, abs=0.05)
    assert np.array(found["share"]).sum() == pytest.approx(3, abs=0.01)
    assert max(cells(control.spec)["high"]) < line["at"]
    assert "60 s, 90 s and 2.0 min after" in held.note


def test_a_clean_guest_has_no_line() -> None:
    held, control = charts(times=[100, 130], slow=[0, 0.001])
    assert [len(one.spec["layer"]) for one in (held, control)] == [1, 1]
    assert "No group of slow pages" in held.note


def test_many_rounds_share_columns() -> None:
    times = list(range(100, 1100, 10))
    held, _ = charts(times=times, slow=[0.0] * len(times))
    assert max(cells(held.spec)["to"]) < COLUMNS + 0.5
    assert "100 rounds" in held.note
