"""Which charts a report shows, and what each is drawn from. What has nothing to show says so in a line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from vpsbench.analyzer.signs import ballooned_memory, memory_guarantee, missing_memory, vanishing_memory
from vpsbench.model import Metric, Record, Series
from vpsbench.monitors import memory as meminfo
from vpsbench.monitors import pressure, vmstat, xen_memory
from vpsbench.probes.fio import metrics as fio
from vpsbench.probes.fio.jobs import AFTER_BURST
from vpsbench.probes.held_memory import metrics as held
from vpsbench.report.charts.columns import COLUMNS, envelope, growth, merged
from vpsbench.report.charts.cpu import loop_charts, system_chart
from vpsbench.report.charts.disk import burst_charts, sparse_chart, sparse_hour_chart
from vpsbench.report.charts.load import load_chart
from vpsbench.report.charts.losses import duty_chart, hour_chart
from vpsbench.report.charts.memory import touch_histograms
from vpsbench.report.charts.memory_speed import speed_charts
from vpsbench.report.charts.merge import merge_chart
from vpsbench.report.charts.vegalite import Absent, Chart, Curve, Scale, TimeAxis, bands, lines, shade, tail
from vpsbench.report.charts.work_rate import rate_chart
from vpsbench.wording.figures import scale
from vpsbench.wording.text import listed, plain

if TYPE_CHECKING:
    from vpsbench.model import Floats

_READING = (
    "Line: mean of a column. Pale band: its lowest and highest reading. Breaks are gaps in the readings."
)
_TURNS = "Between the turns the machine was only watched. The events are listed further below."
_MEMORY = {
    meminfo.TOTAL: "total",
    meminfo.AVAILABLE: "available",
    held.HELD: "held by vpsbench",
    meminfo.BALLOON: "balloon",
    meminfo.SWAP_FREE: "swap free",
    xen_memory.CURRENT: "Xen, current",
    xen_memory.TARGET: "Xen, target",
}
_PAGES = {
    vmstat.BALLOON_INFLATE: "taken by the balloon",
    vmstat.BALLOON_DEFLATE: "given back by the balloon",
    vmstat.PSWPOUT: "swapped out by this guest",
    vmstat.PSWPIN: "swapped in by this guest",
    vmstat.PGMAJFAULT: "major faults",
}


def draw(record: Record) -> tuple[list[Chart], list[Absent]]:
    """All charts of a run in the order of the page, and those left out."""
    ends = [float(s.times[-1]) for s in record.series if len(s.times)]
    t_axis = TimeAxis(max([record.run.elapsed, 1.0, *ends]))
    drawn = [one for part in _PARTS for one in part(record, t_axis)]
    return [c for c in drawn if isinstance(c, Chart)], [c for c in drawn if isinstance(c, Absent)]


def turn_bands(record: Record, t_axis: TimeAxis) -> Iterator[Chart | Absent]:
    """Which probe ran when."""
    title = "Which probe ran when"
    spells: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for turn in sorted(record.turns, key=lambda t: t.started):
        if turn.elapsed > 0:
            spells[turn.probe].append((turn.started, turn.started + turn.elapsed))
    found = {probe: merged(spells[probe], t_axis.span / (3 * COLUMNS)) for probe in sorted(spells)}
    if record.events:
        moments = sorted(min(e.t, t_axis.span) for e in record.events)
        found["events"] = merged([(t, t + t_axis.span / COLUMNS) for t in moments], 0.0)
    if not found:
        yield Absent(title, "no probe ran")
        return
    yield Chart("turns", title, _TURNS, bands(t_axis, found))


def memory_chart(record: Record, t_axis: TimeAxis) -> Iterator[Chart | Absent]:
    """Total, available, held by the probe."""
    found = [(name, s) for metric, name in _MEMORY.items() for s in record.named(metric) if s.values.any()]
    if not found:
        yield Absent("Memory", "its size was not read")
        return
    most = max(float(s.values.max()) for _, s in found)
    size, unit = scale(most, "B")
    colours = shade(_MEMORY.values())
    curves = [Curve(name, _size(s, record, t_axis), colours[name]) for name, s in found]
    top = float(np.ceil(10.5 * most / size)) / 10
    spec = lines(t_axis, Scale(1 / size, ".2~f" if top < 100 else ".0f", (0, top)), curves)
    shows = tuple(one.SIGN.name for one in (ballooned_memory, missing_memory, memory_guarantee))
    yield Chart("memory", f"Memory, {unit}", _READING, spec, shows=shows)


def _size(series: Series, record: Record, t_axis: TimeAxis) -> Floats:
    """What the probe holds it holds until it says otherwise, and at most as long as its turn lasts."""
    if series.metric != held.HELD:
        return envelope(series.times, series.values, series.gaps, t_axis.span)
    turns = sorted((t.started, t.started + t.elapsed) for t in record.turns if t.probe == "memory")
    between = tuple((a[1], b[0]) for a, b in pairwise(turns))
    return envelope(series.times, series.values, between, t_axis.span, pauses=False)


def page_chart(record: Record, t_axis: TimeAxis) -> Iterator[Chart | Absent]:
    """What the balloon takes, what the guest's own swap moves, faults that had to wait for a disk."""
    title = "Balloon, own swap and major faults, pages a second"
    curves, still = _rates(record, t_axis, _PAGES)
    if curves:
        yield Chart("pages", title, _READING + _at_zero(still), lines(t_axis, Scale(1, "~s"), curves))
    else:
        yield Absent(title, _nothing(still))


