"""The CPU load that vpsbench put on the machine, over time and as a seller's fair-use rule asks for it.

The CPU probe's loops say of each bin how much time they demanded. Of all other turns the CPU time that their
processes used is known. It is taken as spread evenly over the turn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench import metrics
from vpsbench.analyzer.cpu import accounting
from vpsbench.model import Record, Turn
from vpsbench.report.charts.columns import COLUMNS, Grid, merged, trace
from vpsbench.report.charts.vegalite import GREY, Absent, Chart, Curve, Scale, TimeAxis, lines, shade
from vpsbench.wording.figures import duration, share
from vpsbench.wording.text import listed

if TYPE_CHECKING:
    from vpsbench.model import Floats

    Rows = Floats  # start and end in s, and between them the s of load on all vCPUs added up

FULL: Final = 0.95  # of all vCPUs' time; from here on they count as fully loaded
_HOUR: Final = 3600.0
_BREAK: Final = 1.0  # s; a shorter break does not end a stretch of full load
_NEAR: Final = 1.0  # s between the end of a turn and the reading of its cost, at most
_TITLE: Final = "CPU load that vpsbench applied: share of all vCPUs' time"


@dataclass(frozen=True, slots=True)
class Load:
    """Steps: ``share`` of all vCPUs' time between each two ``edges`` (s)."""

    edges: Floats
    share: Floats

    def until(self, times: Floats) -> Floats:
        """The load from the beginning up to these times, in s of all vCPUs at once."""
        busy = np.concatenate([[0.0], np.cumsum(self.share * np.diff(self.edges))])
        found: Floats = np.interp(times, self.edges, busy)
        return found

    def full(self) -> list[float]:
        """The lengths of the stretches of full load, s."""
        full = self.share >= FULL
        pieces = zip(self.edges[:-1][full].tolist(), self.edges[1:][full].tolist(), strict=True)
        return [end - begin for begin, end in merged(pieces, _BREAK)]

    def highest(self, window: float, elapsed: float) -> float:
        """The highest mean over any window (s) of a run; over all of a run that is shorter."""
        window = min(window, elapsed)
        # The best window begins or ends where a step does.
        starts = np.clip(np.concatenate([self.edges, self.edges - window]), 0.0, elapsed - window)
        return float((self.until(starts + window) - self.until(starts)).max()) / window


def steps(rows: Rows, vcpus: int) -> Load:
    """Puts rows together, in any order and however they overlap."""
    start, end, busy = rows
    edges, place = np.unique(np.concatenate([start, end]), return_inverse=True)
    rate = busy / (end - start) / vcpus
    change = np.bincount(place, np.concatenate([rate, -rate]))
    return Load(edges, np.clip(np.cumsum(change)[:-1], 0.0, 1.0))


@dataclass(frozen=True, slots=True)
class Applied:
    """The load of a run: rows and the spells that they cover by probe, and the turns of unknown load."""

    rows: dict[str, Rows]
    spells: dict[str, list[tuple[float, float]]]
    unknown: list[Turn]


def applied(record: Record) -> Applied:
    """What a run loaded; the loops count also where the run was killed before their turn ended."""
    table = accounting.bins(record)
    rows: dict[str, list[Rows]] = defaultdict(list)
    spells: dict[str, list[tuple[float, float]]] = defaultdict(list)
    unknown: list[Turn] = []
    if table.wall.size:
        rows["cpu"].append(np.vstack([table.start, table.end, table.demanded]))
        spells["cpu"] += table.pieces()
    for turn in record.turns:
        spell = (turn.started, turn.started + turn.elapsed)
        if turn.elapsed <= 0 or (turn.probe == "cpu" and table.within(*spell).wall.size):
            continue
        if (used := _used(record, turn)) is None:
            unknown.append(turn)
            continue
        rows[turn.probe].append(np.array([[spell[0]], [spell[1]], [used]]))
        spells[turn.probe].append(spell)
    return Applied({probe: np.concatenate(all_, axis=1) for probe, all_ in rows.items()}, spells, unknown)


