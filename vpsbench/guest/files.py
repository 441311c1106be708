"""The only opener of /proc, /sys and their like; tests point its root at a captured tree."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PIECE: Final = 1 << 14  # B asked for at once; the kernel mostly gives a page


@dataclass(frozen=True, slots=True)
class Files:
    """Reads the guest's own files below ``root``. Paths are given as on the machine: ``/proc/stat``."""

    root: Path = Path("/")

    def path(self, name: str) -> Path:
        """Where ``name`` lies below the root."""
        return self.root / name.lstrip("/")

    def text(self, name: str) -> str | None:
        """The file's text without the last line's end; None where it is missing or unreadable."""
        try:
            file = _opened(self, name)
            try:
                return _text(file)
            finally:
                os.close(file)
        except OSError:
            return None

    def data(self, name: str, offset: int, size: int) -> bytes | None:
        """``size`` bytes from ``offset``; None where they cannot be had."""
        try:
            with self.path(name).open("rb", buffering=0) as file:
                file.seek(offset)
                found = file.read(size)
        except OSError:
            return None
        return found if len(found) == size else None

    def exists(self, name: str) -> bool:
        """Whether there is such a file or folder."""
        try:
            return self.path(name).exists()
        except OSError:
            return False

    def matching(self, pattern: str) -> tuple[str, ...]:
        """The names, as on the machine, that match a shell pattern, sorted."""
        return tuple(sorted(f"/{p.relative_to(self.root)}" for p in self.root.glob(pattern.lstrip("/"))))


class KeptOpen:
    """Reads the same files again and again, and keeps open those that the kernel makes up as they are read.

    Opening and closing them is half of what reading costs. Only what has no size is kept, as in /proc and in
    cgroups: ordinary files, and lxcfs's, are opened each time, since another may stand in their place.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._open: dict[str, int] = {}

    def __del__(self) -> None:
        for file in self._open.values():
            os.close(file)

    def text(self, name: str) -> str | None:
        """As ``Files.text``: the file that bears the name now."""
        file = self._open.get(name)
        if file is not None:
            try:
                return _text(file)
            except OSError:  # what it told of is gone; another may bear its name, such as a cgroup made anew
                os.close(self._open.pop(name))
        try:
            return self._first(name)
        except OSError:
            return None

    def _first(self, name: str) -> str:
        file = _opened(self._files, name)
        try:
            text = _text(file)
            if text and not os.fstat(file).st_size:
                self._open[name] = file
            return text
        finally:
            if name not in self._open:
                os.close(file)


def _opened(files: Files, name: str) -> int:
    """A descriptor, without what pathlib and text files cost: this is most of what a tick does."""
    return os.open(f"{files.root}/{name.lstrip('/')}", os.O_RDONLY | os.O_CLOEXEC)


def _text(file: int) -> str:
    """All of it from the beginning; a file of /proc may come in several pieces."""
    parts, at = [], 0
    while part := os.pread(file, _PIECE, at):
        parts.append(part)
        at += len(part)
    return b"".join(parts).decode("utf-8", "replace").rstrip("\n")
