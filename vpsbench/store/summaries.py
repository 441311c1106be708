"""The summary of a run, kept in the run's own database, so that comparing need not judge the run again.

It follows from the readings and is no evidence. The hash chain does not cover it, bundles leave it out, and
whoever doubts it judges anew.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vpsbench.store import database

_MARK: Final = """
    SELECT runs.id, state, runs.elapsed, ticks.id, hex(digest) FROM runs LEFT JOIN ticks
    ON ticks.id = (SELECT max(id) FROM ticks WHERE run = runs.id)
    WHERE :run IS NULL OR runs.id = :run ORDER BY runs.id DESC LIMIT 1"""
_KEPT: Final = "SELECT text FROM summaries WHERE run = ? AND program = ? AND mark = ?"
_KEEP: Final = "INSERT OR REPLACE INTO summaries (run, program, mark, text) VALUES (?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Mark:
    """Stands for a run as it is now. After any further tick, resumption or end the run has another mark."""

    run: int
    text: str


def mark(path: Path, run: int | None = None) -> Mark | None:
    """The mark of a run, by default of the latest. It must be taken before the run is read.

    Raises:
        VpsbenchError: the database cannot be read.
    """
    with database.readable(path) as db:
        return _mark(db, run)


def kept(path: Path, run: int | None, program: str) -> str | None:
    """The summary of a run (by default the latest), if this program made it of the run as it is now.

    Raises:
        VpsbenchError: the database cannot be read.
    """
    with database.readable(path) as db:
        found = _mark(db, run)
        row = db.execute(_KEPT, (found.run, program, found.text)).fetchone() if found else None
        return None if row is None else str(row[0])


def keep(path: Path, made_of: Mark, program: str, text: str) -> None:
    """Keeps a summary; the run's former one is forgotten.

    Args:
        path: of the database, which is migrated to the current format.
        made_of: the run, as it was before it was read.
        program: digest of what made the summary.
        text: the summary.

    Raises:
        VpsbenchError: the file cannot be written.
    """
    with closing(database.writable(path)) as db, database.storing(db, path):
        db.execute(_KEEP, (made_of.run, program, made_of.text, text))


def _mark(db: sqlite3.Connection, run: int | None) -> Mark | None:
    row = db.execute(_MARK, {"run": run}).fetchone()
    return None if row is None else Mark(row[0], json.dumps(row[1:]))
