"""Writes a file so that there is a whole one, or the old one, or none, also after a power cut."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TextIO

from vpsbench.errors import VpsbenchError

ROOM: Final = 4 * 1024**2  # B; twice what the largest report takes


def require_writable(path: Path) -> None:
    """Finds out before any work whether a report could be written to ``path``; makes its folder.

    Raises:
        VpsbenchError: it could not, and why.
    """
    with _said(path):
        with tempfile.TemporaryFile(dir=_folder(path)):
            pass
        if shutil.disk_usage(path.parent).free < ROOM:
            raise VpsbenchError(
                f"No room for a report in {path.parent}: less than {ROOM >> 20} MiB are free.",
                "Free some space or name another file.",
            )


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """A text file that takes the place of ``path`` once all of it is on disk, and not before.

    Raises:
        VpsbenchError: the folder or the file cannot be written.
    """
    with (
        _said(path),
        replacement(path) as beside,
        beside.open("w", encoding="utf-8", newline="\n") as file,
    ):
        yield file


@contextmanager
def replacement(path: Path) -> Iterator[Path]:
    """A name beside ``path``. The file that is written there takes its place when the block ends.

    After an error in the block the file is removed, and what was at ``path`` is still there.

    Raises:
        OSError: the folder or the file cannot be written.
    """
    beside = _folder(path) / f".{path.name[:100]}.{os.getpid()}.tmp"
    try:
        yield beside
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        with suppress(OSError):  # of a file system that became read-only
            beside.unlink(missing_ok=True)


def make_once(path: Path, data: bytes) -> None:
    """Makes a file that only its owner may read. Of several who do so at once, the first one's stays.

    Raises:
        OSError: the folder or the file cannot be written.
    """
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
    beside = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(beside)
    finally:
        beside.unlink(missing_ok=True)


def _folder(path: Path) -> Path:
    """The folder of a file that is to be written, made where there is none."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.parent


@contextmanager
def _said(path: Path) -> Iterator[None]:
    """Turns an error of the system into one for the user."""
    try:
        yield
    except OSError as error:
        raise VpsbenchError(
            f"Cannot write {path}: {error.strerror or error}.",
            "Name a file in a folder that you may write to.",
        ) from error
