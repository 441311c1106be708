"""A run as a plain SQLite database, which needs no knowledge of how vpsbench packs its readings.

``plain_tables/schema.sql`` describes its tables and views; docs/sql.md has questions to ask of them.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vpsbench.export import Export, Source
from vpsbench.export.plain_tables.rows import label_text
from vpsbench.model import Finding, Judgement

if TYPE_CHECKING:
    from vpsbench.store.reader import Stream

Rows = Iterable[tuple[Any, ...]]


def write(stream: Stream, judgement: Judgement, path: Path) -> None:
    """Write a new database to ``path``, which must not exist yet.

    Of the judgement's record only the run, its turns and its events are used.

    Raises:
        sqlite3.Error: it cannot be written.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = OFF")  # what is not finished is thrown away as a whole
        db.execute("PRAGMA synchronous = OFF")
        db.executescript(
            files("vpsbench.export").joinpath("plain_tables", "schema.sql").read_text(encoding="utf-8")
        )
        db.execute("BEGIN")
        for table, rows in _small(stream, judgement).items():
            _insert(db, table, rows)
        for times, values, places in stream.readings:
            rows = zip((places + 1).tolist(), times.tolist(), values.tolist(), strict=True)
            db.executemany("INSERT OR REPLACE INTO samples VALUES (?, ?, ?)", rows)  # NaN is stored as NULL
        db.execute("COMMIT")
        db.execute("ANALYZE")


def _insert(db: sqlite3.Connection, table: str, rows: Rows) -> None:
    """Table names are ours, values never part of the text."""
    for row in rows:
        db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608  see above


def _small(stream: Stream, judgement: Judgement) -> dict[str, Rows]:
    """The rows of every table but the samples."""
    record, verdict = judgement.record, judgement.verdict
    return {
        "run": [_run(judgement)],
        "series": (
            (k, m.name, label_text(labels), m.unit, m.kind, m.better, m.help)
            for k, (m, labels) in enumerate(stream.heads, 1)
        ),
        "turns": (
            (None, t.probe, t.started, t.elapsed, t.status, t.detail, json.dumps(t.options))
            for t in record.turns
        ),
        "events": ((None, e.t, e.kind, e.said) for e in record.events),
        "findings": map(_finding, judgement.findings),
        "promises": ((None, p.promise, p.text, p.word, p.because) for p in verdict.promises),
    }


def _finding(found: Finding) -> tuple[Any, ...]:
    measured, low, high = map(_finite, (found.measured, *(found.interval or (None, None))))
    return (
        None, found.sign, found.level, found.said, found.promised, measured, low, high, found.unit,
        found.since, found.until,
    )  # fmt: skip


def _run(judgement: Judgement) -> tuple[Any, ...]:
    run, verdict = judgement.record.run, judgement.verdict
    started = datetime.fromtimestamp(run.started, UTC).isoformat(timespec="seconds")
    plan = run.plan
    return (
        run.id, run.started, started, run.elapsed, run.state, run.guest.hostname, run.profile.name,
        plan and plan.name, plan and plan.price, run.guest.vpsbench, run.guest.python, verdict.word,
        verdict.because,
    )  # fmt: skip


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _write(source: Source, path: Path) -> None:
    from dataclasses import replace

    from vpsbench.analyzer.verdict.judge import judge
    from vpsbench.store.reader import read, stream

    judgement = judge(read(source.database, source.run_id))
    # What it rests on is no longer needed, and is most of what is in memory.
    judgement = replace(judgement, record=replace(judgement.record, series=()))
    with stream(source.database, judgement.record.run.id) as found:
        write(found, judgement, path)


EXPORT: Final = Export(
    name="sqlite",
    help="readings, findings and all else as plain tables of a new SQLite database",
    file=_write,
)
