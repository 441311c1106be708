"""The collector: the only writer of the database. ``migrations/`` says how things are stored.

What is handed in is kept in memory until the end of the tick, then written in one transaction: the file
is locked for milliseconds, and what was committed survives the death of this process. Each tick is a
link of the run's chain, which is sealed where it begins, goes on and ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final, Self

from vpsbench.integrity import hash_chain, seals
from vpsbench.integrity.seals import Chain, Seal, Sealer
from vpsbench.model import Guest, Labels, Metric, Plan, Profile, RunState, Sample, Turn
from vpsbench.store import database
from vpsbench.store.buffer import Waiting, as_json
from vpsbench.store.encode import Packer

_RUN: Final = """
    INSERT INTO runs (state, started, seed, profile, plan, guest)
    VALUES (:state, :started, :seed, :profile, :plan, :guest)"""
_GO_ON: Final = "UPDATE runs SET state = ?, elapsed = NULL WHERE id = ?"
_SERIES: Final = """
    INSERT INTO series (run, id, metric, labels, unit, kind, better, help) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
_TURN: Final = """
    INSERT INTO turns (run, probe, started, elapsed, status, detail, options, raw)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
_EVENT: Final = "INSERT INTO events (run, t, kind, detail) VALUES (?, ?, ?, ?)"
_TICK: Final = "INSERT INTO ticks (run, elapsed, samples, digest, others) VALUES (?, ?, ?, ?, ?)"
_ROOM: Final = 16 * 1024**2  # B kept in memory while the file cannot be written: some hours of ticks
_PATIENCE: Final = 500  # ms that a tick waits for another writer: the next tick tries again


class Collector:
    """Writes runs, one after another, to a database that it opens, migrates, or makes.

    Every method that writes to the file raises ``VpsbenchError`` (exit status ``FAILED``) when that
    fails. Nothing that was committed is lost then, and what waited goes on waiting for the next commit:
    up to ``room`` bytes of it, packed. What comes after that is dropped, and an event says since when.

    Args:
        path: of the database.
        room: B that may wait.
        sealer: signs where runs begin, go on and end; by default nobody does.

    Raises:
        VpsbenchError: the file is foreign, newer or damaged (and left untouched), or cannot be written.
    """

    def __init__(self, path: Path, room: int = _ROOM, sealer: Sealer | None = None) -> None:
        self._path = path
        self._room = room
        self._sealer = sealer or Sealer()
        self._db = database.writable(path)
        self._run = 0
        self._wait(Chain(), (), 0.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(  # noqa: PLR0913  all that a run is made of, each by its name
        self,
        *,
        profile: Profile,
        plan: Plan | None,
        guest: Guest,
        seed: int,
        metrics: Iterable[Metric],
        wall: float,
        boot: float,
        surroundings: Mapping[str, Any] | None = None,
        names: Mapping[str, str] | None = None,
    ) -> int:
        """Begins a run, and commits that; returns its id.

        Args:
            profile: how it measures.
            plan: what was promised.
            guest: the machine.
            seed: of all randomness.
            metrics: all that may be added.
            wall: Unix time now, s.
            boot: CLOCK_BOOTTIME now, s; every later ``at`` is stored relative to it.
            surroundings: versions, clocks and the like, as JSON can say them; sealed with the beginning.
            names: what a redacted copy will leave out, and what each is; see ``private.Cleaner``.
        """
        self._wait(Chain(names), metrics, boot)
        row = {
            "state": RunState.RUNNING,
            "started": float(wall),
            "seed": seed,
            "profile": as_json(asdict(profile)),
            "plan": None if plan is None else as_json(asdict(plan)),
            "guest": as_json(asdict(guest)),
        }
        digest = self._chain.digest("run", row | {"names": hash_chain.canonical(dict(names or {}))})
        told = {"run": digest.hex(), "surroundings": surroundings or {}}
        seal = self._seal("start", told, boot)
        with database.storing(self._db, self._path):
            self._db.execute(_RUN, row)
            (self._run,) = self._db.execute("SELECT last_insert_rowid()").fetchone()
            seals.store_names(self._db, self._run, names or {})
            seals.store_seal(self._db, self._run, self._chain, seal)
        self._chain.sealed(seal)
        self._hurry()
        return self._run

    def resume(
        self,
        run: int,
        *,
        metrics: Iterable[Metric],
        boot: float,
        surroundings: Mapping[str, Any] | None = None,
    ) -> None:
        """Goes on with a run that another process began; its series keep their numbers.

        Args:
            run: its id.
            metrics: all that may be added.
            boot: CLOCK_BOOTTIME at which the run began, or would have, had this boot lasted since then, s.
            surroundings: as of ``begin``, but now.

        Raises:
            VpsbenchError: the file cannot be written.
        """
        known = self._db.execute("SELECT metric, labels, id FROM series WHERE run = ?", (run,))
        self._wait(seals.so_far(self._db, run), metrics, boot)
        self._waiting.known |= {
            (name, tuple(sorted(json.loads(labels).items()))): number for name, labels, number in known
        }
        self._run = run
        seal = self._seal("resume", {"surroundings": surroundings or {}}, boot)
        with database.storing(self._db, self._path):
            self._db.execute(_GO_ON, (RunState.RUNNING, run))
            seals.store_seal(self._db, self._run, self._chain, seal)
        self._chain.sealed(seal)
        self._hurry()

    def known(self) -> tuple[tuple[str, Labels], ...]:
        """Metric and labels of each series that the run has."""
        return tuple(self._waiting.known)

    def add(self, samples: Iterable[Sample], at: float, *, probed: bool = False) -> None:
        """Takes readings; ``at`` (CLOCK_BOOTTIME, s) is the time of those that have none of their own.

        ``probed``: a probe found them. Of a long run not every tick of the monitors is read back; these are.

        All or, after an error, none are taken. A series has one value at a time: a later reading of the
        same time takes the place of the earlier one.

        Raises:
            KeyError: a metric was not announced to ``begin``.
            ValueError: a value or time is not a finite number; what is missing is a gap.
        """
        self._waiting.add(samples, at, probed=probed)

    def gap(self, metric: str, labels: Labels, at: float) -> None:
        """Notes that a reading failed.

        Raises:
            KeyError: the metric was not announced to ``begin``.
        """
        self._waiting.gap(metric, labels, at)

    def event(self, kind: str, detail: str, at: float, source: str = "") -> None:
        """Notes that something happened: to ``source``, a probe or monitor, or to the run."""
        self._waiting.event(at - self._waiting.boot, kind, detail, source)

    def turn(self, turn: Turn) -> None:
        """Takes a turn; its ``started`` is seconds since the run began, unlike every ``at``."""
        self._waiting.turn(turn)

    def commit(self, elapsed: float) -> None:
        """Ends a tick: stores all that waits, and how far the run came (s)."""
        self._waiting.end_tick(elapsed)
        ticks = self._chain.ticks_with_links(self._waiting.ticks or [(float(elapsed), Packer().pack([]))])
        with database.storing(self._db, self._path):
            self._insert(_SERIES, self._waiting.series)
            self._insert(_TURN, self._waiting.turns)
            self._insert(_EVENT, self._waiting.events)
            seals.store_veils(self._db, self._run, self._chain)
            self._insert(_TICK, ticks)
        self._chain.committed(len(ticks))
        self._waiting.clear()

    def finish(self, state: RunState, elapsed: float) -> None:
        """Ends the run, with a last commit."""
        self.commit(elapsed)
        told = {"state": state, "elapsed": float(elapsed)}
        seal = self._seal("end", told, self._waiting.boot + elapsed)
        if self._waiting.events:  # what the seal lacks: that stands before the end
            self.commit(elapsed)
            seal, _ = replace(self._sealer, stamp=None).seal("end", self._chain, told)
        with database.storing(self._db, self._path):
            seals.store_seal(self._db, self._run, self._chain, seal)
            self._db.execute(
                "UPDATE runs SET state = ?, elapsed = ? WHERE id = ?", (state, elapsed, self._run)
            )
        self._chain.sealed(seal)

    def close(self) -> None:
        """Closes the file; what was not committed is dropped, a run that was not finished stays "running"."""
        self._db.close()

    @property
    def _chain(self) -> Chain:
        return self._waiting.chain

    def _wait(self, grown: Chain, metrics: Iterable[Metric], boot: float) -> None:
        """From now on a run's rows wait here; nothing of another run does."""
        self._waiting = Waiting(boot, {metric.name: metric for metric in metrics}, grown, self._room)

    def _hurry(self) -> None:
        """From now on another writer is not waited for longer than a tick can bear."""
        self._db.execute(f"PRAGMA busy_timeout = {_PATIENCE}")

    def _insert(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self._db.executemany(sql, ((self._run, *row) for row in rows))

    def _seal(self, kind: str, told: Mapping[str, Any], at: float) -> Seal:
        seal, lacks = self._sealer.seal(kind, self._chain, told)
        if lacks:
            self.event("unsealed", f"{kind}: {lacks}", at)
        return seal
