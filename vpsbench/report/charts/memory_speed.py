"""Memory's bandwidth and latency over the run: for comparing, and for seeing when it changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vpsbench.model import Record
from vpsbench.probes import bandwidth
from vpsbench.report.charts.columns import envelope
from vpsbench.report.charts.vegalite import Absent, Chart, Curve, Scale, TimeAxis, lines, shade

_WHOSE: Final = "one vCPU"
_NOTE: Final = (
    "It depends on the machine's kind and on its neighbours' work: no finding rests on it. Line: mean of a "
    "column. Pale band: its lowest and highest reading."
)
_CHARTS: Final = (  # metric, anchor, title, factor, format
    (bandwidth.TRIAD, "bandwidth", "Memory's bandwidth on one vCPU (triad), GB/s", 1e-9, ".1f"),
    (bandwidth.LATENCY, "latency-of-memory", "Memory's latency (a chain of loads), ns", 1e9, ".0f"),
)


def speed_charts(record: Record, t_axis: TimeAxis) -> Iterator[Chart | Absent]:
    """One chart for each of the two."""
    for metric, name, title, factor, form in _CHARTS:
        found = [s for s in record.named(metric) if s.values.size]
        if not found:
            yield Absent(title, "the bandwidth probe gave no readings of it")
            continue
        top = 1.1 * factor * max(float(s.values.max()) for s in found)
        colour = shade([_WHOSE])[_WHOSE]
        curves = [Curve(_WHOSE, envelope(s.times, s.values, s.gaps, t_axis.span), colour) for s in found]
        yield Chart(name, title, _NOTE, lines(t_axis, Scale(factor, form, (0, top)), curves))
