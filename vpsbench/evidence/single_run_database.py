"""The single-run database: one run of many, copied out. The same run gives the same bytes."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from vpsbench.errors import VpsbenchError
from vpsbench.integrity import hash_chain
from vpsbench.integrity.redaction import Redactor
from vpsbench.store import database

# Each table of a run with the order of its rows, by which the chain counts them too.
TABLES: Final = {
    "runs": "id",
    "series": "id",
    "ticks": "id",
    "turns": "id",
    "events": "id",
    "seals": "n",
    "private": "place",
    "names": "name",
}
# Their ids count all runs of a database; here they count this one's rows.
COUNTED: Final = {"ticks", "turns", "events"}
_KINDS: Final = {"runs": "run", "turns": "turn", "events": "event"}  # of those that hold texts, in the chain
# What SQLite notes of itself: a counter of changes and, twice, which version wrote
# (https://www.sqlite.org/fileformat2.html, sections 1.3.7 and 1.3.16). Readers need none of it.
_NOTES: Final = ((24, b"\0\0\0\1"), (92, b"\0\0\0\1"), (96, (3034000).to_bytes(4, "big")))

Row = dict[str, Any]
Change = Callable[[str, int, Row], Row]  # table, number of the row in the run from 1 on, row


def write(source: Path, run: int, target: Path, *, redact: bool) -> None:
    """Writes one run to a new file, with its names left out or not.

    Raises:
        VpsbenchError: the source cannot be read or the target not written, or the names cannot be left out.
    """
    with database.readable(source) as db, closing(database.writable(target)) as single:
        single.execute("PRAGMA journal_mode = DELETE")
        change = _without_names(db, run) if redact else None
        with database.transaction(single):
            for table in TABLES:
                _copy(rows(db, table, run), single, table, change)
        single.execute("VACUUM")
    with target.open("r+b") as file:
        for place, value in _NOTES:
            file.seek(place)
            file.write(value)


def rows(db: sqlite3.Connection, table: str, run: int) -> sqlite3.Cursor:
    """A run's rows of a table, in order."""
    key = "id" if table == "runs" else "run"
    return db.execute(f"SELECT * FROM {table} WHERE {key} = ? ORDER BY {TABLES[table]}", (run,))  # noqa: S608  our names


def _copy(found: sqlite3.Cursor, single: sqlite3.Connection, table: str, change: Change | None) -> None:
    if change and table == "names":
        return
    columns = [column for column, *_ in found.description]
    kept = (dict(zip(columns, row, strict=True)) for row in found)
    counted = ((n, row | ({"id": n} if table in COUNTED else {})) for n, row in enumerate(kept, 1))
    changed = (change(table, n, row) if change else row for n, row in counted)
    holders = ", ".join("?" * len(columns))
    insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({holders})"  # noqa: S608  our names
    single.executemany(insert, (tuple(row.values()) for row in changed))


def _without_names(db: sqlite3.Connection, run: int) -> Change:
    """A function that redacts a row. The chain has a digest of how each text reads without the names."""
    names = dict(db.execute("SELECT name, kind FROM names WHERE run = ?", (run,)))
    for (guest,) in db.execute("SELECT guest FROM runs WHERE id = ?", (run,)):
        names.setdefault(str(json.loads(guest)["hostname"]), "host name")
    redact = Redactor(names)
    sealed = dict(db.execute("SELECT place, cleaned FROM private WHERE run = ?", (run,)))
    chained = bool(db.execute("SELECT 1 FROM seals WHERE run = ?", (run,)).fetchone())

    def change(table: str, number: int, row: Row) -> Row:
        if table == "private":
            return row | {"salt": None}
        kind = _KINDS.get(table, "")
        for column in hash_chain.TEXTS.get(kind, ()):
            text = hash_chain.readable(column, row.get(column))
            if not isinstance(text, str) or (redacted := redact(text)) == text:
                continue
            place = f"{hash_chain.place(kind, number)}.{column}"
            if chained and sealed.get(place) != hash_chain.sha256(redacted.encode()):
                raise VpsbenchError(
                    f"The names cannot be left out of {place}: this version redacts in another way.",
                    "Make the bundle with the version of vpsbench that made the run.",
                )
            row = row | {column: zlib.compress(redacted.encode()) if column == "raw" else redacted}
        return row

    return change
