"""Writing a report so that there is a whole one, or the old one, or none."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from vpsbench.errors import VpsbenchError

ROOM = 4 * 1024**2  # B; twice what the largest report takes


def require_writable(path: Path) -> None:
    """Find out before any work whether a report could be written to ``path``; makes its folder.

    Raises:
        VpsbenchError: it could not, and why.
    """
    with _beside(path):
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
    with _beside(path) as (file, temporary):
        yield file
        file.flush()
        os.fsync(file.fileno())
        temporary.replace(path)


@contextmanager
def _beside(path: Path) -> Iterator[tuple[TextIO, Path]]:
    """An open file in the folder of ``path``, gone afterwards unless it was renamed."""
    temporary = path.with_name(f".{path.name[:100]}.{os.getpid()}.tmp")
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            try:
                yield file, temporary
            finally:
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise VpsbenchError(
            f"Cannot write {path}: {error.strerror or error}.",
            "Name a file in a folder that you may write to.",
        ) from error