def _used(record: Record, turn: Turn) -> float | None:
    """The CPU time of the turn's processes, s; it is read when they have ended."""
    for series in record.named(metrics.TURN_COST, probe=turn.probe):
        near = np.abs(series.times - turn.started - turn.elapsed) < _NEAR
        if near.any():
            return float(series.values[near][0])
    return None


def in_words(record: Record) -> tuple[str, ...]:
    """The CPU load as a fair-use rule would ask for it; nothing where no probe ran."""
    found, run = applied(record), record.run
    vcpus, elapsed = max(run.guest.limits.vcpus_online, 1), run.elapsed
    said = []
    if run.profile.duty < 1:
        said.append(f"capped: a turn may load the machine for {share(run.profile.duty)} of its time")
    if found.rows and elapsed > 0:
        load = steps(np.concatenate(list(found.rows.values()), axis=1), vcpus)
        busy = float(load.until(load.edges[-1:])[0]) * vcpus
        part = share(busy / vcpus / elapsed)
        said.append(f"{duration(busy)} of vCPU time, {part} of what all vCPUs had in this run")
        said += [_fully(load.full()), _highest(load, elapsed)]
    if found.unknown:
        probes = listed(sorted({turn.probe for turn in found.unknown}))
        said.append(f"on top, not known: {len(found.unknown)} of the turns of {probes}")
    return tuple(said)


def _fully(stretches: list[float]) -> str:
    if not stretches:
        return f"never were all vCPUs loaded fully ({share(FULL)} and more)"
    return (
        f"all vCPUs loaded fully ({share(FULL)} and more) for {duration(sum(stretches))} in all, "
        f"{duration(max(stretches))} at the longest stretch"
    )


def _highest(load: Load, elapsed: float) -> str:
    highest = share(load.highest(_HOUR, elapsed))
    if elapsed < _HOUR:
        return f"average over the whole run, which was shorter than an hour: {highest}"
    return f"highest average over any 60 minutes: {highest}"


def load_chart(record: Record, t_axis: TimeAxis) -> Iterator[Chart | Absent]:
    """How much of all vCPUs' time each probe's turns took."""
    found = applied(record)
    if not found.rows:
        yield Absent(_TITLE, "no turn's load is known")
        return
    vcpus = max(record.run.guest.limits.vcpus_online, 1)
    colours = shade(found.rows)
    curves = [
        Curve(probe, _line(steps(rows, vcpus), found.spells[probe], t_axis), colours[probe])
        for probe, rows in found.rows.items()
    ]
    note = (
        "The cpu probe's load as it went; of the others, the mean of a turn. Between turns only monitors ran."
    )
    if (duty := record.run.profile.duty) < 1:
        all_ = [spell for spells in found.spells.values() for spell in spells]
        cap = Load(np.array([0.0, t_axis.span]), np.array([duty]))
        curves.append(Curve("cap", _line(cap, all_, t_axis), GREY))
        note += f" The cap was {share(duty)}."
    yield Chart("load", _TITLE, note, lines(t_axis, Scale(1, ".0%", (0, 1)), curves))


def _line(load: Load, spells: list[tuple[float, float]], t_axis: TimeAxis) -> Floats:
    """Rows for a line that is drawn in these spells."""
    begins, ends = np.array(merged(sorted(spells), t_axis.span / (3 * COLUMNS))).T
    edges = np.unique(np.concatenate([np.linspace(0, t_axis.span, COLUMNS + 1), begins, ends]))
    middle = (edges[:-1] + edges[1:]) / 2
    inside = ((begins[:, None] <= middle) & (middle < ends[:, None])).any(axis=0)
    mean = np.diff(load.until(edges)) / np.diff(edges)
    return trace(Grid(edges, ~inside), inside, (mean, mean, mean))
