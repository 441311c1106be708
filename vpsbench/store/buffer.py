"""What was measured and waits for the next commit: in memory, in the form in which it will be stored."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vpsbench.integrity.seals import Chain
from vpsbench.model import Event, Labels, Metric, Sample, Turn
from vpsbench.store.encode import Packer, Reading

Key = tuple[str, Labels]  # a series' metric, and its labels in the order of their names
Row = tuple[Any, ...]


@dataclass(slots=True)
class Waiting:
    """Rows of one run. Up to ``room`` bytes of packed ticks and turns; what comes after that is dropped.

    Args:
        boot: CLOCK_BOOTTIME at which the run began, s.
        metrics: all that may be added.
        chain: is told of every row but the ticks.
        room: B.
        known: the numbers of the series that the run has.
    """

    boot: float
    metrics: Mapping[str, Metric]
    chain: Chain
    room: int
    known: dict[Key, int] = field(default_factory=dict)
    series: list[Row] = field(default_factory=list)
    turns: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    ticks: list[tuple[float, bytes]] = field(default_factory=list)  # those that ended, packed
    _readings: list[Reading] = field(default_factory=list)  # of the tick that has not ended yet
    _rare: bool = False  # whether they hold what a probe found, or a gap
    _size: int = 0  # B of ticks and turns
    _packer: Packer = field(default_factory=Packer)
    _numbers: dict[Key, int] = field(default_factory=dict)  # ``known``, but labels as they were handed in

    def add(self, samples: Iterable[Sample], at: float, *, probed: bool) -> None:
        """Takes readings, all or none of them; see ``Collector.add``."""
        taken = list(samples)
        for sample in taken:
            if not math.isfinite(sample.value) or not math.isfinite(sample.at or 0):
                raise ValueError(f"{sample} is not finite; a reading that failed is a gap")
            self._announced(sample.metric.name)
        self._readings += [
            (self._number(metric.name, labels), (at if when is None else when) - self.boot, value)
            for metric, value, labels, when in taken
        ]
        self._rare |= probed and bool(taken)

    def gap(self, metric: str, labels: Labels, at: float) -> None:
        """Takes a reading that failed: it is rare, too, and must not be passed over."""
        self._announced(metric)
        self._readings.append((self._number(metric, labels), at - self.boot, math.nan))
        self._rare = True

    def event(self, t: float, kind: str, detail: str, source: str = "") -> None:
        """Takes an event, ``t`` s into the run."""
        said = Event(t, kind, detail, source).said
        row = {"t": float(t), "kind": _text(kind), "detail": _text(said)}
        self.chain.note("event", row)
        self.events.append(tuple(row.values()))

    def turn(self, turn: Turn) -> None:
        """Takes a turn; where there is no room, without its raw outputs."""
        raw = zlib.compress(as_json(turn.raw).encode())
        if not self._fits(len(raw), turn.started):
            raw = zlib.compress(b"{}")
        row = {
            "probe": _text(turn.probe),
            "started": float(turn.started),
            "elapsed": float(turn.elapsed),
            "status": turn.status,
            "detail": _text(turn.detail),
            "options": as_json(turn.options),
            "raw": raw,
        }
        self.chain.note("turn", row)
        self.turns.append(tuple(row.values()))

    def end_tick(self, elapsed: float) -> None:
        """Packs what was read since the last one; where there is no room it is dropped."""
        packed = self._packer.pack(self._readings, alone=self._rare)
        self._readings, self._rare = [], False
        if self._fits(len(packed), elapsed):
            self.ticks.append((float(elapsed), packed))
        else:
            self._packer = Packer()  # the next tick cannot lean on one that is dropped

    def clear(self) -> None:
        """All of it is stored now."""
        for rows in (self.series, self.turns, self.events, self.ticks):
            rows.clear()
        self._size = 0

    def _announced(self, metric: str) -> None:
        if metric not in self.metrics:
            raise KeyError(f"the metric {metric!r} was not announced when the run began")

    def _number(self, name: str, labels: Labels) -> int:
        found = self._numbers.get((name, labels))
        if found is None:
            key = name, tuple(sorted(labels))
            found = self._numbers[name, labels] = self.known.get(key) or self._new(key)
        return found

    def _new(self, key: Key) -> int:
        found = self.known[key] = len(self.known) + 1
        name, labels = key
        metric = self.metrics[name]
        row = {
            "id": found,
            "metric": name,
            "labels": as_json(dict(labels)),
            "unit": metric.unit,
            "kind": metric.kind,
            "better": metric.better,
            "help": metric.help,
        }
        self.chain.note("series", row)
        self.series.append(tuple(row.values()))
        return found

    def _fits(self, size: int, elapsed: float) -> bool:
        """Whether so much more may wait; once it may not, that is an event of its own."""
        if self._size <= self.room < self._size + size:
            why = f"from here on until the file could be written again: {self.room >> 20} MiB waited already"
            self.event(elapsed, "readings_lost", why)
        self._size += size
        return self._size <= self.room


def as_json(value: object) -> str:
    """As it is stored."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _text(text: str) -> str:
    """A text that SQLite can store: half a surrogate pair, as in names that are no UTF-8, is spelt out."""
    return text.encode("utf-8", "backslashreplace").decode()
