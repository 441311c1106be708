"""The only opener of /proc, /sys and their like; tests point its root at a captured tree."""

from __future__ import annotations

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
            return self.path(name).read_text(encoding="utf-8", errors="replace").rstrip("\n")
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
