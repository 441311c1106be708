"""Writes charts down in the Vega-Lite language, as plain values: one text for the still picture and the zoom.

Data travel as columns, one list a quantity and curve, a third of the size of rows of objects; Vega unfolds
them. (CSV would be as small, but its parser needs ``eval``, which the page's security policy forbids.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vpsbench.wording.text import plain

if TYPE_CHECKING:
    from vpsbench.model import Floats

Spec = dict[str, Any]
WIDTH: Final = 640  # px of the plotting area; with its axis 720, which A4 paper shows at 95 %
AXIS: Final = 62  # px kept for the y axis in every chart, so that the time axes lie above each other

# Okabe and Ito's palette: told apart with any colour vision. (Yellow is left out: too faint on paper.)
BLUE, SKY, GREEN, ORANGE, RED, PINK = "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7"
BLACK, GREY, WINE, SILVER = "#222222", "#888888", "#7B1E4B", "#DDE3E6"
PALETTE: Final = (BLUE, ORANGE, GREEN, WINE, SKY, RED, PINK, BLACK, GREY)

_CONFIG: Final[Spec] = {
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "labelColor": "#333",
        "titleColor": "#333", "gridColor": "#e6e6e6", "labelOverlap": "greedy",
    },
    "legend": {
        "labelFontSize": 12, "title": None, "orient": "top", "labelLimit": 260, "columnPadding": 14,
        "symbolOpacity": 1, "symbolType": "square", "symbolSize": 90, "symbolStrokeWidth": 0, "columns": 6,
    },
    "area": {"line": False},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart.

    Args:
        name: for the page's anchors, a plain word.
        title: what it shows.
        note: how to read it.
        spec: in the Vega-Lite language.
        shows: the signs whose findings it illustrates.
    """

    name: str
    title: str
    note: str
    spec: Spec
    shows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Absent:
    """A chart that is not there, and why."""

    title: str
    because: str


@dataclass(frozen=True, slots=True)
class Curve:
    """A line or points of a chart: rows of (time in s, value, least, greatest), NaN in its gaps."""

    name: str
    rows: Floats
    colour: str
    size: int = 0  # of a point, px²


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """The time axis that all charts of a page share."""

    span: float  # s

    @property
    def unit(self) -> tuple[str, float]:
        """Seconds, minutes or hours, as the run was long; the name, and its seconds."""
        if self.span < 180:
            return ("s", 1.0)
        return ("min", 60.0) if self.span < 3 * 3600 else ("h", 3600.0)

    @property
    def end(self) -> float:
        """The length of the run, in the axis's unit."""
        return self.span / self.unit[1]


@dataclass(frozen=True, slots=True)
class Scale:
    """How values are drawn upward: a factor to the unit shown, and the axis's own settings."""

    factor: float
    form: str  # d3-format
    domain: tuple[float, float] | None = None
    log: bool = False


def shade(names: Iterable[str]) -> dict[str, str]:
    """One colour a name, in a fixed order."""
    return {name: PALETTE[k % len(PALETTE)] for k, name in enumerate(names)}


def table(curves: dict[str, dict[str, Floats]]) -> Spec:
    """A data source of named curves, each with its columns; a number that is not finite becomes null."""
    fields = sorted({field for columns in curves.values() for field in columns})
    values = [
        {"of": _name(name), **{field: _column(columns[field]) for field in fields}}
        for name, columns in curves.items()
    ]
    return {"data": {"values": values}, "transform": [{"flatten": fields}]}


def _column(values: Floats) -> list[float | None]:
    """Six digits are more than a chart can show; null breaks a line."""
    return [float(f"{v:.6g}") if math.isfinite(v) else None for v in values.tolist()]


def _name(text: str) -> str:
    return plain(text, 60)


def colour(field: str, colours: dict[str, str]) -> Spec:
    """A colour a name, with a legend above the chart."""
    scale = {"domain": [_name(name) for name in colours], "range": list(colours.values())}
    return {"field": field, "type": "nominal", "scale": scale}


def x_time(t_axis: TimeAxis) -> Spec:
    """The shared axis. ``from`` and ``to`` are what the zoom moves."""
    scale = {"domainMin": {"expr": "from"}, "domainMax": {"expr": "to"}, "nice": False}
    axis = {
        "title": f"time since the run began, {t_axis.unit[0]}",
        "tickCount": {"expr": "width / 64"},
        "grid": True,
    }
    return {"field": "t", "type": "quantitative", "scale": scale, "axis": axis}


def y_value(field: str, scale: Scale) -> Spec:
    """A y axis of fixed width without a title: the caption above the chart names it."""
    shape: Spec = (
        {"type": "log", "clamp": True, "nice": False} if scale.log else {"nice": scale.domain is None}
    )
    if scale.domain is not None:
        shape["domain"] = list(scale.domain)
    axis: Spec = {"title": None, "format": scale.form, "minExtent": AXIS, "maxExtent": AXIS}
    decades = _decades(*scale.domain) if scale.log and scale.domain is not None else None
    axis |= {"values": decades} if decades else {"tickCount": 4}
    return {"field": field, "type": "quantitative", "scale": shape, "axis": axis, "stack": None}


def _decades(low: float, high: float) -> list[float]:
    """The powers of ten within a log axis: a line at each of 2, 3, 4 … would be a grey wall."""
    return [float(f"1e{k}") for k in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]


def over_time(t_axis: TimeAxis, height: int, data: Spec, layer: list[Spec]) -> Spec:
    """A chart on the shared time axis."""
    params = [{"name": "from", "value": 0}, {"name": "to", "value": round(t_axis.end, 6)}]
    return frame(height, data, layer) | {"params": params}


