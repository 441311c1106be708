"""The formats of the database: each migration leads from one to the next."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Migration:
    """One step from a format to the next."""

    number: int
    name: str
    sql: str


Migrations = tuple[Migration, ...]


def shipped() -> Migrations:
    """This version's migrations: ``migrations/NNNN_name.sql``, numbered from 1 without gaps."""
    found = sorted(
        (f for f in files("vpsbench.store").joinpath("migrations").iterdir() if f.name.endswith(".sql")),
        key=lambda f: f.name,
    )
    split = [(f.name.removesuffix(".sql").partition("_"), f.read_text(encoding="utf-8")) for f in found]
    return tuple(Migration(int(number), name, sql) for (number, _, name), sql in split)