def pressure_chart(record: Record, t_axis: TimeAxis) -> Iterator[Chart | Absent]:
    """Pressure stall information: the share of time in which tasks waited."""
    title = "Pressure: share of time in which some, or all, tasks waited"
    labels = {pressure.SOME: "some wait for {resource}", pressure.FULL: "all wait for {resource}"}
    curves, still = _rates(record, t_axis, labels)
    if curves:
        yield Chart(
            "pressure", title, _READING + _at_zero(still), lines(t_axis, Scale(1, ".0%", (0, 1)), curves)
        )
    else:
        yield Absent(title, _nothing(still))


def _rates(record: Record, t_axis: TimeAxis, labels: dict[Metric, str]) -> tuple[list[Curve], list[str]]:
    """Counters as growth a second; the names of those that never moved apart."""
    curves, still = [], []
    for metric, label in labels.items():
        for series in record.named(metric):
            said = label.format(**{k: plain(v, 40) for k, v in series.labels.items()})
            middle, length, increase = growth(series)
            if increase.any():
                curves.append((said, envelope(middle, increase / length, series.gaps, t_axis.span)))
            elif len(increase):
                still.append(said)
    colours = shade(name for name, _ in curves)
    return [Curve(name, rows, colours[name]) for name, rows in curves], still


def _at_zero(still: list[str]) -> str:
    return f" At 0 throughout: {listed(still)}." if still else ""


def _nothing(still: list[str]) -> str:
    return f"{listed(still)} stayed at 0 throughout" if still else "not counted by this kernel"


def touch_chart(record: Record, t_axis: TimeAxis) -> Iterator[Chart | Absent]:
    """How long a page took to be touched again: held for long, against just used."""
    del t_axis
    title = "Touching a page of memory again: share of touches that took longer than …"
    arms = {"hot": "pages just used (the control)", "held": "pages held for long"}
    found = {name: t for arm, name in arms.items() if (t := _tail(record.named(held.COUNT, arm=arm)))}
    if not found:
        yield Absent(title, "the memory probe gave no readings")
        return
    note = (
        "If the host had swapped out or taken away what we held, the held pages' line would stay high to the "
        "right of the control's. Both axes are logarithmic."
    )
    yield Chart("touch", title, note, tail(found), shows=(vanishing_memory.SIGN.name,))


def _tail(series: tuple[Series, ...]) -> tuple[Floats, Floats] | None:
    """(latency in s, share of touches above it) over all rounds; None without any touch."""
    counts: dict[float, float] = defaultdict(float)
    for one in series:
        counts[float(one.labels["le"]) / 1e9] += float(one.values.sum())  # le is in ns
    total = sum(counts.values())
    if not total:
        return None
    bounds = np.array(sorted(counts))
    above = 1 - np.cumsum([counts[b] for b in bounds]) / total
    return bounds, np.maximum(above, 0.5 / total)  # the last is 0, which a log axis has no place for


def disk_charts(record: Record, t_axis: TimeAxis) -> Iterator[Chart | Absent]:
    """Each fio job's operations a second and mean latency."""
    iops, latency = (
        tuple(s for s in record.named(metric) if s.labels["job"] not in AFTER_BURST)
        for metric in (fio.DIRECT.iops, fio.DIRECT.latency)
    )
    colours = shade(sorted({s.labels["job"] for s in (*iops, *latency)}))  # the same in both charts
    for name, title, factor, series in (
        ("iops", "Disk: operations a second of each job", 1.0, iops),
        ("latency", "Disk: mean latency of each job, ms", 1000.0, latency),
    ):
        found = [s for s in series if s.values.any()]
        if not found:
            yield Absent(title, "the disk probe gave no readings")
            continue
        scale = _logarithmic(found, factor)
        curves = [Curve(s.labels["job"], _raised(s, scale, t_axis), colours[s.labels["job"]]) for s in found]
        note = _READING + " The scale is logarithmic"
        note += ", its lower edge stands for 0." if any((s.values <= 0).any() for s in found) else "."
        yield Chart(name, title, note, lines(t_axis, scale, curves))


def _logarithmic(series: list[Series], factor: float) -> Scale:
    """From the power of ten below the least to the one above the greatest value."""
    positive = np.concatenate([s.values[s.values > 0] for s in series]) * factor
    low, high = 10 ** np.floor(np.log10(positive.min())), 10 ** np.ceil(np.log10(positive.max()))
    return Scale(factor, "~s" if factor == 1 else "~g", (float(low), float(max(high, low * 10))), log=True)


def _raised(series: Series, scale: Scale, t_axis: TimeAxis) -> Floats:
    """Rows whose values are brought up to the lower edge of a log axis; NaN stays NaN."""
    rows = envelope(series.times, series.values, series.gaps, t_axis.span)
    least = (scale.domain or (0.0, 0.0))[0] / scale.factor
    rows[:, 1:] = np.maximum(rows[:, 1:], least)
    return rows


_PARTS: tuple[Callable[[Record, TimeAxis], Iterator[Chart | Absent]], ...] = (
    turn_bands, load_chart, loop_charts, rate_chart, hour_chart, duty_chart, system_chart, memory_chart,
    page_chart, touch_chart, touch_histograms, merge_chart, speed_charts, disk_charts, burst_charts,
    sparse_chart, sparse_hour_chart, pressure_chart,
)  # fmt: skip
