"""The chain of a run: what is hashed, and how. Pure; ``docs/evidence.md`` says it for other programs.

A link is the SHA-256 of the link before it and of what is added. Ticks are links, and so are seals: signed
texts where the run begins, goes on and ends. Rows that are committed with a tick go into its link by
their own digests, so that a row that was changed can be named.

A text that names the machine or its user goes in as two digests: of the text with a secret salt, and of
the text without the names. Whoever has either text can check it, and the second does not tell the first.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

FORMAT: Final = 1
TEXTS: Final[Mapping[str, tuple[str, ...]]] = {  # table -> the columns whose text may name somebody
    "run": ("profile", "plan", "guest", "names"),
    "turn": ("detail", "options", "raw"),
    "event": ("detail",),
}
NO_NAMES: Final = "{}"  # the column "names" of a redacted run; it stands in a table of its own
_LATER: Final = {"id", "run", "state", "elapsed"}  # of a run, what the end seal tells; ids are by order

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Veil:
    """The two digests that stand for a text."""

    original: bytes
    cleaned: bytes
    salt: bytes | None = None  # known to whoever may read the original

    def fits(self, text: str) -> bool:
        """Whether this is the text, or where that may not be read the text without the names."""
        if self.salt is None:
            return sha256(text.encode()) == self.cleaned
        return sha256(self.salt + text.encode()) == self.original


def sha256(data: bytes) -> bytes:
    """The only hash that is used."""
    return hashlib.sha256(data).digest()


def link(previous: bytes, elapsed: float, samples: bytes, others: str) -> bytes:
    """A tick's link; the length keeps samples and the other rows apart."""
    return sha256(previous + struct.pack("<dq", elapsed, len(samples)) + samples + others.encode())


def other(table: str, digest: bytes) -> str:
    """The line for a row that is committed with a tick."""
    return f"{table} {digest.hex()}\n"


def place(table: str, number: int) -> str:
    """The name of a row in the table ``private``: "run", "turn.3" for the run's third turn."""
    return table if table == "run" else f"{table}.{number}"


def row_digest(table: str, row: Row, veils: Mapping[str, Veil]) -> bytes:
    """A row as canonical JSON, hashed.

    Args:
        table: "run", "series", "turn" or "event".
        row: values by column, as SQLite stores them.
        veils: for the columns whose text is not hashed as it is.
    """
    left_out = _LATER if table == "run" else {"run"} if table == "series" else {"id", "run"}
    values = {
        column: _value(column, value, veils.get(column))
        for column, value in row.items()
        if column not in left_out and value is not None
    }
    return sha256(canonical(values).encode())


def _value(column: str, value: object, veil: Veil | None) -> object:
    if veil:
        return [veil.original.hex(), veil.cleaned.hex()]
    return readable(column, value)


def readable(column: str, value: object) -> object:
    """A stored value as text or number; only a turn's raw outputs are packed."""
    return zlib.decompress(value).decode() if column == "raw" and isinstance(value, bytes) else value


def canonical(value: object) -> str:
    """JSON in one way only: keys sorted, no spaces, ASCII, numbers as Python's ``repr`` writes them."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
