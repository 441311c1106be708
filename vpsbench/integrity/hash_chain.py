"""The hash chain of a run: what is hashed, and how. Pure; ``docs/evidence.md`` says it for other programs.

A link is the SHA-256 of the link before it and of what is added. Ticks are links. So are seals, which are
signed texts where the run begins, goes on and ends. Rows that are committed with a tick go into its link by
their own digests, so that a changed row can be named.

A text that names the machine or its user goes in as two digests: a salted commitment to the text, and the
digest of its redacted form. Whoever has either form can check it. The second does not tell the first.
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
class Commitment:
    """The two digests that stand for a text: a salted commitment to it, and the digest of its redacted form.

    Without the salt, as in a redacted copy, only the redacted form can be checked.
    """

    original: bytes  # SHA-256 over the salt and the text
    redacted: bytes  # SHA-256 over the text without the names
    salt: bytes | None = None

    def matches(self, text: str) -> bool:
        """Whether this is the text; without the salt, whether it is the redacted form."""
        if self.salt is None:
            return sha256(text.encode()) == self.redacted
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


def row_digest(table: str, row: Row, commitments: Mapping[str, Commitment]) -> bytes:
    """A row as canonical JSON, hashed.

    Args:
        table: "run", "series", "turn" or "event".
        row: values by column, as SQLite stores them.
        commitments: for the columns whose text names somebody.
    """
    left_out = _LATER if table == "run" else {"run"} if table == "series" else {"id", "run"}
    values = {
        column: _value(column, value, commitments.get(column))
        for column, value in row.items()
        if column not in left_out and value is not None
    }
    return sha256(canonical(values).encode())


def _value(column: str, value: object, commitment: Commitment | None) -> object:
    if commitment:
        return [commitment.original.hex(), commitment.redacted.hex()]
    return readable(column, value)


def readable(column: str, value: object) -> object:
    """A stored value as text or number; only a turn's raw outputs are compressed."""
    return zlib.decompress(value).decode() if column == "raw" and isinstance(value, bytes) else value


def canonical(value: object) -> str:
    """JSON in one way only: keys sorted, no spaces, ASCII, numbers as Python's ``repr`` writes them."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
