"""Where the CPU's seconds went: what the pinned loops saw, and what the kernel counts for the whole guest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpsbench.model import Record, Series
from vpsbench.report.course import grid, growth, trace
from vpsbench.report.vegalite import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    SILVER,
    SKY,
    WINE,
    Absent,
    Chart,
    Clock,
    stack,
)
from vpsbench.report.wording import plain

if TYPE_CHECKING:
    from vpsbench.model import Floats

SHOWN = 4  # vCPUs with a chart of their own; of more, those that lost most, after one of all together
_NEEDED = ("gap", "own_wait", "own_wait_in_gaps", "irq")
_LOOP_TITLE = "where the time went while vpsbench kept it busy"
_LOOP_NOTE = (
    "Each column adds up what the pinned loop saw. Reported steal: the kernel admits that the vCPU was kept "
    "waiting. Hidden loss: time that passed without us and that nothing in this guest accounts for. Other "
    "processes of this guest: our own competition, no fault of the provider. White: not measured then."
)
_STATES = {  # what is shown: from which states of the kernel, and its colour
    "programs": (("user", "nice"), BLUE),
    "kernel": (("system",), SKY),
    "interrupts": (("irq", "softirq"), GREEN),
    "waiting for disk": (("iowait",), ORANGE),
    "steal": (("steal",), RED),
}


@dataclass(frozen=True, slots=True)
class Bins:
    """The bins of one or more loops, in seconds; ``steal`` None: this kernel counts none."""

    middle: Floats
    wall: Floats
    lost: Floats
    own: Floats
    steal: Floats | None

    @property
    def loss(self) -> float:
        """The share of all time that was lost to the outside."""
        return float(self.lost.sum() / max(self.wall.sum(), 1e-9))


def loop_charts(record: Record, clock: Clock) -> Iterator[Chart | Absent]:
    """A stack a vCPU: delivered, reported steal, hidden loss, own competition."""
    vcpus = sorted({s.labels["vcpu"] for s in record.named("cpu.loop.wall")}, key=lambda v: (len(v), v))
    found = {v: b for v in vcpus if (b := _bins(record, v)) is not None}
    if not found:
        yield Absent(f"Each vCPU: {_LOOP_TITLE}", "the cpu probe gave no readings")
        return
    worst = sorted(found, key=lambda v: -found[v].loss)[:SHOWN]
    shown = {f"vCPU {plain(v, 20)}": found[v] for v in found if v in worst}
    if len(found) > SHOWN:
        shown = {f"All {len(found)} vCPUs together": _joined(list(found.values())), **shown}
    for k, (name, bins) in enumerate(shown.items()):
        note = _LOOP_NOTE if k == 0 else ""
        if k == 0 and len(found) > SHOWN:
            note += f" Of {len(found)} vCPUs those {SHOWN} are shown that lost most."
        yield Chart(f"loop-{k}", f"{name}: {_LOOP_TITLE}", note, _loop_stack(bins, clock))


def _bins(record: Record, vcpu: str) -> Bins | None:
    """All bins of a vCPU, of both arms, in the order of time; None where a needed part was never read."""
    rows: list[Floats] = []
    for wall in record.named("cpu.loop.wall", vcpu=vcpu):
        parts = [_at(record, f"cpu.loop.{name}", wall) for name in (*_NEEDED, "steal")]
        rows.append(np.column_stack([wall.times, wall.values, *parts]))
    if not rows:
        return None
    table = np.concatenate(rows)
    table = table[np.isfinite(table[:, :6]).all(axis=1)]
    if not len(table):
        return None
    end, wall_, gap, own, own_in_gaps, irq, steal = table[np.argsort(table[:, 0], kind="stable")].T
    lost = np.maximum(gap - own_in_gaps - irq, 0)
    return Bins(end - wall_ / 2, wall_, lost, own, steal if np.isfinite(steal).all() else None)


def _at(record: Record, metric: str, like: Series) -> Floats:
    """The values of a metric at the times of another with the same labels; NaN where it has none."""
    out = np.full(len(like.times), np.nan)
    for series in record.named(metric, **like.labels):
        _, here, there = np.intersect1d(like.times, series.times, return_indices=True)
        out[here] = series.values[there]
    return out


def _joined(bins: list[Bins]) -> Bins:
    """The bins of several loops as if of one."""
    order = np.argsort(np.concatenate([b.middle for b in bins]), kind="stable")
    middle, wall, lost, own = (
        np.concatenate([getattr(b, name) for b in bins])[order] for name in ("middle", "wall", "lost", "own")
    )
    steals = [b.steal for b in bins if b.steal is not None]
    return Bins(middle, wall, lost, own, np.concatenate(steals)[order] if len(steals) == len(bins) else None)


def _loop_stack(bins: Bins, clock: Clock) -> dict[str, object]:
    # Loops on several vCPUs end their bins at the same moments: the distinct ones are the rhythm.
    over = grid(np.unique(np.round(bins.middle, 1)), (), clock.span)
    wall = over.total(bins.middle, bins.wall)
    filled = wall > 0
    whole = np.where(filled, wall, 1.0)
    lost, own = (over.total(bins.middle, part) / whole for part in (bins.lost, bins.own))
    reported = None if bins.steal is None else over.total(bins.middle, bins.steal) / whole
    if reported is None:
        parts, shares = [("lost, steal not counted here", WINE)], [lost]
    else:
        parts = [("reported steal", ORANGE), ("hidden loss", WINE)]
        shares = [np.minimum(reported, 1 - own), np.maximum(lost - reported, 0)]
    delivered = np.maximum(1 - own - sum(shares), 0)
    names = [*parts, ("other processes of this guest", SKY), ("delivered", SILVER)]
    rows = trace(over, filled, (*shares, own, delivered))
    return stack(clock, names, rows, 110)


def system_chart(record: Record, clock: Clock) -> Iterator[Chart | Absent]:
    """CPU time of the whole guest by state, as the kernel counts it."""
    title = "CPU time of the whole guest, as the kernel counts it"
    steps: dict[str, list[tuple[Floats, Floats]]] = defaultdict(list)
    example: Series | None = None
    for series in record.named("cpu.time"):
        if len(series.times) > 1 and not series.labels["state"].startswith(
            "guest"
        ):  # those are in user and nice
            middle, _, increase = growth(series)
            steps[series.labels["state"]].append((middle, increase))
            example = series
    if example is None:
        yield Absent(title, "the CPU counters were not read")
        return
    over = grid(example.times, example.gaps, clock.span)
    sums = {state: sum(over.total(*one) for one in all_) for state, all_ in steps.items()}
    whole = np.asarray(sum(sums.values()), dtype=float)
    filled = whole > 0
    present = {n: s for n, (s, _) in _STATES.items() if set(s) & sums.keys()}
    shares = [sum(sums[x] for x in s if x in sums) / np.where(filled, whole, 1.0) for s in present.values()]
    rows = trace(over, filled, tuple(np.asarray(s, dtype=float) for s in shares))
    note = "Share of all vCPUs; what is missing to 100 % was idle. It includes vpsbench itself."
    if "steal" not in sums:
        note += " This kernel counts no steal."
    yield Chart("system", title, note, stack(clock, [(n, _STATES[n][1]) for n in present], rows, 130))
