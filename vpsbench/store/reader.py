"""Reads runs back from the database, as values, on any machine and while a run still goes on."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
from pydantic import TypeAdapter

from vpsbench.errors import VpsbenchError
from vpsbench.model import (
    Event,
    Guest,
    Kind,
    Metric,
    Plan,
    Profile,
    Record,
    Run,
    RunState,
    Series,
    Status,
    Turn,
)
from vpsbench.store import database
from vpsbench.store.decode import batches, columns
from vpsbench.store.encode import is_self_contained
from vpsbench.store.older_events import older

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpsbench.model import Floats

T = TypeVar("T")
_WHOLE: Final = 30_000  # ticks: eight hours at one a second, or half a day at one in 2 s
_RUNS: Final = """
    SELECT id, state, started, seed, profile, plan, guest,
           coalesce(elapsed, (SELECT elapsed FROM ticks WHERE run = runs.id ORDER BY id DESC LIMIT 1), 0)
    FROM runs WHERE :run IS NULL OR id = :run ORDER BY id"""
_TURNS: Final = """
    SELECT probe, started, elapsed, status, detail, options, raw
    FROM turns WHERE run = ? ORDER BY started, id"""
_TURNS_WITHOUT_OUTPUT: Final = """
    SELECT probe, started, elapsed, status, detail, options, NULL FROM turns WHERE run = ? ORDER BY id"""
_SERIES: Final = "SELECT metric, unit, kind, better, help, labels FROM series WHERE run = ? ORDER BY id"
_TICKS: Final = "SELECT samples FROM ticks WHERE run = ? ORDER BY id"
# Those that may be self-contained, of any format: SQLite is quick at leaving out the others.
_SELF_CONTAINED: Final = """
    SELECT samples FROM ticks
    WHERE run = ? AND substr(samples, 1, 1) <> x'02' AND substr(samples, 1, 2) <> x'78bb' ORDER BY id"""
_EVENTS: Final = "SELECT t, kind, detail, source FROM events WHERE run = ? ORDER BY id"


def runs(path: Path) -> list[Run]:
    """All runs of a database, oldest first.

    Raises:
        VpsbenchError: the file is missing, foreign, newer or damaged.
    """
    with _reading(path) as db:
        return [_run(row) for row in db.execute(_RUNS, {"run": None})]


def head(path: Path, run: int | None = None) -> Record:
    """A run without its series and its probes' raw output. Quick, however long the run is.

    Its turns and events stand in the order in which they were stored.

    Raises:
        VpsbenchError: as ``read`` does.
    """
    with _reading(path) as db:
        found = _found(db, path, run)
        turns = (_turn(row) for row in db.execute(_TURNS_WITHOUT_OUTPUT, (found.id,)))
        return Record(found, (), tuple(turns), tuple(_events(db, found.id)))


def read(path: Path, run: int | None = None) -> Record:
    """One whole run; by default the latest.

    - Series are in a fixed order, by name and labels.
    - A series whose readings all failed has no times, only a gap.
    - A counter that began anew because the machine did goes on from where it was.
    - For each other counter that ever fell there is an event ``counter_backwards`` besides the stored ones.

    Raises:
        VpsbenchError: no such run, or the file is missing, foreign, newer or damaged.
    """
    with _reading(path) as db:
        found = _found(db, path, run)
        told = _events(db, found.id)
        series = tuple(_carried_on(one, told) for one in _all_series(db, found))
        events = [*told, *(e for s in series for e in _backwards(s))]
        return Record(found, series, _turns(db, found.id), tuple(sorted(events, key=lambda e: e.t)))


@dataclass(frozen=True, slots=True)
class Stream:
    """A run whose readings are read once, a batch at a time, so that its length does not matter.

    Args:
        run: its own data.
        heads: each series' metric and labels; a reading names its series by the place in here.
        readings: batches of (times in s, values, places of their series) in the order of writing. A failed
            reading is NaN; of several of one series and time the last one counts.
    """

    run: Run
    heads: tuple[tuple[Metric, dict[str, str]], ...]
    readings: Iterator[tuple[Floats, Floats, NDArray[np.int64]]]


@contextmanager
def stream(path: Path, run: int | None = None) -> Iterator[Stream]:
    """Reads a run bit by bit, every reading of it; by default the latest.

    Raises:
        VpsbenchError: as ``read`` does, also while the readings are taken.
    """
    with _reading(path) as db:
        found = _found(db, path, run)
        heads = tuple(_heads(db, found.id))
        ticks = (samples for (samples,) in db.execute(_TICKS, (found.id,)))
        yield Stream(found, heads, batches(ticks, len(heads)))


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    with database.readable(path) as db:
        try:
            yield db
        except (ValueError, LookupError, zlib.error) as error:  # pydantic's and json's errors are ValueErrors
            raise database.damaged(path, f"what it holds makes no sense ({error})") from error


def _found(db: sqlite3.Connection, path: Path, run: int | None) -> Run:
    rows = db.execute(_RUNS, {"run": run}).fetchall()
    if not rows:
        raise _no_such_run(db, path, run)
    return _run(rows[-1])


def _no_such_run(db: sqlite3.Connection, path: Path, run: int | None) -> VpsbenchError:
    ids = ", ".join(str(number) for (number,) in db.execute("SELECT id FROM runs ORDER BY id"))
    if not ids:
        return VpsbenchError(f"There is no run in {path}.", "`vpsbench run` makes one.")
    return VpsbenchError(f"There is no run {run} in {path}.", f"It holds: {ids}.")


@cache
def _adapter(kind: type[T]) -> TypeAdapter[T]:
    return TypeAdapter(kind)


def _run(row: tuple[Any, ...]) -> Run:
    number, state, started, seed, profile, plan, guest, elapsed = row
    return Run(
        id=number,
        state=RunState(state),
        started=started,
        elapsed=elapsed,
        seed=seed,
        profile=_adapter(Profile).validate_json(profile),
        plan=None if plan is None else _adapter(Plan).validate_json(plan),
        guest=_adapter(Guest).validate_json(guest),
    )


def _turns(db: sqlite3.Connection, run: int) -> tuple[Turn, ...]:
    return tuple(_turn(row) for row in db.execute(_TURNS, (run,)))


def _turn(row: tuple[Any, ...]) -> Turn:
    probe, started, elapsed, status, detail, options, raw = row
    output = json.loads(zlib.decompress(raw)) if raw else {}
    return Turn(probe, started, elapsed, Status(status), detail, json.loads(options), output)


def _events(db: sqlite3.Connection, run: int) -> list[Event]:
    return [
        older(t, kind, detail) if source is None else Event(t, kind, detail, source)
        for t, kind, detail, source in db.execute(_EVENTS, (run,))
    ]


# --- series ----------------------------------------------------------------------------------------


def _all_series(db: sqlite3.Connection, run: Run) -> tuple[Series, ...]:
    heads = _heads(db, run.id)
    found = (
        _series(*head, *column, run.elapsed)
        for head, column in zip(heads, columns(needed_ticks(db, run.id), len(heads)), strict=True)
    )
    return tuple(sorted(found, key=_order))


def _heads(db: sqlite3.Connection, run: int) -> list[tuple[Metric, dict[str, str]]]:
    return [
        (Metric(name, unit, Kind(kind), better, about), json.loads(labels))
        for name, unit, kind, better, about, labels in db.execute(_SERIES, (run,))
    ]


def _order(series: Series) -> tuple[str, list[tuple[str, int, str]]]:
    # Shorter values come first, so that vCPU 10 comes after vCPU 9.
    return series.metric.name, [(key, len(value), value) for key, value in sorted(series.labels.items())]


def needed_ticks(db: sqlite3.Connection, run: int) -> Iterator[bytes]:
    """The ticks that a judgement needs, as they are stored.

    Of a run of some hours these are all. Of a longer one they are the ticks that hold what a probe found, and
    one in 32 of those in which only the monitors read. Counters lose nothing by that.
    """
    whole = db.execute("SELECT count(*) FROM ticks WHERE run = ?", (run,)).fetchone()[0] <= _WHOLE
    rows = db.execute(_TICKS if whole else _SELF_CONTAINED, (run,))
    return (samples for (samples,) in rows if whole or is_self_contained(samples))


def _series(metric: Metric, labels: dict[str, str], times: Floats, values: Floats, end: float) -> Series:
    if (times[1:] <= times[:-1]).any():
        order = np.argsort(times, kind="stable")
        times, values = times[order], values[order]
        last = np.append(times[1:] != times[:-1], True)  # of several readings of one time
        times, values = times[last], values[last]
    failed = np.isnan(values)
    if not failed.any():  # times that several series share stay one
        return Series(metric, labels, times, values)
    return Series(metric, labels, times[~failed], values[~failed], _gaps(times, failed, end))


def _gaps(times: Floats, failed: NDArray[np.bool_], end: float) -> tuple[tuple[float, float], ...]:
    edges = np.flatnonzero(np.diff(failed.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    closing = np.append(times, max(end, *times[-1:]))  # a gap without a next good reading lasts to the end
    return tuple((float(times[first]), float(closing[good])) for first, good in edges)


def _carried_on(series: Series, events: list[Event]) -> Series:
    """Lets a counter go on over each reboot. A cgroup's counter goes on over each new process of the run."""
    if series.metric.kind is not Kind.COUNTER:
        return series
    ours = series.metric.name.startswith("cgroup.")
    values = series.values
    for event in events:
        place = int(np.searchsorted(series.times, event.t))
        if event.kind == ("resumed" if ours else "reboot") and 0 < place < values.size:
            anew = values[place] if ours else 0.0
            values = np.concatenate((values[:place], values[place:] + values[place - 1] - anew))
    return replace(series, values=values)


def _backwards(series: Series) -> Iterator[Event]:
    if series.metric.kind is not Kind.COUNTER:
        return
    falls = np.flatnonzero(np.diff(series.values) < 0)
    if falls.size:
        i = falls[0]
        labels = ",".join(f"{key}={value}" for key, value in sorted(series.labels.items()))
        before, after = series.values[i : i + 2]
        how = f"fell {falls.size} times, first from {before:.15g} to {after:.15g}"
        yield Event(
            float(series.times[i + 1]), "counter_backwards", f"{series.metric.name}{{{labels}}} {how}"
        )
