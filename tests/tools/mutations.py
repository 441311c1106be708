"""Changes a bundle at random, again and again, and asks each time whether the change is found.

``python -m tests.tools.mutations [COUNT [SEED]]``. Besides blind changes there are those of a forger: all
that can be done without the key is done again, and the whole is signed with a key of his own.
"""

from __future__ import annotations

import io
import os
import random
import shutil
import sqlite3
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from tests.builders import bundles
from vpsbench.evidence import archive, contents
from vpsbench.evidence.single_run_database import TABLES
from vpsbench.evidence.verify import Checked, check
from vpsbench.integrity import hash_chain, keys

Forge = Callable[["Forger"], str]  # changes an unpacked bundle; says what it did


class Forger:
    """Takes a bundle apart, changes it, and puts it together again."""

    def __init__(self, bundle: Path, folder: Path, dice: random.Random) -> None:
        self.whole = bundle.read_bytes()
        self.dice = dice
        self.folder = folder / "unpacked"
        self.path = folder / "forged.zip"
        self.key = keys.Key.load(folder / "forger.pem")
        archive.unpack(bundle, self._empty())

    def _empty(self) -> Path:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        return self.folder

    def mutate(self, forge: Forge) -> tuple[str, Checked]:
        """One change to the bundle, and what is found."""
        with zipfile.ZipFile(io.BytesIO(self.whole)) as bundle:
            bundle.extractall(self._empty())
        self.path.write_bytes(self.whole)
        what = forge(self)
        return what, check(self.path)

    def files(self) -> list[str]:
        """Of the bundle, without the list of their hashes."""
        return [n for n in archive.names(self.folder) if n not in {contents.SUMS, contents.SIGNATURE}]

    def pack(self) -> None:
        """Puts it together as it is."""
        with self.path.open("wb") as file:
            archive.pack(self.folder, file)

    def sign(self) -> None:
        """Signs it anew with the forger's key."""
        (self.folder / contents.KEY).write_bytes(keys.pem(self.key.public))
        sums = "".join(f"{contents.digest(self.folder / n)}  {n}\n" for n in self.files()).encode()
        (self.folder / contents.SUMS).write_bytes(sums)
        (self.folder / contents.SIGNATURE).write_bytes(self.key.sign(sums))
        self.pack()

    def bent(self, data: bytes) -> bytes:
        """Data with one place changed, never the same as before."""
        place = self.dice.randrange(len(data) + 1)
        match self.dice.randrange(4):
            case 0 if place < len(data):
                return data[:place] + bytes([data[place] ^ 1 << self.dice.randrange(8)]) + data[place + 1 :]
            case 1 if place < len(data):
                return data[:place]
            case 2 if place < len(data):
                length = self.dice.randint(1, 40)
                return data[:place] + data[place + length :]
            case _:
                return data[:place] + self.dice.randbytes(self.dice.randint(1, 40)) + data[place:]

    def database(self) -> sqlite3.Connection:
        """The run's database, to be written to."""
        return sqlite3.connect(self.folder / contents.DATABASE, isolation_level=None)


# --- changes ---------------------------------------------------------------------------------------


def a_byte(forger: Forger) -> str:
    forger.path.write_bytes(forger.bent(forger.whole))
    return "the zip file"


def a_file(forger: Forger) -> str:
    """Changed, removed, added, renamed or swapped; the list of hashes stays."""
    one, two = forger.dice.sample(archive.names(forger.folder), 2)
    path, other = forger.folder / one, forger.folder / two
    match forger.dice.randrange(5):
        case 0:
            path.write_bytes(forger.bent(path.read_bytes()))
        case 1:
            path.unlink()
        case 2:
            (forger.folder / "attachments" / f"{forger.dice.getrandbits(32):x}").write_bytes(b"new")
        case 3:
            path.rename(path.with_name(f"{path.name}x"))
        case _:
            data = path.read_bytes()
            path.write_bytes(other.read_bytes() if other.read_bytes() != data else forger.bent(data))
            other.write_bytes(data)
    forger.pack()
    return f"file {one}"


def a_derived_file(forger: Forger) -> str:
    """Signed anew: what follows from the database must follow."""
    names = [n for n in forger.files() if n.startswith(("raw/", "seals/"))]
    name = forger.dice.choice([*names, contents.FINDINGS, contents.PLAN])
    path = forger.folder / name
    if name == contents.FINDINGS:
        text = path.read_text()
        path.write_text(
            text.replace('"level": "clean"', '"level": "strong"').replace("inconclusive", "broken")
        )
    else:
        path.write_bytes(forger.bent(path.read_bytes()))
    forger.sign()
    return f"derived file {name}"


