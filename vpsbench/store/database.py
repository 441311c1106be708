"""The database file: checks that it is ours, whole and of a known format, and opens it without harm.

The checks come before SQLite may write anything. So a foreign, newer or damaged file stays as it is, and
nothing appears beside it.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from vpsbench.errors import FAILED, VpsbenchError
from vpsbench.store.formats import Migrations, shipped

APPLICATION_ID: Final = int.from_bytes(b"vpsb")  # marks a file as ours; file(1) shows it too
# Magic, write version, user_version, application_id: https://www.sqlite.org/fileformat2.html, section 1.3
_HEADER: Final = struct.Struct(">16s2xB41xI4xI28x")
_WAL_MODE: Final = 2
_PATIENCE: Final = 30.0  # s to wait for another writer; each of its transactions takes a fraction of one

_BROKEN: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_OTHER: Final = "Another file can be named with --db."


def default_path() -> Path:
    """Where runs are kept unless the user says otherwise, below the working directory."""
    return Path("reports/vpsbench.db")


@contextmanager
def readable(path: Path, migrations: Migrations | None = None) -> Iterator[sqlite3.Connection]:
    """A connection that sees one unchanging state of the file, in the current format.

    Works beside a process that is writing, and on read-only media. A file of an older format, and one
    that a killed run left on read-only media, are read from a temporary copy.

    Raises:
        VpsbenchError: the file is missing, foreign, newer or damaged.
    """
    steps = shipped() if migrations is None else migrations
    try:
        with ExitStack() as stack:
            db = _open(path, steps, stack)
            db.execute("BEGIN")
            _check_version(path, _version(db), steps)  # a -wal may hold a newer one than the file's header
            yield db
    except sqlite3.DatabaseError as error:
        if _code(error) in _BROKEN:
            raise damaged(path, str(error)) from error
        raise VpsbenchError(f"Cannot read {path}: {error}.", _OTHER) from error


def writable(path: Path, migrations: Migrations | None = None) -> sqlite3.Connection:
    """Opens the file for writing, migrates it to the current format, or makes it where there is none.

    Raises:
        VpsbenchError: the file is foreign, newer or damaged (and untouched), or cannot be written.
    """
    steps = shipped() if migrations is None else migrations
    new = _is_new(path)
    if not new:
        _check_whole(path, steps)
    try:
        with ExitStack() as stack:
            db = stack.enter_context(closing(_connect(path, "mode=rwc" if new else "mode=rw")))
            _migrate(db, steps)
            db.execute("PRAGMA journal_mode = WAL")  # readers and the writer do not wait for each other
            db.execute("PRAGMA synchronous = NORMAL")  # a power cut may take the last ticks, not the file
            db.execute("PRAGMA foreign_keys = ON")
            stack.pop_all()
    except sqlite3.DatabaseError as error:
        if new and path.exists() and not path.stat().st_size:
            path.unlink()  # not even the first migration was made
        raise unwritable(path, error) from error
    return db


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All of it, or (after any exception) nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # after some errors SQLite has rolled back by itself
            db.execute("ROLLBACK")
        raise


@contextmanager
def storing(db: sqlite3.Connection, path: Path) -> Iterator[None]:
    """A transaction on an open database of ours, whose file is ``path``.

    Raises:
        VpsbenchError: the file cannot be written, or not any more.
    """
    _require_permission(path)
    try:
        with transaction(db):
            yield
    except sqlite3.DatabaseError as error:
        raise unwritable(path, error) from error


def _require_permission(path: Path) -> None:
    """Refuses an open database that nobody may write to any more, as after ``chattr +i``.

    SQLite would find out by writing to memory that is mapped from its -shm file, and for that the kernel
    ends the process (SIGBUS).
    """
    for file in (path, Path(f"{path}-shm")):
        if file.exists() and not os.access(file, os.W_OK):
            error = sqlite3.OperationalError(f"no permission to write to {file.name}")
            error.sqlite_errorcode = sqlite3.SQLITE_READONLY
            raise unwritable(path, error)


def unwritable(path: Path, error: sqlite3.Error) -> VpsbenchError:
    """The error for the user when writing has failed."""
    why, hint = {
        sqlite3.SQLITE_FULL: ("the disk is full", "Free some space there."),
        sqlite3.SQLITE_IOERR: ("the disk fails", "It may be full, over a quota or a limit, or broken."),
        sqlite3.SQLITE_READONLY: ("it is read-only", "Make the file and its folder writable."),
        sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", f"Is {path.absolute().parent} writable?"),
        sqlite3.SQLITE_BUSY: ("another process is writing", "Wait until that run has ended."),
    }.get(_code(error), ("SQLite failed", _OTHER))
    return VpsbenchError(
        f"Cannot write to {path}: {why} ({error}).", f"{hint} What was stored before is kept.", FAILED
    )


def damaged(path: Path, why: str) -> VpsbenchError:
    """The error for the user of a file that is ours but broken."""
    return VpsbenchError(f"The database {path} is damaged: {why}.", f"Move it away. {_OTHER}")


def _code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF  # the low byte; the rest is a detail


def _connect(path: Path, how: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{how}"
    return sqlite3.connect(uri, uri=True, timeout=_PATIENCE, isolation_level=None)


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


# --- looking before opening ------------------------------------------------------------------------


def _check_header(path: Path, steps: Migrations) -> tuple[int, bool]:
    """The file's format number, and whether it may have a -wal; found without SQLite.

    SQLite itself would leave files beside the one it looks at.
    """
    head = _head(path)
    if not head:
        raise VpsbenchError(f"{path} is empty.", f"Remove it. {_OTHER}")
    magic, mode, version, application = _HEADER.unpack(head.ljust(_HEADER.size, b"\0"))
    if magic != b"SQLite format 3\0" or (application != APPLICATION_ID and len(head) == _HEADER.size):
        raise VpsbenchError(f"{path} is not a database of vpsbench.", _OTHER)
    _check_version(path, version, steps)
    return version, mode == _WAL_MODE


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEADER.size)
    except FileNotFoundError as error:
        raise VpsbenchError(f"There is no database {path}.", f"`vpsbench run` makes one. {_OTHER}") from error
    except OSError as error:
        raise VpsbenchError(f"Cannot read {path}: {error.strerror}.", _OTHER) from error


def _check_version(path: Path, version: int, steps: Migrations) -> None:
    if version > len(steps):
        raise VpsbenchError(
            f"{path} was written by a newer vpsbench (format {version}; this one knows {len(steps)}).",
            f"Update vpsbench. {_OTHER}",
        )
    if version < 1:
        raise damaged(path, "its header is cut off or overwritten")


def _is_new(path: Path) -> bool:
    """Whether there is no such file; its folder is there afterwards."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return not path.exists()
    except OSError as error:
        raise VpsbenchError(f"Cannot write to {path}: {error.strerror}.", _OTHER, FAILED) from error


