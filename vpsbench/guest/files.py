"""The only opener of /proc, /sys and their like; tests point its root at a captured tree."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


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
            return _bytes(f"{self.root}/{name.lstrip('/')}").decode("utf-8", "replace").rstrip("\n")
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


def _bytes(path: str) -> bytes:
    """The whole file, without what pathlib and text files cost: this is most of what a tick does."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(file, 1 << 16):  # a file of /proc may come in several pieces
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(file)