def frame(height: int, data: Spec, layer: list[Spec]) -> Spec:
    """Any chart: the size, the look, and what it draws."""
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": WIDTH, "height": height, "background": None, "config": _CONFIG, **data, "layer": layer,
    }  # fmt: skip


def lines(t_axis: TimeAxis, scale: Scale, curves: list[Curve]) -> Spec:
    """Step lines of the means, over a pale band from the least to the greatest value."""
    data = table({
        c.name: {"t": c.rows[:, 0] / t_axis.unit[1]}
        | {name: c.rows[:, k] * scale.factor for k, name in enumerate(("y", "low", "high"), 1)}
        for c in curves
    })  # fmt: skip
    shared = {"x": x_time(t_axis), "color": colour("of", {c.name: c.colour for c in curves})}
    step = {"interpolate": "step-after", "clip": True}
    band = {
        "mark": {"type": "area", "opacity": 0.25, **step},
        "encoding": {**shared, "y": y_value("low", scale), "y2": {"field": "high"}},
    }
    line = {
        "mark": {"type": "line", "strokeWidth": 1.5, "strokeCap": "round", **step},
        "encoding": {**shared, "y": y_value("y", scale)},
    }
    return over_time(t_axis, 130, data, [band, line])


def stack(t_axis: TimeAxis, parts: list[tuple[str, str]], rows: Floats, height: int) -> Spec:
    """Shares of a whole on top of each other; ``rows`` are (time in s, one share a part)."""
    tops = np.cumsum(rows[:, 1:], axis=1)
    floors = tops - rows[:, 1:]
    data = table({
        name: {"t": rows[:, 0] / t_axis.unit[1], "y": floors[:, k], "top": tops[:, k]}
        for k, (name, _) in enumerate(parts)
    })  # fmt: skip
    across = x_time(t_axis)
    across["axis"] |= {"grid": False}  # lines would look like parts where little was measured
    area = {
        "mark": {"type": "area", "interpolate": "step-after", "clip": True},
        "encoding": {
            "x": across,
            "y": y_value("y", Scale(1, ".0%", (0, 1))),
            "y2": {"field": "top"},
            "color": colour("of", dict(parts)),
        },
    }
    return over_time(t_axis, height, data, [area])


def bands(t_axis: TimeAxis, spells: dict[str, list[tuple[float, float]]]) -> Spec:
    """A row a name, and a bar for each of its spells of (start, end) in seconds."""
    per = t_axis.unit[1]
    data = table({
        name: dict(zip(("t", "end"), np.array(all_).T / per, strict=True)) for name, all_ in spells.items()
    })  # fmt: skip
    axis = {"title": None, "minExtent": AXIS, "maxExtent": AXIS, "labelLimit": AXIS - 8, "grid": False}
    colours = {**colour("of", shade(spells)), "legend": None}
    bar = {
        "mark": {"type": "bar", "height": 14, "clip": True, "strokeWidth": 0.5},
        "encoding": {
            "x": x_time(t_axis),
            "x2": {"field": "end"},
            "y": {"field": "of", "type": "nominal", "axis": axis, "sort": None},
            "fill": colours,
            "stroke": colours,
        },
    }
    return over_time(t_axis, 22 * len(spells), data, [bar])


def tail(arms: dict[str, tuple[Floats, Floats]]) -> Spec:
    """Share of events that took longer than a latency (s), both axes logarithmic."""
    data = table({name: {"x": above * 1e6, "y": share} for name, (above, share) in arms.items()})
    least = min(float(share.min()) for _, share in arms.values())
    bounds = np.concatenate([above for above, _ in arms.values()])
    ends = (float(bounds.min()) * 1e6, float(bounds.max()) * 1e6)
    axis = {"title": "longer than, µs", "format": "~g", "values": _decades(*ends)}
    line = {
        "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 2},
        "encoding": {
            "x": {
                "field": "x",
                "type": "quantitative",
                "scale": {"type": "log", "nice": False},
                "axis": axis,
            },
            "y": y_value("y", Scale(1, "~p", (least, 1), log=True)),
            "color": {
                **colour("of", shade(arms)),
                "legend": {"symbolType": "stroke", "symbolStrokeWidth": 4},
            },
        },
    }
    return frame(170, data, [line])


def scatter(x: tuple[str, float, list[float]], scale: Scale, groups: list[Curve]) -> Spec:
    """Points over a plain axis, each with a line from its least to its greatest value where it has one.

    ``x``: its title, its end (it begins at 0) and its ticks. The groups' rows hold x in the place of time.
    """
    title, end, ticks = x
    data = table({
        c.name: {"x": c.rows[:, 0], "size": np.full(len(c.rows), c.size)}
        | {name: c.rows[:, k] * scale.factor for k, name in enumerate(("y", "low", "high"), 1)}
        for c in groups
    })  # fmt: skip
    shared = {
        "x": {
            "field": "x",
            "type": "quantitative",
            "scale": {"domain": [0, end], "nice": False},
            "axis": {"title": title, "values": ticks, "grid": False},
        },
        "color": {**colour("of", {c.name: c.colour for c in groups}), "legend": None},
    }
    whisker = {
        "mark": {"type": "rule", "strokeWidth": 1.5, "aria": False},
        "encoding": {**shared, "y": y_value("low", scale), "y2": {"field": "high"}},
    }
    size = {"field": "size", "type": "quantitative", "scale": None, "legend": None}
    point = {
        "mark": {"type": "point", "filled": True, "opacity": 0.8, "aria": False},
        "encoding": {**shared, "y": y_value("y", scale), "size": size},
    }
    return frame(130, data, [whisker, point])
