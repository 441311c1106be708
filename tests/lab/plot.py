"""Pictures of a run: what really happened, and what the guest made of it, on one time axis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tests.lab.answers import boot_time, missing
from tests.lab.truth import Floats, Truth
from vpsbench.analyzer.cpu import accounting
from vpsbench.analyzer.signs import disk_burst
from vpsbench.model import Record
from vpsbench.monitors import memory as meminfo
from vpsbench.probes.fio import metrics as fio

_STEP: Final = 2.0  # s; quotas have periods of up to a second
_BUSY: Final = 0.5  # of the time that a vCPU wants to run; off its turn it sleeps, which is no loss
_OUTSIDE, _INSIDE = "outside: the truth", "inside: the guest"


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart: lines by who says so; times in s since vpsbench started, on the lab's clock."""

    title: str
    lines: tuple[tuple[str, Floats, Floats], ...]


def panels(truth: Truth, record: Record) -> list[Panel]:
    """All that can be drawn of a run."""
    found = (
        _cpu(truth, record),
        _credit(truth),
        _swapped(truth),
        _memory(truth, record),
        _disk(truth, record),
    )
    return [one for one in found if one]


def _clock(truth: Truth, record: Record, times: Floats) -> Floats:
    """A run's times on the lab's clock, since vpsbench started."""
    boot, start = boot_time(record), truth.marks["run"][0]
    return np.array([truth.at(boot + float(t)) - start for t in times])


def _rate(truth: Truth, name: str) -> tuple[Floats, Floats]:
    """A counter's growth a second, at the middle of each step."""
    times, values = truth.course(name)
    if times.size < 2:
        return times[:0], values[:0]
    edges = np.arange(times[0], times[-1], _STEP)
    rates = np.diff(np.interp(edges, times, values)) / _STEP
    return (edges[:-1] + edges[1:]) / 2 - truth.marks["run"][0], rates


def _cpu(truth: Truth, record: Record) -> Panel | None:
    windows = accounting.cut(accounting.loaded(record), _STEP)
    if not windows.start.size:
        return None
    lines = [
        (_INSIDE, _clock(truth, record, (windows.start + windows.end) / 2), 1 - accounting.lost(windows))
    ]
    first, last = lines[0][1][0], lines[0][1][-1]
    for vcpu in sorted(n.removesuffix(".run") for n in truth.series if n.endswith(".run")):
        times, ran = _rate(truth, f"{vcpu}.run")
        demanded = ran + _rate(truth, f"{vcpu}.wait")[1]
        keep = (times >= first) & (times <= last) & (demanded > _BUSY)
        lines.append((f"{_OUTSIDE}, {vcpu}", times[keep], ran[keep] / demanded[keep]))
    return Panel("CPU that a busy vCPU got, share of the time that it wanted", tuple(lines))


def _credit(truth: Truth) -> Panel | None:
    times, left = truth.course("credit.left")
    if not times.size:
        return None
    return Panel("CPU credit, vCPU-seconds", ((_OUTSIDE, times - truth.marks["run"][0], left),))


def _swapped(truth: Truth) -> Panel | None:
    times, share = missing(truth)
    if not times.size:
        return None
    title = "held pages that the host did not have, share"
    return Panel(title, ((_OUTSIDE, times - truth.marks["run"][0], share),))


def _memory(truth: Truth, record: Record) -> Panel | None:
    times, actual = truth.course("balloon.actual")
    if not times.size or float(np.ptp(actual)) == 0:
        return None
    (total,) = record.named(meminfo.TOTAL)
    inside = (_INSIDE, _clock(truth, record, total.times), total.values / 2**20)
    return Panel("memory, MiB", ((_OUTSIDE, times - truth.marks["run"][0], actual / 2**20), inside))


def _disk(truth: Truth, record: Record) -> Panel | None:
    lines = [
        (f"{_INSIDE}, {series.labels['job']}", _clock(truth, record, series.times), series.values)
        for series in record.named(fio.DIRECT.iops)
    ]
    if not lines:
        return None
    lines += [(f"{_OUTSIDE}, configured", *one) for one in _configured(truth, float(lines[0][1][-1]))]
    if "neighbour.reads" in truth.series:
        lines.append((f"{_OUTSIDE}, the neighbour", *_rate(truth, "neighbour.reads")))
    return Panel("disk, reads or writes a second", tuple(lines))


def _configured(truth: Truth, until: float) -> Iterator[tuple[Floats, Floats]]:
    start = truth.marks["run"][0]
    for fault in truth.faults:
        if fault["kind"] == "disk_throttle" and fault["began"] is not None:
            ends = until if fault["ended"] is None else fault["ended"] - start
            rate = fault["iops"] or fault["bps"] / disk_burst.BLOCK
            yield np.array([fault["began"] - start, ends]), np.array([float(rate)] * 2)


def draw(shown: list[Panel], title: str, file: Path) -> None:
    """Writes the panels as one SVG."""
    import altair as alt
    import vl_convert

    charts = [
        alt.Chart(
            alt.InlineData(
                values=[
                    {"s": float(t), "value": float(v), "who": who}
                    for who, times, values in panel.lines
                    for t, v in zip(times, values, strict=True)
                ]
            )
        )
        .mark_line(point=alt.OverlayMarkDef(size=8))
        .encode(
            x=alt.X("s:Q", title="s since vpsbench started"),
            y=alt.Y("value:Q", title=None),
            color=alt.Color("who:N", title=None),
        )
        .properties(title=panel.title, width=700, height=160)
        for panel in shown
    ]
    whole = alt.vconcat(*charts).resolve_scale(x="shared", color="independent").properties(title=title)
    file.write_text(vl_convert.vegalite_to_svg(whole.to_json()))
