"""An event names its source; in runs of older formats the source is read out of the text."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.builders import example_run
from tests.builders.example_run import BOOT
from tests.places import FIXTURES
from vpsbench.evidence import database_checks
from vpsbench.evidence.chain_checks import numbering, problems
from vpsbench.model import Event, RunState
from vpsbench.store import reader
from vpsbench.store.older_events import older
from vpsbench.store.writer import Collector

OLDER = FIXTURES / "store" / "format-5.sqlite"  # one run, written by vpsbench when its format was 5


def test_source_is_stored_and_read_back_and_never_taken_from_the_text(tmp_path: Path) -> None:
    with Collector(tmp_path / "a.db") as collector:
        example_run.begin(collector)
        collector.event("gap", "cannot read: no such file", BOOT + 1, source="memory")
        collector.event("gap", "memory: in the text only", BOOT + 2)
        collector.finish(RunState.FINISHED, 3)
    first, second, *_ = reader.read(tmp_path / "a.db").events
    assert first == Event(1.0, "gap", "cannot read: no such file", "memory")
    assert second == Event(2.0, "gap", "memory: in the text only")
    assert first.said == "memory: cannot read: no such file"


def test_older_run_tells_its_sources_and_says_the_same() -> None:
    found = reader.read(OLDER).events
    with closing(sqlite3.connect(f"{OLDER.as_uri()}?immutable=1", uri=True)) as db:
        assert [e.said for e in found] == [text for (text,) in db.execute("SELECT detail FROM events")]
    assert [(e.kind, e.source) for e in found] == [
        ("unsealed", ""),
        ("monitor_unavailable", "vmmemctl"),
        ("gap", "memory"),
        ("disk.queueless", "disk"),
        ("probe_failed", "cpu"),
        ("probe_garbage", ""),
        ("disk.full", "disk"),
    ]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("claims_declared", '{"cpu_burst": 1}'),
        ("resumed", "after a reboot: 60 s"),
        ("gap", "without a name"),
        ("disk.engine", "libaio is used"),
    ],
)
def test_text_that_names_no_source_stays_whole(kind: str, text: str) -> None:
    assert older(1.0, kind, text) == Event(1.0, kind, text)


def test_other_engine_is_no_missing_queue() -> None:
    told = older(1.0, "disk.engine", "disk: libaio is used; io_uring: not permitted")
    assert told == Event(1.0, "disk.engine", "libaio is used; io_uring: not permitted", "disk")


def test_chain_of_an_older_run_holds_before_and_after_its_migration(tmp_path: Path) -> None:
    assert database_checks.unsafe(OLDER) == ""
    copy = tmp_path / "a.db"
    copy.write_bytes(OLDER.read_bytes())
    Collector(copy).close()
    for path in (OLDER, copy):
        with database_checks.guarded(path) as db:
            assert [*numbering(db), *problems(db, 1)] == []


def test_source_is_part_of_the_chain(tmp_path: Path) -> None:
    copy = tmp_path / "a.db"
    copy.write_bytes(OLDER.read_bytes())
    Collector(copy).close()
    with closing(sqlite3.connect(copy)) as db, db:
        db.execute("UPDATE events SET source = 'cpu' WHERE id = 2")
    with database_checks.guarded(copy) as db:
        assert [p.where for p in problems(db, 1)] == ["events, row 2"]


def test_older_database_that_says_the_current_format_is_not_ours(tmp_path: Path) -> None:
    copy = tmp_path / "a.db"
    copy.write_bytes(OLDER.read_bytes())
    with closing(sqlite3.connect(copy)) as db:
        db.execute(f"PRAGMA user_version = {database_checks.formats()[-1]}")
    assert "tables are not ours: events" in database_checks.unsafe(copy)
