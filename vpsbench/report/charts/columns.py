"""Columns of time: brings a series of any length down to what a chart shows, with its peaks and gaps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpsbench.model import Floats, Series

    Gaps = tuple[tuple[float, float], ...]

COLUMNS = 240  # over the whole run; about 2.7 px each in a chart of 640 px
WIDE = 1.5  # columns that a short stretch needs where its value matters, and not how long it lasted


@dataclass(frozen=True, slots=True)
class Grid:
    """Columns of time: ``edges`` has one more entry than ``missing``, which marks the columns in a gap."""

    edges: Floats
    missing: NDArray[np.bool_]

    def place(self, times: Floats) -> NDArray[np.intp]:
        """The column of each time."""
        found = np.searchsorted(self.edges, times, side="right") - 1
        return np.clip(found, 0, len(self.missing) - 1)

    def total(self, times: Floats, values: Floats) -> Floats:
        """The sum of the values in each column."""
        return np.bincount(self.place(times), values, len(self.missing)).astype(np.float64)


def grid(times: Floats, gaps: Gaps, span: float, *, pauses: bool = True) -> Grid:
    """Lay columns over a run of ``span`` seconds so that none mixes what was read with a gap.

    A gap is one of these:

    - what the series says is one,
    - a pause far longer than the usual one, unless ``pauses`` is False: a value that holds until the next
      reading,
    - what lies before the first and after the last reading.

    Gaps shorter than half a column cannot be seen and are passed over. So are pauses of less than two
    columns, as between the hourly turns of a week: they would lie over the picture like grey stripes.
    """
    steps = np.diff(times)
    spacing = (float(np.median(steps)) if len(steps) else 0.0) or span / COLUMNS
    width = max(span / COLUMNS, 2 * spacing)
    half = spacing / 2
    long = np.flatnonzero(steps > max(5 * spacing, 2 * width))
    found = [(times[i] + half, times[i + 1] - half) for i in long] if pauses else []
    outside = [(0.0, times[0] - half), (times[-1] + half, span)]
    seen = np.array([g for g in (*gaps, *found, *outside) if g[1] - g[0] > width / 2]).reshape(-1, 2)
    regular = np.arange(0, span + width, width)
    if len(seen):
        near = np.abs(regular[:, None] - seen.ravel()[None, :]).min(axis=1) < width / 2
        regular = regular[~near]
    edges = np.union1d(regular, seen.ravel())
    edges = np.union1d(edges, [min(0.0, float(times[0])), max(span, float(times[-1]))])
    middle = (edges[:-1] + edges[1:]) / 2
    inside = (seen[:, 0, None] <= middle) & (middle <= seen[:, 1, None])
    return Grid(edges, inside.any(axis=0))


def trace(over: Grid, filled: NDArray[np.bool_], columns: tuple[Floats, ...], least: float = 0.5) -> Floats:
    """Rows of (time, one value a column) for a line drawn as steps; NaN values end it at a gap.

    A stretch too short to be seen is drawn ``least`` columns wide, as far as the next one leaves room.
    """
    nothing = [np.nan] * len(columns)
    wide = (over.edges[-1] - over.edges[0]) / COLUMNS
    starts = over.edges[:-1][filled]
    rows: list[list[float]] = []
    last: list[float] | None = None
    began = 0.0
    for k in range(len(filled)):
        if filled[k]:
            began = began if last is not None else float(over.edges[k])
            last = [float(c[k]) for c in columns]
            rows.append([float(over.edges[k]), *last])
        elif last is not None and over.missing[k]:
            room = starts[starts > over.edges[k]][:1] - wide / 2
            end = max(float(over.edges[k]), min([began + least * wide, *room.tolist()]))
            rows += [[end, *last], [end, *nothing]]
            last = None
    if last is not None:
        rows.append([float(over.edges[-1]), *last])
    return np.array(rows).reshape(-1, 1 + len(columns))


def merged(spells: Iterable[tuple[float, float]], near: float) -> list[tuple[float, float]]:
    """Spells in the order of time, those joined between which there is less than ``near``."""
    out: list[tuple[float, float]] = []
    for begin, end in spells:
        if out and begin - out[-1][1] < near:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((begin, end))
    return out


def envelope(times: Floats, values: Floats, gaps: Gaps, span: float, *, pauses: bool = True) -> Floats:
    """Rows of (time, mean, least, greatest), one a column."""
    over = grid(times, gaps, span, pauses=pauses)
    column = over.place(times)
    filled = np.zeros(len(over.missing), dtype=bool)
    filled[column] = True
    starts = np.flatnonzero(np.r_[True, np.diff(column) > 0])
    count = np.bincount(column, minlength=len(filled))
    low, high = (np.full(len(filled), np.nan) for _ in range(2))
    low[column[starts]] = np.minimum.reduceat(values, starts)
    high[column[starts]] = np.maximum.reduceat(values, starts)
    mean = over.total(times, values) / np.maximum(count, 1)
    return trace(over, filled, (mean, low, high), WIDE)


def growth(series: Series) -> tuple[Floats, Floats, Floats]:
    """A counter's steps as (middle, length, increase); none across a gap, and none where it ran backwards."""
    times, values = series.times, series.values
    length, increase = np.diff(times), np.diff(values)
    good = (increase >= 0) & (length > 0)
    ends = np.searchsorted(times, [end for _, end in series.gaps]) - 1
    good[ends[(ends >= 0) & (ends < len(good))]] = False
    return (times[:-1] + length / 2)[good], length[good], increase[good]