def _check_whole(path: Path, steps: Migrations) -> None:
    """Checks every page. An older format is first migrated in a copy, as a trial."""
    with readable(path, steps) as db:
        found = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
    if found != "ok":
        raise damaged(path, " ".join(found.split()))


# --- opening ---------------------------------------------------------------------------------------


def _open(path: Path, steps: Migrations, stack: ExitStack) -> sqlite3.Connection:
    """A connection for reading, of the current format; all it needs lasts as long as the stack."""
    version, wal_mode = _check_header(path, steps)
    db = _open_in_place(path, wal_mode=wal_mode, stack=stack) if version == len(steps) else None
    if db is None:
        folder = stack.enter_context(TemporaryDirectory(prefix="vpsbench-"))
        db = stack.enter_context(closing(_connect(_copy(path, Path(folder)), "mode=rw")))
        _migrate(db, steps)
    return db


def _open_in_place(path: Path, *, wal_mode: bool, stack: ExitStack) -> sqlite3.Connection | None:
    """A connection to the file itself; None where SQLite would need files beside it and cannot make them.

    Without a -wal all is in the file and nobody writes to it. Then it is opened as immutable, as SQLite
    would otherwise make a -wal and a -shm even for reading, and never remove them. With a -wal an
    immutable view would miss what is in there.
    """
    if wal_mode and not _wal(path).exists():
        stack.enter_context(_undisturbed(path))
        return stack.enter_context(closing(_connect(path, "immutable=1")))
    db = stack.enter_context(closing(_connect(path, "mode=ro")))
    try:
        _version(db)
    except sqlite3.OperationalError as error:
        if _code(error) in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
            return None
        raise
    return db


@contextmanager
def _undisturbed(path: Path) -> Iterator[None]:
    """Raises an error if somebody wrote to the file meanwhile, as an immutable file is read without locks."""
    before = path.stat()
    try:
        yield
    finally:
        after = path.stat()
        if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
            raise VpsbenchError(f"{path} was written to while it was read.", "Try again.")


def _wal(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _copy(path: Path, folder: Path) -> Path:
    try:
        for part in (path, _wal(path)):
            if part.exists():
                shutil.copyfile(part, folder / part.name)
    except OSError as error:
        raise VpsbenchError(
            f"Cannot copy {path} to read it: {error}.", "Set TMPDIR to a folder with room."
        ) from error
    return folder / path.name


def _migrate(db: sqlite3.Connection, steps: Migrations) -> None:
    for step in steps[_version(db) :]:
        # One script, one transaction; an error leaves it open, and closing the connection undoes it.
        db.executescript(
            f"BEGIN IMMEDIATE;\n{step.sql}\n;"
            f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {step.number}; COMMIT;"
        )
