"""Checks the hash chain of a run, and names each row that is not as it was sealed."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from vpsbench.evidence.single_run_database import COUNTED, rows
from vpsbench.integrity import hash_chain, keys
from vpsbench.integrity.hash_chain import Commitment

Commitments = dict[str, dict[str, Commitment]]  # by row and column; the rows that were looked at are removed

_TABLES: Final = {"series": "series", "turn": "turns", "event": "events"}  # the chain's word -> the table


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that does not hold, and where."""

    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """One seal, as it is in the database."""

    n: int
    kind: str
    text: str
    signature: bytes | None
    token: bytes | None

    @property
    def told(self) -> dict[str, Any]:
        """What it says."""
        found = json.loads(self.text)
        if not isinstance(found, dict):
            raise ValueError("a seal is no JSON object")  # noqa: TRY004  of the data, not of our code
        return found

    @property
    def name(self) -> str:
        """How it is called in a bundle and towards people."""
        return f"{self.n}-{self.kind}"

    @property
    def public(self) -> bytes | None:
        """The key that it was made with."""
        key = self.told.get("key")
        return None if key is None else bytes.fromhex(key)


def seals(db: sqlite3.Connection, run: int) -> list[Sealed]:
    """All seals of a run."""
    found = db.execute("SELECT n, kind, text, signature, token FROM seals WHERE run = ? ORDER BY n", (run,))
    return [Sealed(*row) for row in found]


def problems(db: sqlite3.Connection, run: int) -> Iterator[Problem]:
    """All that does not hold, in the order of the run. A run without any seal has no chain."""
    commitments = _commitments(db, run)
    found = seals(db, run)
    yield from _seals(found)
    yield from _links(db, run, found)
    yield from _others(db, run, commitments)
    yield from _run(db, run, found, commitments)
    yield from (Problem(f"private, {place}", "no such text was sealed") for place in commitments)


def numbering(db: sqlite3.Connection) -> Iterator[Problem]:
    """In a single-run database ids count from 1 on; the chain covers only their order."""
    for table in sorted(COUNTED):
        count, first, last = db.execute(f"SELECT count(*), min(id), max(id) FROM {table}").fetchone()  # noqa: S608  our names
        if count and (first, last) != (1, count):
            yield Problem(table, f"its {count} rows are numbered {first} to {last}")


def _seals(found: list[Sealed]) -> Iterator[Problem]:
    """Checks each seal by itself, and that one key made them all."""
    if not found or found[0].kind != "start":
        yield Problem("seals", "there is no record of the run's beginning")
    for number, seal in enumerate(found, 1):
        if seal.n != number:
            yield Problem(f"seal {seal.name}", f"it should have the number {number}")
        if seal.told.get("kind") != seal.kind:
            yield Problem(f"seal {seal.name}", "it is of another kind than it says")
        public = seal.public
        if (public is None) != (seal.signature is None):
            yield Problem(f"seal {seal.name}", "its signature was removed, or added")
        elif public and seal.signature and not keys.verifies(public, seal.signature, seal.text.encode()):
            yield Problem(f"seal {seal.name}", "its signature is not of this text")
        if public and found[0].public and public != found[0].public:
            yield Problem(f"seal {seal.name}", "it was made with another key than the run's beginning")


def _links(db: sqlite3.Connection, run: int, found: list[Sealed]) -> Iterator[Problem]:
    """Checks each link against the one before it as stored, so that one change is named once."""
    waiting = list(found)
    link, ticks = b"", 0
    for number, elapsed, samples, digest, others in db.execute(
        "SELECT id, elapsed, samples, digest, others FROM ticks WHERE run = ? ORDER BY id", (run,)
    ):
        link = yield from _due(waiting, ticks, link)
        if others == "" or digest != hash_chain.link(link, elapsed, samples, others or ""):
            what = "its readings, or what was stored with them, were changed; or a tick before it was removed"
            yield Problem(f"tick {number} ({elapsed:g} s into the run)", what)
        link, ticks = digest or b"", ticks + 1
    yield from _due(waiting, ticks, link)
    for seal in waiting:
        yield Problem(
            f"seal {seal.name}", f"it was made after {seal.told.get('ticks')} ticks; {ticks} are there"
        )


