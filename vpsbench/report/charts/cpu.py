"""Where the CPU's seconds went: what the pinned loops saw, and what the kernel counts for the whole guest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from vpsbench.analyzer.cpu import accounting
from vpsbench.analyzer.signs import cpu_burst, cpu_quota, hidden_steal, missing_vcpu, reported_steal
from vpsbench.model import Metric, Record, Series
from vpsbench.monitors import cpu_times
from vpsbench.probes.cpu_loop import metrics as loop
from vpsbench.report.charts.columns import WIDE, grid, growth, trace
from vpsbench.report.charts.vegalite import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    SILVER,
    SKY,
    WINE,
    Absent,
    Chart,
    Spec,
    TimeAxis,
    stack,
)
from vpsbench.wording.figures import share
from vpsbench.wording.text import listed, plain

if TYPE_CHECKING:
    from vpsbench.model import Floats

SHOWN = 4  # vCPUs with a chart of their own; of more, all together and those that lost most
_NEEDED: Final = (loop.GAP, loop.RUN_QUEUE_DELAY, loop.RUN_QUEUE_DELAY_IN_GAPS)
_SHOWS: Final = tuple(
    one.SIGN.name for one in (cpu_burst, hidden_steal, reported_steal, cpu_quota, missing_vcpu)
)
_LOOP_TITLE = "where the time went while vpsbench kept it busy"


class _Part(NamedTuple):
    """One part of the CPU time accounting as it is shown."""

    name: str
    colour: str
    means: str  # in brackets; empty: plain by its name
    source: Metric | None = None  # the series without which it is not known


_Parts = dict[str, _Part]
_PARTS: Final[_Parts] = {  # from the bottom of the picture up
    "reported": _Part("reported steal", ORANGE, "the host kept the vCPU waiting, and told this machine so"),
    "hidden": _Part("hidden loss", WINE, "stopped from outside, and no counter shows it"),
    "own": _Part("own other programs", SKY, "of this machine: no fault of the provider"),
    "interrupts": _Part("interrupts", GREEN, "this machine's own", loop.IRQ),
    "unexplained": _Part("short gaps", GREY, "0.1 to 0.5 ms, cause unknown", loop.SHORT_GAP),
    "delivered": _Part("delivered", SILVER, ""),
}
_LOST: Final = _Part("lost (steal not measurable here)", WINE, "")
_STATES = {  # what is shown: from which states of the kernel, and its colour
    "programs": (("user", "nice"), BLUE),
    "kernel": (("system",), SKY),
    "interrupts": (("irq", "softirq"), GREEN),
    "waiting for disk": (("iowait",), ORANGE),
    "steal": (("steal",), RED),
}


def loop_charts(record: Record, t_axis: TimeAxis) -> Iterator[Chart | Absent]:
    """A stack a vCPU: the six parts of its CPU time accounting."""
    found = {v: accounting.bins(record, vcpu=v) for v in measured(record)}
    if not found:
        yield Absent(f"Each vCPU: {_LOOP_TITLE}", "the cpu probe gave no readings")
        return
    parts, statement = _known(record)
    worst = sorted(found, key=lambda v: -_loss(found[v], parts))
    telling = f"vCPU {plain(worst[0], 20)}"  # the picture for findings; it is explained, as is the first one
    shown = {}
    if len(found) > SHOWN:
        shown[f"All {len(found)} vCPUs together"] = accounting.bins(record)
        worst = worst[: SHOWN - 1]
        statement += f" Shown are the {len(worst)} of {len(found)} vCPUs that lost most."
    shown |= {f"vCPU {plain(v, 20)}": found[v] for v in found if v in worst}
    for k, (name, table) in enumerate(shown.items()):
        explained = k == 0 or name == telling
        note = _in_all(table, parts, explained=explained) + (statement if explained else "")
        spec = _loop_stack(table, t_axis, parts)
        shows = _SHOWS if name == telling else ()
        yield Chart(f"loop-{k}", f"{name}: {_LOOP_TITLE}", note, spec, shows=shows)


def measured(record: Record) -> list[str]:
    """The vCPUs, by number, of which all was read without which a loss is not known: missing is not none."""
    return [
        v
        for v in accounting.vcpus(record)
        if all(any(s.values.size for s in record.named(metric, vcpu=v)) for metric in _NEEDED)
    ]


def _known(record: Record) -> tuple[_Parts, str]:
    """The parts that are known here, and what to say of the steal clock."""
    found = {k: v for k, v in _PARTS.items() if v.source is None or record.named(v.source)}
    answer, counted = record.run.guest.steal_clock, record.named(loop.STEAL)
    because = plain(answer.because, 200)
    white = "Shares of the time that the loop demanded. Blank: not measured then."
    if counted and answer.value:
        return found, f" Steal clock: there is one ({because}). {white}"
    if answer.value is None and any(s.values.any() for s in counted):
        return found, f" Steal clock: there is one, as steal grew in this run. {white}"
    if answer.value:
        because = "the kernel counts none for each vCPU"
    has = "cannot be known here" if answer.value is None else "none"
    del found["reported"]
    found["hidden"] = _LOST
    return (
        found,
        f" Steal clock: {has} ({because}). So the part of the loss that is steal is not measurable. {white}",
    )


def _split(sums: dict[str, Floats], parts: _Parts) -> dict[str, Floats]:
    return accounting.parts(sums, clock="reported" in parts)


def _whole(table: accounting.LoopTimes) -> dict[str, Floats]:
    return {name: np.array([getattr(table, name).sum()]) for name in accounting.SUMMED}


def _loss(table: accounting.LoopTimes, parts: _Parts) -> float:
    """The share that went to the outside, reported or not."""
    found = _split(_whole(table), parts)
    return float((found["reported"] + found["hidden"])[0]) / max(float(table.demanded.sum()), 1e-9)


def _in_all(table: accounting.LoopTimes, parts: _Parts, *, explained: bool) -> str:
    """The parts over the whole run, in words, to 0.01 %."""
    found, wanted = _split(_whole(table), parts), max(float(table.demanded.sum()), 1e-9)
    said = []
    for key in ("delivered", *(k for k in parts if k != "delivered")):
        part, taken = parts[key], round(float(found[key][0]) / wanted, 4)
        means = f" ({part.means})" if explained and part.means else ""
        said.append(f"{share(taken)} {part.name}{means}")
    return f"In all: {listed(said)}."


def _loop_stack(table: accounting.LoopTimes, t_axis: TimeAxis, parts: _Parts) -> Spec:
    # Loops on several vCPUs end their bins at the same moments: the distinct ones are the rhythm.
    over = grid(np.unique(np.round(table.middle, 1)), (), t_axis.span)
    sums = {name: over.total(table.middle, getattr(table, name)) for name in accounting.SUMMED}
    filled = sums["demanded"] > 0
    found = _split(sums, parts)
    shares = tuple(found[k] / np.where(filled, sums["demanded"], 1.0) for k in parts)
    return stack(
        t_axis, [(part.name, part.colour) for part in parts.values()], trace(over, filled, shares, WIDE), 110
    )


def system_chart(record: Record, t_axis: TimeAxis) -> Iterator[Chart | Absent]:
    """CPU time of the whole guest by state, as the kernel counts it."""
    title = "CPU time of the whole guest, as the kernel counts it"
    steps: dict[str, list[tuple[Floats, Floats]]] = defaultdict(list)
    example: Series | None = None
    for series in record.named(cpu_times.TIME):
        if len(series.times) > 1 and not series.labels["state"].startswith(
            "guest"
        ):  # those are in user and nice
            middle, _, increase = growth(series)
            steps[series.labels["state"]].append((middle, increase))
            example = series
    if example is None:
        yield Absent(title, "the CPU counters were not read")
        return
    over = grid(example.times, example.gaps, t_axis.span)
    sums = {state: sum(over.total(*one) for one in all_) for state, all_ in steps.items()}
    whole = np.asarray(sum(sums.values()), dtype=float)
    filled = whole > 0
    present = {n: s for n, (s, _) in _STATES.items() if set(s) & sums.keys()}
    shares = [sum(sums[x] for x in s if x in sums) / np.where(filled, whole, 1.0) for s in present.values()]
    rows = trace(over, filled, tuple(np.asarray(s, dtype=float) for s in shares))
    note = "Share of all vCPUs, vpsbench itself included. What is missing to 100 % was idle."
    if "steal" not in sums:
        note += " This kernel counts no steal."
    yield Chart("system", title, note, stack(t_axis, [(n, _STATES[n][1]) for n in present], rows, 130))
