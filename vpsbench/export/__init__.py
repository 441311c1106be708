"""A run in formats that other tools read, one file a format: it says its name and help, and writes it.

Readings pass through bit by bit, however many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO


@dataclass(frozen=True, slots=True)
class Source:
    """Which run is exported.

    Args:
        database: the file that holds it.
        run_id: its number; None: the latest.
        others: what else is exported by the same command, by name, and to which file.
    """

    database: Path
    run_id: int | None
    others: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One format; each module of this folder defines ``EXPORT``.

    It has ``text`` or ``file``, and not both. Either loads heavy rooms only when called.

    Args:
        name: the module's name, and with two hyphens before it the option of ``vpsbench export``.
        help: one line for that option.
        text: writes to an open text file; such an export can go to standard output as well.
        file: writes a whole new file of its own, where a library needs a path.
        refuses: why a name is no good for such a file; empty: it is good.
    """

    name: str
    help: str
    text: Callable[[Source, IO[str]], None] | None = None
    file: Callable[[Source, Path], None] | None = None
    refuses: Callable[[str], str] = lambda _name: ""
