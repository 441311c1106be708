"""Seals of a run's chain, and salted commitments to texts that name somebody; both as they are stored."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, replace
from typing import Any, Final, Protocol

from vpsbench.errors import VpsbenchError
from vpsbench.integrity import hash_chain
from vpsbench.integrity.hash_chain import Commitment
from vpsbench.integrity.redaction import Redactor

_COMMITMENT: Final = "INSERT INTO private (run, place, salt, original, cleaned) VALUES (?, ?, ?, ?, ?)"
_NAME: Final = "INSERT INTO names (run, name, kind) VALUES (?, ?, ?)"
_SEAL: Final = "INSERT INTO seals (run, n, kind, text, signature, token) VALUES (?, ?, ?, ?, ?, ?)"
_LAST_SEAL: Final = "SELECT text FROM seals WHERE run = ? ORDER BY n DESC LIMIT 1"
_COUNTS: Final = """
    SELECT (SELECT count(*) FROM ticks WHERE run = ?), (SELECT count(*) FROM series WHERE run = ?),
           (SELECT count(*) FROM turns WHERE run = ?), (SELECT count(*) FROM events WHERE run = ?)"""
_LAST_TICK: Final = "SELECT digest FROM ticks WHERE run = ? ORDER BY id DESC LIMIT 1"
_SALT: Final = 16  # B; 128 random bits: no name can be guessed from its digest


class Signer(Protocol):
    """A key; ``keys.Key`` is one."""

    @property
    def public(self) -> bytes:
        """The public half."""

    def sign(self, data: bytes) -> bytes:
        """The signature."""


@dataclass(frozen=True, slots=True)
class Seal:
    """One link that is a text, as the table ``seals`` holds it."""

    kind: str
    text: str
    signature: bytes | None
    token: bytes | None = None

    @property
    def link(self) -> bytes:
        """What the next link is made with."""
        return hash_chain.sha256(self.text.encode())


@dataclass(frozen=True, slots=True)
class Sealer:
    """Makes seals: without a key unsigned ones, without ``stamp`` without a time stamp.

    ``stamp`` takes what is to be stamped and returns the token; it raises ``VpsbenchError`` where it cannot.
    """

    key: Signer | None = None
    stamp: Callable[[bytes], bytes] | None = None

    def seal(self, kind: str, grown: Chain, told: Mapping[str, Any]) -> tuple[Seal, str]:
        """The next link of a chain, with ``told`` in its text; and what the seal lacks (empty: nothing)."""
        try:
            seal = _sealed(self.key, kind, grown, told)
        except VpsbenchError as error:
            return _sealed(None, kind, grown, told), f"no signature: {error.message}"
        try:
            return replace(seal, token=self.stamp(seal.text.encode()) if self.stamp else None), ""
        except VpsbenchError as error:
            return seal, f"no time stamp: {error.message}"


def _sealed(key: Signer | None, kind: str, grown: Chain, told: Mapping[str, Any]) -> Seal:
    text = hash_chain.canonical(
        {
            "format": hash_chain.FORMAT,
            "kind": kind,
            "previous": grown.link.hex() or None,
            "ticks": grown.ticks,
            "key": key.public.hex() if key else None,
            **told,
        }
    )
    return Seal(kind, text, key.sign(text.encode()) if key else None)


class Chain:
    """The hash chain of one run as it grows. Rows are noted as they come, and go into the next tick's link.

    Args:
        names: that a redacted copy leaves out; as of ``redaction.Redactor``.
        ticks: that the run has.
        counts: the rows that it has, by table.
    """

    def __init__(
        self,
        names: Mapping[str, str] | None = None,
        ticks: int = 0,
        counts: Mapping[str, int] | None = None,
    ) -> None:
        self._redact = Redactor(names or {})
        self._counts = Counter(counts or {})
        self.ticks = ticks
        self.link = b""  # the last one; none yet
        self._next = b""
        self._others: list[str] = []
        self.commitments: list[
            tuple[str, bytes | None, bytes, bytes]
        ] = []  # rows that wait: place, salt, digests

    def note(self, table: str, row: hash_chain.Row) -> None:
        """Notes a row that will be committed with the next tick."""
        self._others.append(hash_chain.other(table, self.digest(table, row)))

    def digest(self, table: str, row: hash_chain.Row) -> bytes:
        """The digest of the run's next row. The commitments to its texts wait for the next commit."""
        self._counts[table] += 1
        commitments = {
            column: commitment
            for column in hash_chain.TEXTS.get(table, ())
            if (commitment := self._commitment(column, row))
        }
        place = hash_chain.place(table, self._counts[table])
        self.commitments += [(f"{place}.{c}", v.salt, v.original, v.redacted) for c, v in commitments.items()]
        return hash_chain.row_digest(table, row, commitments)

    def _commitment(self, column: str, row: hash_chain.Row) -> Commitment | None:
        text = hash_chain.readable(column, row[column])
        if not isinstance(text, str):
            return None
        redacted = hash_chain.NO_NAMES if column == "names" else self._redact(text)
        if redacted == text:
            return None
        salt = secrets.token_bytes(_SALT)
        return Commitment(hash_chain.sha256(salt + text.encode()), hash_chain.sha256(redacted.encode()), salt)

    def ticks_with_links(self, ticks: list[tuple[float, bytes]]) -> list[tuple[Any, ...]]:
        """Rows of the table ``ticks``, at least one; what was noted goes with the first."""
        others, self._next = "".join(self._others), self.link
        rows: list[tuple[Any, ...]] = []
        for elapsed, samples in ticks:
            self._next = hash_chain.link(self._next, elapsed, samples, others)
            rows.append((elapsed, samples, self._next, others or None))
            others = ""
        return rows

    def committed(self, ticks: int) -> None:
        """So many ticks, and all that waited, are on disk now."""
        self.link = self._next
        self.ticks += ticks
        self._others.clear()
        self.commitments.clear()

    def sealed(self, seal: Seal) -> None:
        """A seal, and the commitments that waited, are on disk now."""
        self.link = seal.link
        self.commitments.clear()


# --- in the database ------------------------------------------------------------------------------


def store_names(db: sqlite3.Connection, run: int, names: Mapping[str, str]) -> None:
    """Stores what a redacted copy will leave out."""
    db.executemany(_NAME, ((run, name, kind) for name, kind in sorted(names.items())))


def store_commitments(db: sqlite3.Connection, run: int, grown: Chain) -> None:
    """Stores the commitments that wait for it."""
    db.executemany(_COMMITMENT, ((run, *commitment) for commitment in grown.commitments))


def store_seal(db: sqlite3.Connection, run: int, grown: Chain, seal: Seal) -> None:
    """Stores a seal, and the commitments that wait."""
    (count,) = db.execute("SELECT count(*) FROM seals WHERE run = ?", (run,)).fetchone()
    db.execute(_SEAL, (run, count + 1, *astuple(seal)))
    store_commitments(db, run, grown)


def so_far(db: sqlite3.Connection, run: int) -> Chain:
    """The chain of a run as another process left it."""
    one = (run,)
    ticks, *others = db.execute(_COUNTS, one * 4).fetchone()
    names = dict(db.execute("SELECT name, kind FROM names WHERE run = ?", one))
    found = Chain(names, ticks, dict(zip(("series", "turn", "event"), others, strict=True)))
    for (digest,) in db.execute(_LAST_TICK, one):
        found.link = digest or b""
    for (text,) in db.execute(_LAST_SEAL, one):
        if json.loads(text)["ticks"] == found.ticks:  # no tick came after it
            found.link = hash_chain.sha256(text.encode())
    return found
