"""How long held pages took to be touched again, round by round: the histograms as columns of colour."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.analyzer.memory import page_touches
from vpsbench.analyzer.signs import vanishing_memory
from vpsbench.model import Record
from vpsbench.report.charts.vegalite import Absent, Chart, Scale, Spec, TimeAxis, frame, table, y_value
from vpsbench.wording.figures import span
from vpsbench.wording.text import listed

if TYPE_CHECKING:
    from vpsbench.analyzer.memory.page_touches import Round
    from vpsbench.model import Floats

COLUMNS: Final = 40  # at most; of more rounds, neighbours share one
TOLD: Final = 6  # rounds whose age is told one by one
HEIGHT: Final = 130  # px
_SHOWS: Final = (vanishing_memory.SIGN.name,)
_TITLES: Final = {
    "held": "Touching memory again that had been left alone: how long it took, µs, round by round",
    "hot": "The control: touching memory that was kept in use, µs",
}


def touch_histograms(record: Record, t_axis: TimeAxis) -> Iterator[Chart | Absent]:
    """A picture for each arm, on the same scales."""
    del t_axis
    rounds = [one for one in page_touches.rounds(record) if one.held.sum() and one.hot.sum()]
    if not rounds:
        yield Absent(_TITLES["held"], "the memory probe gave no full round")
        return
    slow = _slow(record, rounds)
    arms = {arm: _columns([getattr(one, arm) for one in rounds]) for arm in _TITLES}
    seen = np.flatnonzero(sum(columns.sum(axis=0) for columns in arms.values()))
    ends = (1e6 * page_touches.edge(int(seen[0])), 1e6 * page_touches.edge(int(seen[-1]) + 1))
    for arm, columns in arms.items():
        note = _note(rounds, slow) if arm == "held" else "Where both look alike, no page had gone."
        yield Chart(f"touch-{arm}", _TITLES[arm], note, _heat(columns, ends, slow), shows=_SHOWS)


def _slow(record: Record, rounds: list[Round]) -> float | None:
    """Where the slow group begins, µs; None where there is none to speak of among the held pages."""
    found = (border for border in page_touches.borders(record, rounds) if border.gain(rounds) > border.least)
    return next((1e6 * page_touches.edge(border.group) for border in found), None)


def _columns(histograms: list[Floats]) -> Floats:
    """Shares of touches by bin, a row a column of the picture."""
    groups = np.array_split(np.array(histograms), min(len(histograms), COLUMNS))
    sums = np.array([group.sum(axis=0) for group in groups])
    return np.asarray(sums / sums.sum(axis=1, keepdims=True))


def _note(rounds: list[Round], slow: float | None) -> str:
    ages = [one.age for one in rounds]
    when = f"{len(rounds)} rounds."
    if len(rounds) <= TOLD and np.isfinite(ages).all():
        when = f"Rounds came {listed([span(age) for age in ages])} after the pages were written."
    reading = "Each column is a round, and darker where more of its touches fell. The scale is logarithmic."
    border = "No group of slow pages stands apart."
    if slow is not None:
        border = "Above the dashed line lies a second, slow group, which vanishing_memory weighs."
    return f"{reading} {when} {border}"


def _heat(columns: Floats, ends: tuple[float, float], slow: float | None) -> Spec:
    places, bins = np.nonzero(columns)
    middles = 1.0 + places.astype(np.float64)
    edges = np.array([1e6 * page_touches.edge(place) for place in range(columns.shape[1] + 1)])
    data = table({
        "share": {
            "x": middles - 0.46, "to": middles + 0.46, "low": edges[bins], "high": edges[bins + 1],
            "share": columns[places, bins],
        }
    })  # fmt: skip
    ticks = [float(n) for n in range(1, len(columns) + 1)]
    across = {"domain": [0.5, len(columns) + 0.5], "nice": False}
    shades = {"type": "pow", "exponent": 0.4, "domain": [0, 0.5], "clamp": True, "scheme": "blues"}
    legend = {"format": "~%", "values": [0, 0.01, 0.1, 0.5], "gradientLength": 200, "orient": "top"}
    scale = Scale(1, "~g", ends, log=True)
    cell = {
        "mark": {"type": "rect", "clip": True},
        "encoding": {
            "x": {
                "field": "x",
                "type": "quantitative",
                "scale": across,
                "axis": {"title": "round", "values": ticks, "grid": False, "format": "d"},
            },
            "x2": {"field": "to"},
            "y": y_value("low", scale),
            "y2": {"field": "high"},
            "color": {"field": "share", "type": "quantitative", "scale": shades, "legend": legend},
        },
    }
    line = {
        "data": {"values": [{"at": slow}]},
        "mark": {"type": "rule", "strokeDash": [5, 4], "strokeWidth": 1.5, "color": "#222"},
        "encoding": {"y": y_value("at", scale)},
    }
    return frame(HEIGHT, data, [cell, *([line] if slow is not None else [])])
