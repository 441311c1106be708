"""What a process that goes on with a run has to know, and what ``vpsbench status`` shows.

One small JSON file beside the database, replaced as a whole at each turn's beginning and end, and removed
when the run has ended. It is nobody's evidence: what was measured is in the database.
"""

from __future__ import annotations

import dataclasses
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vpsbench.errors import FAILED, VpsbenchError


@dataclass(frozen=True, slots=True)
class BegunTurn:
    """A turn that runs now."""

    probe: str
    started: float  # s since the run began
    seconds: float  # that it may last
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class EarlyVerdict:
    """The latest verdict on a run that still goes on."""

    at: float  # s since the run began
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedRun:
    """What is saved of a run."""

    run: int
    boot_id: str
    boot: float  # CLOCK_BOOTTIME when the run began, of that boot, s
    folder: str  # on the disk under test
    html: str | None
    json: str | None
    turns: tuple[BegunTurn, ...] = ()
    early: EarlyVerdict | None = None


class RunStateFile:
    """The file in which the run of a database is saved while it goes on.

    Args:
        db: the database.
    """

    def __init__(self, db: Path) -> None:
        self._path = db.with_name(f"{db.name}-run")

    def read(self) -> SavedRun | None:
        """What was saved; None where there is nothing, or nothing that can be understood."""
        try:
            data = json.loads(self._path.read_text(encoding="utf-8"))
            turns = tuple(BegunTurn(**turn) for turn in data.pop("turns"))
            early = data.pop("early")
            return SavedRun(**data, turns=turns, early=EarlyVerdict(**early) if early else None)
        except (OSError, ValueError, TypeError, LookupError, AttributeError):
            return None

    def write(self, run: SavedRun) -> None:
        """Replaces what was saved; a power cut leaves the old or the new one.

        Raises:
            VpsbenchError: it cannot be written; the old one is still there.
        """
        new = self._path.with_name(f"{self._path.name}.tmp")
        try:
            with new.open("w", encoding="utf-8") as file:
                json.dump(dataclasses.asdict(run), file)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
        except OSError as error:
            with suppress(OSError):  # of a file system that became read-only
                new.unlink()
            raise VpsbenchError(f"Cannot write {self._path}: {error.strerror}.", "", FAILED) from error

    def remove(self) -> None:
        """The run has ended."""
        with suppress(OSError):  # what it says of a run that has ended misleads nobody
            self._path.unlink()
