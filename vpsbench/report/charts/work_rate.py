"""How fast a vCPU works while it runs: whether the second that was delivered was a whole one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.analyzer.cpu import accounting
from vpsbench.analyzer.signs import slow_vcpu
from vpsbench.model import Record
from vpsbench.report.charts.columns import envelope
from vpsbench.report.charts.cpu import SHOWN, measured
from vpsbench.report.charts.vegalite import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    PINK,
    RED,
    SKY,
    WINE,
    Absent,
    Chart,
    Curve,
    Scale,
    TimeAxis,
    lines,
)
from vpsbench.wording.figures import share
from vpsbench.wording.text import listed, plain

if TYPE_CHECKING:
    from vpsbench.model import Floats

_TITLE: Final = "Work done in each CPU-second delivered, against the best"
_LEAST: Final = 0.01  # s delivered in a bin, below which its rate is noise
_COLOURS: Final = ((BLUE, SKY), (RED, ORANGE), (WINE, PINK), (BLACK, GREY))  # together, alone
_ARMS: Final = {"together": accounting.TOGETHER, "alone": {"single"}}
_NOTE: Final = (
    "Rounds of the loop in each second in which the vCPU really ran: stolen time is left out. A lower rate "
    "while all run together than alone means that they share a core (SMT) or a cache. A lower rate now and "
    "then means a neighbour on the same core, or a slower clock. Line: mean. Pale band: lowest and highest "
    "reading."
)


def rate_chart(record: Record, t_axis: TimeAxis) -> Iterator[Chart | Absent]:
    """The loops' rate by vCPU, those that ran alone apart from all together."""
    found = {
        (vcpu, arm): rows
        for vcpu in measured(record)
        for arm, labels in _ARMS.items()
        if len(rows := _rates(record, vcpu, labels))
    }
    if not found:
        yield Absent(_TITLE, "the cpu probe gave no readings of it")
        return
    medians = {key: float(np.median(rows[:, 1])) for key, rows in found.items()}
    best = max(medians.values())
    usual = {key: median / best for key, median in medians.items()}
    shown = _slowest(usual)
    curves = [
        Curve(
            f"vCPU {plain(vcpu, 20)} {arm}",
            envelope(rows[:, 0], rows[:, 1] / best, (), t_axis.span),
            _COLOURS[shown.index(vcpu)][list(_ARMS).index(arm)],
        )
        for (vcpu, arm), rows in found.items()
        if vcpu in shown
    ]
    spec = lines(t_axis, Scale(1, ".0%", (0, 1.1)), curves)
    alone = "" if any(arm == "alone" for _, arm in usual) else " No vCPU ran alone in this run."
    yield Chart(
        "rate", _TITLE, f"{_medians(usual, shown)} {_NOTE}{alone}", spec, shows=(slow_vcpu.SIGN.name,)
    )


def _rates(record: Record, vcpu: str, arms: set[str]) -> Floats:
    """Rows of (time, rounds of the loop a second delivered) in the order of time."""
    found = []
    for table in (accounting.bins(record, vcpu=vcpu, arm=arm) for arm in arms):
        delivered = table.demanded - table.gap - table.short_gap
        known = (table.iterations > 0) & (delivered > _LEAST)
        found.append(np.column_stack([table.end[known], table.iterations[known] / delivered[known]]))
    rows = np.concatenate(found)
    return rows[np.argsort(rows[:, 0], kind="stable")]


def _slowest(usual: dict[tuple[str, str], float]) -> list[str]:
    """The vCPUs to show, in their own order: of many, the slowest."""
    all_ = list(dict.fromkeys(vcpu for vcpu, _ in usual))
    slow = {vcpu: min(rate for (v, _), rate in usual.items() if v == vcpu) for vcpu in all_}
    return [v for v in all_ if v in sorted(slow, key=slow.__getitem__)[:SHOWN]]


def _medians(usual: dict[tuple[str, str], float], shown: list[str]) -> str:
    said = []
    for vcpu in shown:
        rates = [f"{share(round(rate, 2))} {arm}" for (v, arm), rate in usual.items() if v == vcpu]
        said.append(f"vCPU {plain(vcpu, 20)} {' and '.join(rates)}")
    left = len({vcpu for vcpu, _ in usual}) - len(shown)
    more = f" (the slowest; {left} more were no slower)" if left else ""
    return f"Medians: {listed(said)}{more}."
