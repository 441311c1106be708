"""Where a run stands, as seen from any terminal: by the lock, its note, and what is stored of it."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vpsbench.runner import lock
from vpsbench.runner.run_state import RunStateFile, SavedRun
from vpsbench.store import database

if TYPE_CHECKING:
    from vpsbench.model import Event, Run, Turn

# Events that a person should see at once; the others are in the report.
TELLING: Final = {
    "unstored",
    "stored_again",
    "readings_lost",
    "resumed",
    "reboot",
    "suspended",
    "clock_step",
    "limits_changed",
    "probe_failed",
    "not_judged",
}


def add_db(parser: ArgumentParser) -> None:
    """The option that all commands about a run have."""
    parser.add_argument(
        "--db", type=Path, metavar="FILE", help="the database (default: that of the latest run here)"
    )


def where(db: Path | None) -> Path:
    """The database that is meant: the named one, that of the latest run here, or the usual one."""
    told = lock.latest_run()
    if db is None and told and _may_exist(Path(told.db)):
        return Path(told.db)
    return db or database.default_path()


def _may_exist(file: Path) -> bool:
    """Whether it is there; one in another user's folder may be, and whoever opens it is told."""
    try:
        return file.exists()
    except PermissionError:
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All that can be said of a run without judging it."""

    db: Path
    run: Run
    turns: tuple[Turn, ...]  # without their raw output
    events: tuple[Event, ...]
    note: SavedRun | None
    process: int | None  # that measures it now; None: none does
    log: str
    duration: float  # that it will last in all, s
    stored: float | None  # how long ago something was stored, s; None: the run has ended


def look(db: Path, number: int | None = None) -> Standing:
    """Looks once.

    Args:
        db: the database.
        number: the run's; None: the one that is measured now, or else the latest.

    Raises:
        VpsbenchError: there is no such database or run.
    """
    from vpsbench.runner.schedule import planned
    from vpsbench.store import reader

    told, process = lock.latest_run(), lock.holder()
    ours = told is not None and Path(told.db) == db.absolute()
    if process is not None and ours and told and number is None:
        number = told.run
    head = reader.head(db, number)
    alive = process if ours and told and told.run == head.run.id else None
    note = RunStateFile(db).read()
    return Standing(
        db=db,
        run=head.run,
        turns=head.turns,
        events=head.events,
        note=note if note and note.run == head.run.id else None,
        process=alive,
        log=told.log if ours and told else "",
        duration=planned(head.run.profile),
        stored=None if alive is None else max(0.0, time.time() - _changed(db)),
    )


def tell_if_going(db: Path, run: Run) -> None:
    """Says that a run goes on while it is reported, and how far it is."""
    from vpsbench.runner.schedule import planned
    from vpsbench.wiring.measure import say
    from vpsbench.wiring.progress import clock_text

    told = lock.latest_run()
    if told and lock.holder() is not None and (Path(told.db), told.run) == (db.absolute(), run.id):
        far = f"{clock_text(run.elapsed)} of {clock_text(planned(run.profile))}"
        say(f"run {run.id} still goes on, {far}: what follows is an early answer")


def _changed(db: Path) -> float:
    """When the file, or what waits beside it to get into it, was last written to, Unix time."""
    files = (db, db.with_name(f"{db.name}-wal"))
    return max(file.stat().st_mtime for file in files if file.exists())
