"""A small chart a figure: each run's value with its interval, the best one first."""

from __future__ import annotations

from typing import Final

from vpsbench.compare.contest import Cell, Comparison, Row, Standing
from vpsbench.report.charts.vegalite import BLUE, GREEN, GREY, RED, Chart, Spec
from vpsbench.report.comparison.wording import STANDINGS, labels

NAMED: Final = 40  # runs up to which each has a line with its name; more are dots, one above the other
_WIDTH, _LABELS = 190, 120  # px of the plotting area, and of the names
_COLOURS: Final = {
    Standing.BEST: GREEN,
    Standing.LEVEL: BLUE,
    Standing.BEHIND: RED,
    Standing.UNKNOWN: GREY,
}
_SHAPES: Final = {
    Standing.BEST: "diamond",
    Standing.LEVEL: "circle",
    Standing.BEHIND: "triangle-down",
    Standing.UNKNOWN: "cross",
}
# From which size on values are drawn in which unit, and its factor.
_UNITS: Final[dict[str, tuple[tuple[float, str, float], ...]]] = {
    "s": ((1.0, "s", 1.0), (1e-3, "ms", 1e3), (0.0, "µs", 1e6)),
    "B/s": ((1e9, "GB/s", 1e-9), (0.0, "MB/s", 1e-6)),
    "1/s": ((1e6, "millions a second", 1e-6), (1e3, "thousands a second", 1e-3), (0.0, "a second", 1.0)),
    "1": ((0.0, "%", 100.0),),
}


def draw(comparison: Comparison) -> list[Chart]:
    """The charts, in the order of the figures; a figure that only one run has gets none."""
    names = labels(comparison)
    return [
        Chart(row.name.replace(".", "-"), row.title, _note(row), _spec(row, names))
        for row in comparison.rows
        if sum(cell is not None for cell in row.cells) > 1
    ]


def _note(row: Row) -> str:
    return {"higher": "more is better", "lower": "less is better"}.get(row.better, "")


def _unit(row: Row) -> tuple[str, float]:
    """In which unit a figure is drawn, so that its largest value is an everyday number."""
    largest = max(cell.figure.found.value for cell in row.cells if cell is not None)
    units = _UNITS.get(row.unit, ((0.0, row.unit, 1.0),))
    return next(((name, factor) for size, name, factor in units if largest >= size), units[-1][1:])


def _spec(row: Row, names: tuple[str, ...]) -> Spec:
    unit, factor = _unit(row)
    found = [(name, cell) for name, cell in zip(names, row.cells, strict=True) if cell is not None]
    found.sort(key=lambda one: one[1].figure.found.value, reverse=row.better == "higher")
    many = len(found) > NAMED
    axis: Spec = {
        "title": None, "labelLimit": _LABELS, "minExtent": 0 if many else _LABELS, "labelPadding": 9,
        "ticks": False, "domain": False, "grid": False, "labels": not many,
    }  # fmt: skip
    values = [_point(name, cell, factor) for name, cell in found]
    x_axis = {
        "title": unit,
        "format": ",~r",
        "tickCount": 4,
        "gridColor": "#e6e6e6",
    }
    shared: Spec = {
        "y": {"field": "run", "type": "nominal", "sort": None, "axis": axis, "title": None},
        "color": _by_standing(_COLOURS),
    }
    rule: Spec = {
        "mark": {"type": "rule", "strokeWidth": 1 if many else 2, "aria": False},
        "encoding": {**shared, "x": _x("low", x_axis), "x2": {"field": "high"}},
    }
    point: Spec = {
        "mark": {"type": "point", "filled": True, "size": 16 if many else 70, "opacity": 1, "aria": False},
        "encoding": {**shared, "x": _x("value", x_axis), "shape": _by_standing(_SHAPES)},
    }
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": _WIDTH + (_LABELS if many else 0),
        "height": {"step": max(300 / len(found), 0.5) if many else 20},
        "background": None,
        "data": {"values": values},
        "layer": [rule, point],
        "config": {
            "font": "sans-serif", "view": {"stroke": None},
            "axis": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal",
                     "labelColor": "#333", "titleColor": "#51606a", "labelOverlap": "greedy"},
        },
    }  # fmt: skip


def _point(name: str, cell: Cell, factor: float) -> Spec:
    found = cell.figure.found
    low, high = found.interval() or (found.value, found.value)
    drawn = {"low": low, "value": found.value, "high": high}
    return {
        "run": name,
        "standing": STANDINGS[cell.standing],
        **{field: float(f"{max(value, 0.0) * factor:.6g}") for field, value in drawn.items()},
    }


def _x(field: str, axis: Spec) -> Spec:
    """From nothing on: a cut axis would make a small difference look large."""
    return {"field": field, "type": "quantitative", "scale": {"zero": True, "nice": True}, "axis": axis}


def _by_standing(values: dict[Standing, str]) -> Spec:
    scale = {"domain": [STANDINGS[one] for one in values], "range": list(values.values())}
    return {"field": "standing", "type": "nominal", "scale": scale, "legend": None}
