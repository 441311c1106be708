"""The disk's burst, its change point and refill; how long single reads took, over the run and by hour."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.analyzer.burst import refill
from vpsbench.analyzer.disk import sparse_reads
from vpsbench.analyzer.signs import disk_burst, disk_contention
from vpsbench.analyzer.signs.disk_burst import Stretch
from vpsbench.analyzer.statistics import change_point
from vpsbench.model import Record
from vpsbench.probes.fio.jobs import DRAINED
from vpsbench.report.charts.losses import ByHour
from vpsbench.report.charts.vegalite import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    Absent,
    Chart,
    Curve,
    Scale,
    Spec,
    TimeAxis,
    colour,
    lines,
    scatter,
)
from vpsbench.wording.figures import duration

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpsbench.model import Floats

_BURST: Final = "The disk at full rate: reads a second, from the beginning of the burst"
_REFILL: Final = "What came back after each rest, in reads"
_SPARSE: Final = "Single reads of 4 KiB over the run, ms"
_PARTS: Final = 20  # of a short run; of a long one ten minutes are a part
_FEWEST: Final = 100  # reads in a part
_POINT: Final = 14  # px²
_LARGE: Final = 70
_TICKS: Final = 8


def burst_charts(record: Record, t_axis: TimeAxis) -> Iterator[Chart | Absent]:
    """The longest burst with what followed it, and dose and response."""
    del t_axis
    parts = disk_burst.stretches(record, "burst")
    if not parts:
        yield Absent(_BURST, "no long job at full rate ran")
        return
    part = max(parts, key=lambda one: one.end - one.start)
    found = (
        change_point.throttled(part.rates, part.width) if part.rates.size >= change_point.LEAST_BINS else None
    )
    yield _burst(record, part, found)
    if found and (loads := list(disk_burst.reloads(record, part, found))):
        yield _doses(loads)


def _burst(record: Record, part: Stretch, found: change_point.ChangePoint | None) -> Chart:
    after = disk_burst.followers(record, part) if found else {}
    groups = [("burst", BLUE, [part]), ("larger reads", ORANGE, after.get(DRAINED, []))]
    groups.append(("after a rest", GREEN, [one for job in after for one in after[job] if job != DRAINED]))
    curves = [
        Curve(name, np.concatenate([_points(one, part.start) for one in some]), shade, _POINT)
        for name, shade, some in groups
        if some
    ]
    end = max(float(curve.rows[-1, 0]) for curve in curves)
    top = 1.08 * max(float(curve.rows[:, 1].max()) for curve in curves)
    x = ("seconds since it began", end, _ticks(end))
    spec = scatter(x, Scale(1, "~s", (0.0, top)), curves)
    _with_legend(spec, {curve.name: curve.colour for curve in curves})
    note = "One point a second."
    if found:
        spec["layer"] += [_rule("x", found.at, BLACK), _rule("y", found.low, GREY)]
        note += (
            " Dashed: the change point, where a bucket would have run dry, and the low rate after it."
            " What lies above the low rate before the change point is the bucket."
        )
    return Chart("burst", _BURST, note, spec, shows=(disk_burst.SIGN.name,))


def _points(one: Stretch, start: float) -> Floats:
    bare = np.full(one.rates.size, np.nan)
    return np.column_stack([one.times - start, one.rates, bare, bare])


def _ticks(end: float) -> list[float]:
    """Round numbers up to an end."""
    step = next(s for s in (1, 2, 5, 10, 20, 60, 120, 300, 600, 1800, 1e9) if end / s <= _TICKS)
    return [float(tick) for tick in np.arange(0, end + 1e-9, step)]


def _with_legend(spec: Spec, colours: dict[str, str]) -> None:
    """A scatter has none by itself."""
    for layer in spec["layer"]:
        layer["encoding"]["color"] = colour("of", colours)
        layer["encoding"].get("size", {}).pop("legend", None)  # else that of the colours goes as well


def _rule(axis: str, at: float, shade: str) -> Spec:
    mark = {"type": "rule", "strokeDash": [4, 3], "color": shade}
    return {"mark": mark, "encoding": {axis: {"datum": at}}}


def _doses(loads: list[refill.Reload]) -> Chart:
    came = np.array([(one.rest, max(0.0, one.returned), np.nan, np.nan) for one in loads])
    some = (1 - refill.TOLERANCE, 1 + refill.TOLERANCE)
    due = np.array([(one.rest, one.expected, *(edge * one.expected for edge in some)) for one in loads])
    end = 1.1 * float(came[:, 0].max())
    top = 1.1 * max(float(came[:, 1].max()), float(due[:, 3].max()))
    groups = [Curve("a bucket's, ± 15 %", due, GREY, _LARGE), Curve("came back", came, GREEN, _LARGE)]
    x = ("rest, s", end, _ticks(end))
    spec = scatter(x, Scale(1, "~s", (0.0, top)), groups)
    _with_legend(spec, {one.name: one.colour for one in groups})
    note = (
        "A bucket fills at its low rate. So what comes back grows with the rest, on a line through the "
        "origin. A neighbour who left, or a cache, gives back all or nothing, whatever the rest."
    )
    return Chart("refill", _REFILL, note, spec, shows=(disk_burst.SIGN.name,))


def sparse_chart(record: Record, t_axis: TimeAxis) -> Iterator[Chart | Absent]:
    """Quantiles of the background's reads over time; those beside this guest's own I/O are left out."""
    found, free, kept = _kept(record)
    if kept.at.size < _FEWEST:
        because = (
            "too few reads met no I/O of this guest's own" if found.at.size else "no such reads were made"
        )
        yield Absent(_SPARSE, because)
        return
    width = min(600.0, max(t_axis.span / _PARTS, _FEWEST * kept.every))
    rows = sparse_reads.quantiles(kept, width, _FEWEST)
    lowest, highest = 1000 * float(rows[:, 1:].min()), 1000 * float(rows[:, 1:].max())
    ends = (float(10 ** np.floor(np.log10(lowest))), float(10 ** np.ceil(np.log10(highest))))
    curves = [
        Curve("p50", _steps(rows[:, (0, 1, 1, 1)], width), BLUE),
        Curve("p99", _steps(rows[:, (0, 2, 4, 5)], width), ORANGE),
        Curve("p99.9", _steps(rows[:, (0, 3, 3, 3)], width), RED),
    ]
    note = (
        f"Each step is {duration(width)}. Pale band: what p99 may be, at 95 % on each side. The scale is "
        "logarithmic. Waits for a vCPU behind other programs of this guest are taken out"
        + ("." if free is None else ", and reads beside its own I/O are left out.")
    )
    scale = Scale(1000.0, "~g", (ends[0], max(ends[1], 10 * ends[0])), log=True)
    yield Chart("sparse", _SPARSE, note, lines(t_axis, scale, curves), shows=(disk_contention.SIGN.name,))


def _kept(record: Record) -> tuple[sparse_reads.Reads, NDArray[np.bool_] | None, sparse_reads.Reads]:
    """All single reads, which of them met no I/O of this guest's own (None: not known), and those."""
    found = sparse_reads.reads(record)
    free = sparse_reads.undisturbed(record, found) if found.at.size else None
    return found, free, found if free is None else found.only(free)


_HOURS: Final = ByHour(
    "sparse-hours",
    "p99 of single reads of 4 KiB by hour of the day (UTC), ms",
    "one hour of one day; reads beside this guest's own I/O are left out, where that is counted.",
    lambda greatest: Scale(1000.0, "~g", (0.0, 1150.0 * greatest)),
    disk_contention.SIGN.name,
)


def sparse_hour_chart(record: Record, t_axis: TimeAxis) -> Iterator[Chart | Absent]:
    """The tail of the background's reads by hour of the day, over runs of a day and more."""
    del t_axis
    kept = _kept(record)[2]
    if kept.at.size:  # else the chart over the run says so
        yield _HOURS.chart(sparse_reads.hourly(record, kept), record.run.elapsed)


def _steps(rows: Floats, width: float) -> Floats:
    """Each row holds for its part; what was not seen breaks the line."""
    found: list[tuple[float, ...]] = []
    for row in rows:
        if found and row[0] > found[-1][0]:
            found.append((found[-1][0], np.nan, np.nan, np.nan))
        found = [*(found[:-1] if found and found[-1][0] == row[0] else found), tuple(row)]
        found.append((row[0] + width, *row[1:]))
    return np.array(found)
