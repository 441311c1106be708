"""Checks that a database from a stranger is safe to read, before anything else reads it."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from vpsbench.evidence.single_run_database import TABLES
from vpsbench.store import reader
from vpsbench.store.decode import Decoder, count_readings
from vpsbench.store.formats import shipped

_OLDEST: Final = 5  # the first format whose bundles are still checked
# Of a month at a tick a second 20 million readings are read back; a turn's raw outputs are some MiB.
_READINGS: Final = 1 << 26  # of all ticks that a judgement reads: 1 GiB in memory
_TICK: Final = 1 << 26  # B of one of them, unpacked
_RAW: Final = 1 << 29  # B of all turns' raw outputs together, unpacked
_SCHEMA: Final = (
    "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
)
_TYPES: Final = {"INTEGER": {"integer"}, "REAL": {"real"}, "TEXT": {"text"}, "BLOB": {"blob"}}


@contextmanager
def guarded(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that reads and nothing else, and trusts no view, trigger or virtual table of the file."""
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as db:
        db.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "query_only = ON", "mmap_size = 0"):
            db.execute(f"PRAGMA {pragma}")
        yield db


def formats() -> range:
    """The formats that can be checked."""
    return range(_OLDEST, len(shipped()) + 1)


def other_format(path: Path) -> int | None:
    """The format of a database, where it is none of ``formats``; None: it is, or cannot be read."""
    try:
        with guarded(path) as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error:
        return None
    return None if version in formats() else int(version)


def unsafe(path: Path) -> str:
    """Why a database cannot be read as one run of ours; empty: it can."""
    try:
        with guarded(path) as db:
            return _format(db) or _whole(db) or _one_run(db) or _values(db) or _sizes(db)
    except (sqlite3.Error, zlib.error, ValueError, OverflowError) as error:
        return f"SQLite cannot read it ({error})"


def _format(db: sqlite3.Connection) -> str:
    """Tables and indexes are ours to the letter, so the file holds nothing that could run."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version not in formats():
        return f"it is of format {version}; this vpsbench checks formats {_OLDEST} to {formats()[-1]}"
    with closing(sqlite3.connect(":memory:")) as ours:
        for step in shipped()[:version]:
            ours.executescript(step.sql)
        expected = ours.execute(_SCHEMA).fetchall()
    found = db.execute(_SCHEMA).fetchall()
    odd = [str(name) for _, name, *_ in set(found) ^ set(expected)]
    return f"these tables are not ours: {', '.join(sorted(odd))[:200]}" if odd else ""


def _whole(db: sqlite3.Connection) -> str:
    (found,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    return "" if found == "ok" else " ".join(str(found).split())


def _one_run(db: sqlite3.Connection) -> str:
    runs = db.execute("SELECT id FROM runs").fetchall()
    if len(runs) != 1:
        return f"it holds {len(runs)} runs"
    if db.execute("SELECT 1 FROM summaries").fetchone():
        return "it holds a summary, which is no part of a bundle: its reader must judge the readings anew"
    for table in TABLES:
        if table != "runs":
            others = f"SELECT count(*) FROM {table} WHERE run IS NOT ?"  # noqa: S608  our names
            if db.execute(others, runs[0]).fetchone() != (0,):
                return f"its table {table} has rows of another run"
    return ""


def _values(db: sqlite3.Connection) -> str:
    """Each column holds values of its own type only; SQLite would let it hold anything."""
    for table in TABLES:
        for _, column, kind, required, _, key in db.execute(f"PRAGMA table_info({table})").fetchall():
            types = _TYPES[kind] | (set() if required or key else {"null"})
            found = db.execute(f"SELECT DISTINCT typeof({column}) FROM {table}").fetchall()  # noqa: S608  our names
            if odd := {name for (name,) in found} - types:
                return f"{table}.{column} holds {', '.join(sorted(odd))}"
    return ""


def _sizes(db: sqlite3.Connection) -> str:
    """Compressed data do not grow to more than any run has."""
    left, decoder = _READINGS, Decoder()
    for (run,) in db.execute("SELECT id FROM runs"):
        for samples in reader.needed_ticks(db, run):
            plain = decoder.decode(samples, _TICK)
            left -= count_readings(samples, plain)
            if left < 0 or len(plain) > _TICK:
                return "its ticks unpack to more than any run has"
    left = _RAW
    for number, raw in db.execute("SELECT id, raw FROM turns"):
        left -= _unpacked(raw, left)
        if left < 0:
            return f"the raw outputs of turn {number} unpack to more than any run has"
    return ""


def _unpacked(data: bytes, most: int) -> int:
    """The size of packed data, B, or one more than ``most``.

    Raises:
        ValueError: it is cut off, or something follows it.
    """
    stream = zlib.decompressobj()
    size = len(stream.decompress(data, most + 1))
    if size <= most and (not stream.eof or stream.unused_data):
        raise ValueError("packed data have a wrong length")
    return size