def a_row(forger: Forger) -> str:
    """A value changed, or a row removed or doubled; signed anew."""
    with closing(forger.database()) as db:
        what = _bend_row(forger, db)
    forger.sign()
    return what


def a_row_and_its_chain(forger: Forger) -> str:
    """The same, with all links made anew; only the seals cannot be."""
    with closing(forger.database()) as db:
        while (what := _bend_row(forger, db, ("ticks", "events", "turns", "series"))) == "ticks.digest":
            pass  # making it anew would only put it right again
        _link_anew(db)
    forger.sign()
    return f"{what}, linked anew"


def _bend_row(forger: Forger, db: sqlite3.Connection, tables: tuple[str, ...] = tuple(TABLES)) -> str:
    while True:
        table = forger.dice.choice(tables)
        columns = [name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")]
        rows = db.execute(" ".join(("SELECT * FROM", table, "ORDER BY", TABLES[table]))).fetchall()
        if not rows:  # the names of a redacted run
            continue
        before = list(db.iterdump())
        row = forger.dice.randrange(len(rows))
        key = f"{TABLES[table]} IS ?"
        which = rows[row][columns.index(TABLES[table])]
        column = forger.dice.choice(columns)
        try:
            if forger.dice.randrange(4):
                value = _other(forger, rows[row][columns.index(column)])
                db.execute(f"UPDATE {table} SET {column} = ? WHERE {key}", (value, which))  # noqa: S608  our own names
            else:
                db.execute(f"DELETE FROM {table} WHERE {key}", (which,))  # noqa: S608  likewise
                column = "(all)"
        except (sqlite3.IntegrityError, OverflowError):
            continue
        if list(db.iterdump()) != before:
            return f"{table}.{column}"


def _other(forger: Forger, value: object) -> object:
    match value:
        case int():
            return value + forger.dice.choice((-1, 1, 1000))
        case float():
            return value * (1 + forger.dice.choice((-1, 1)) * 10 ** -forger.dice.uniform(0, 9)) + 1e-9
        case str():
            return forger.bent(value.encode()).decode("utf-8", "replace")
        case bytes():
            return forger.bent(value)
        case _:
            return forger.dice.choice((0, 0.5, "x", b"x"))


def _link_anew(db: sqlite3.Connection) -> None:
    """Every tick's digest as if nothing had happened, from the first seal on."""
    (text,) = db.execute("SELECT text FROM seals WHERE n = 1").fetchone()
    link = hash_chain.sha256(text.encode())
    for number, elapsed, samples, others in db.execute(
        "SELECT id, elapsed, samples, others FROM ticks"
    ).fetchall():
        if isinstance(elapsed, float) and isinstance(samples, bytes) and isinstance(others, str | None):
            link = hash_chain.link(link, elapsed, samples, others or "")
            db.execute("UPDATE ticks SET digest = ? WHERE id = ?", (link, number))


KINDS: Final[tuple[Forge, ...]] = (a_byte, a_file, a_derived_file, a_row, a_row_and_its_chain)


def run(count: int, seed: int, folder: Path, whole: list[Path]) -> tuple[Counter[str], list[str]]:
    """Makes so many changes to these bundles; how many of each kind were found, and what was missed."""
    dice = random.Random(seed)  # noqa: S311  no secrets
    found: Counter[str] = Counter()
    missed: list[str] = []
    for bundle in whole:
        _run(count // len(whole), Forger(bundle, folder, dice), found, missed)
    return found, missed


def _run(count: int, forger: Forger, found: Counter[str], missed: list[str]) -> None:
    for number in range(count):
        forge = KINDS[number % len(KINDS)]
        what, checked = forger.mutate(forge)
        found[forge.__name__] += not checked.holds
        if checked.holds:
            missed.append(f"{forge.__name__}: {what}")


def main() -> int:
    """Prints the count."""
    count, seed = (*map(int, sys.argv[1:]), *(1000, 1)[len(sys.argv) - 1 :])
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_DATA_HOME"] = folder
        home = Path(folder)
        whole = [bundles.bundle(home), bundles.bundle(home, redact=True, name="redacted.zip")]
        found, missed = run(count, seed, home, whole)
    lines = [f"{kind.replace('_', ' '):24} {number} found" for kind, number in found.items()]
    sys.stdout.write("\n".join([*lines, f"{count} changes, {len(missed)} missed", *missed, ""]))
    return len(missed)


if __name__ == "__main__":
    sys.exit(main())