def _due(waiting: list[Sealed], ticks: int, link: bytes) -> Generator[Problem, None, bytes]:
    """Takes the seals that were made after so many ticks; returns the link after them."""
    while waiting and waiting[0].told.get("ticks") == ticks:
        seal = waiting.pop(0)
        if seal.told.get("previous") != (link.hex() or None):
            yield Problem(f"seal {seal.name}", "what stands before it was changed or removed")
        link = hash_chain.sha256(seal.text.encode())
    return link


def _commitments(db: sqlite3.Connection, run: int) -> Commitments:
    found: Commitments = defaultdict(dict)
    known = "SELECT place, original, cleaned, salt FROM private WHERE run = ?"
    for place, original, cleaned, salt in db.execute(known, (run,)):
        row, _, column = place.rpartition(".")
        found[row][column] = Commitment(original, cleaned, salt)
    return found


def _others(db: sqlite3.Connection, run: int, commitments: Commitments) -> Iterator[Problem]:
    """Rows that were committed together with ticks, by the lines that the chain has of them."""
    sealed: dict[str, list[str]] = defaultdict(list)
    for (others,) in db.execute("SELECT others FROM ticks WHERE run = ? ORDER BY id", (run,)):
        for line in (others or "").splitlines():
            table, _, digest = line.partition(" ")
            sealed[table].append(digest)
    for kind, table in _TABLES.items():
        yield from _rows(db, run, kind, table, sealed.pop(kind, []), commitments)
    yield from (Problem("ticks", f"they seal rows of an unknown table {table!r}") for table in sealed)


def _rows(  # noqa: PLR0913, PLR0917  a table, and all that is known of it
    db: sqlite3.Connection, run: int, kind: str, table: str, sealed: list[str], commitments: Commitments
) -> Iterator[Problem]:
    left, found, odd = Counter(sealed), [], 0
    for number, row in enumerate(_dicts(rows(db, table, run)), 1):
        where = f"{table}, row {row['id']}"
        own = commitments.pop(hash_chain.place(kind, number), {})
        yield from _texts(where, row, own)
        found.append(hash_chain.row_digest(kind, row, own).hex())
        left[found[-1]] -= 1
        if left[found[-1]] < 0:
            odd += 1
            yield Problem(where, "it was changed, or added")
    missing = sum(count for count in left.values() if count > 0)
    if missing > odd:
        yield Problem(table, f"{missing - odd} of its rows were removed")
    elif not odd and found != sealed:
        yield Problem(table, "its rows stand in another order")


def _dicts(found: sqlite3.Cursor) -> Iterator[hash_chain.Row]:
    columns = [column for column, *_ in found.description]
    return (dict(zip(columns, row, strict=True)) for row in found)


def _texts(where: str, row: hash_chain.Row, own: Mapping[str, Commitment]) -> Iterator[Problem]:
    for column, commitment in own.items():
        text = hash_chain.readable(column, row.get(column))
        if not isinstance(text, str) or not commitment.matches(text):
            yield Problem(f"{where}, {column}", "it is not the text that was sealed")


def _run(
    db: sqlite3.Connection, run: int, found: list[Sealed], commitments: Commitments
) -> Iterator[Problem]:
    """The run's own row: what it began with, and how the last end seal says that it ended."""
    [stored] = _dicts(rows(db, "runs", run))
    names = dict(db.execute("SELECT name, kind FROM names WHERE run = ?", (run,)))
    row = {**stored, "names": hash_chain.canonical(names)}
    own = commitments.pop("run", {})
    yield from _texts("runs", row, own)
    if found and hash_chain.row_digest("run", row, own).hex() != found[0].told.get("run"):
        yield Problem("runs", "profile, plan, guest, names, seed or time of the beginning were changed")
    told = found[-1].told if found and found[-1].kind == "end" else {"state": "running", "elapsed": None}
    if (row["state"], row["elapsed"]) != (told.get("state"), told.get("elapsed")):
        yield Problem("runs", "how and when the run ended was changed, or its end seal was removed")
