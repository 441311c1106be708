"""A file that is not ours, too new or broken is refused and stays as it was; an older one is migrated."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.builders import example_run
from vpsbench.errors import FAILED, USAGE, VpsbenchError
from vpsbench.store import database, reader
from vpsbench.store.formats import Migration, shipped
from vpsbench.store.writer import Collector


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database of several pages, cleanly closed."""
    path = tmp_path_factory.mktemp("whole") / "a.db"
    with Collector(path) as collector:
        example_run.fill(collector)
    return path.read_bytes()


def _open_to_read(path: Path) -> None:
    reader.read(path)


def _open_to_write(path: Path) -> None:
    Collector(path).close()


def _with_sql(data: bytes, folder: Path, sql: str) -> bytes:
    path = folder / "edited.db"
    path.write_bytes(data)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(sql)
    edited = path.read_bytes()
    path.unlink()
    return edited


def _foreign(_: bytes, folder: Path) -> bytes:
    return _with_sql(
        b"", folder, "PRAGMA journal_mode = WAL; CREATE TABLE runs (id); PRAGMA user_version = 1"
    )


def _newer(data: bytes, folder: Path) -> bytes:
    return _with_sql(data, folder, "PRAGMA user_version = 99")


def _page_lost(data: bytes, _: Path) -> bytes:
    middle = len(data) // 4096 // 2 * 4096
    return data[:middle] + b"\xa5" * 4096 + data[middle + 4096 :]


BAD: dict[str, tuple[Callable[[bytes, Path], bytes], str]] = {
    "empty": (lambda _, __: b"", "is empty"),
    "text": (lambda _, __: b"id,name\n" * 999, "is not a database of vpsbench"),
    "foreign": (_foreign, "is not a database of vpsbench"),
    "newer": (_newer, r"newer vpsbench \(format 99; this one knows \d+\)"),
    "a few bytes": (lambda data, _: data[:50], "damaged"),
    "the header alone": (lambda data, _: data[:100], "damaged"),
    "one page": (lambda data, _: data[:4096], "damaged"),
    "half": (lambda data, _: data[: len(data) // 2], "damaged"),
    "cut within the last page": (lambda data, _: data[:-1000], "damaged"),
    "zeros after the header": (lambda data, _: data[:100] + bytes(len(data) - 100), "damaged"),
    "a page lost": (_page_lost, "damaged"),
}


@pytest.mark.parametrize("opens", [_open_to_read, _open_to_write])
@pytest.mark.parametrize("bad", BAD)
def test_bad_file_is_refused_and_left_untouched(
    bad: str, opens: Callable[[Path], None], whole: bytes, tmp_path: Path
) -> None:
    make, sentence = BAD[bad]
    folder = tmp_path / "only"
    folder.mkdir()
    path = folder / "a.db"
    data = make(whole, tmp_path)
    path.write_bytes(data)
    with pytest.raises(VpsbenchError, match=sentence) as caught:
        opens(path)
    assert str(path) in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code == USAGE
    assert path.read_bytes() == data
    assert list(folder.iterdir()) == [path]


def test_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    for opens in (_open_to_read, _open_to_write):
        with pytest.raises(VpsbenchError, match="Is a directory"):
            opens(tmp_path)


def test_missing_file_cannot_be_read_and_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(VpsbenchError, match="There is no database") as caught:
        reader.runs(tmp_path / "a.db")
    assert "vpsbench run" in caught.value.hint
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["/proc/a.db", "/proc/deep/a.db"])  # where root cannot write either
def test_place_that_cannot_be_written_is_a_failure(place: str) -> None:
    with pytest.raises(VpsbenchError, match=f"Cannot write to {place}") as caught:
        Collector(Path(place))
    assert caught.value.exit_code == FAILED


def test_full_disk_is_called_so(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as db:
        db.execute("PRAGMA max_page_count = 2")
        db.execute("CREATE TABLE t (x)")
        with pytest.raises(sqlite3.DatabaseError) as caught:
            db.execute("INSERT INTO t VALUES (zeroblob(100000))")
    error = database.unwritable(tmp_path / "a.db", caught.value)
    assert "the disk is full" in error.message
    assert error.exit_code == FAILED


def test_new_file_is_marked_as_ours_and_leaves_nothing_beside_it(whole: bytes, tmp_path: Path) -> None:
    assert whole[68:72] == b"vpsb"
    path = tmp_path / "deep" / "er" / "a.db"
    Collector(path).close()
    assert list(path.parent.iterdir()) == [path]
    assert reader.runs(path) == []
    assert list(path.parent.iterdir()) == [path]
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_shipped_migrations_are_numbered_without_gaps() -> None:
    found = shipped()
    assert [step.number for step in found] == list(range(1, len(found) + 1))
    assert all(step.name and step.sql for step in found)


# --- migrations, with one more than is shipped ------------------------------------------------------

NEXT = Migration(len(shipped()) + 1, "note", "ALTER TABLE runs ADD COLUMN note TEXT DEFAULT 'old'")
LATER = (*shipped(), NEXT)


def _notes(path: Path) -> list[tuple[str]]:
    with database.readable(path, LATER) as db:
        return db.execute("SELECT note FROM runs").fetchall()


def test_older_file_is_read_through_a_migrated_copy(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(whole)
    assert _notes(path) == [("old",)]
    assert path.read_bytes() == whole
    assert list(tmp_path.iterdir()) == [path]


def test_older_file_is_migrated_for_writing_and_then_refused_by_the_older_version(
    whole: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(whole)
    database.writable(path, LATER).close()
    assert _notes(path) == [("old",)]
    with pytest.raises(VpsbenchError, match="newer vpsbench"):
        reader.runs(path)


def test_newer_format_that_is_still_in_the_wal_is_noticed(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(whole)
    with closing(database.writable(path, LATER)):
        assert path.read_bytes()[60:64] == whole[60:64]  # the file itself does not tell yet
        for opens in (_open_to_read, _open_to_write):
            with pytest.raises(VpsbenchError, match="newer vpsbench"):
                opens(path)


def test_failing_migration_changes_nothing(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(whole)
    broken = Migration(NEXT.number, "broken", "DROP TABLE events; SELECT nonsense")
    with pytest.raises(VpsbenchError, match="nonsense"):
        database.writable(path, (*shipped(), broken))
    assert path.read_bytes() == whole
    assert len(reader.runs(path)) == 1


# --- reading where SQLite cannot do as it likes -----------------------------------------------------


def _killed(path: Path, whole: bytes) -> None:
    """A file with a tick in its -wal that is not in the file, and no -shm that could be made or used."""
    source = path.parent / "source.db"
    source.write_bytes(whole)
    with Collector(source) as collector:
        example_run.begin(collector)
        path.write_bytes(source.read_bytes())
        path.with_name(f"{path.name}-wal").write_bytes(source.with_name("source.db-wal").read_bytes())
    path.with_name(f"{path.name}-shm").mkdir()  # stops root too, unlike a read-only folder


def test_wal_that_cannot_be_used_in_place_is_read_from_a_copy(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    _killed(path, whole)
    before = path.read_bytes()
    assert [run.state for run in reader.runs(path)] == ["finished", "running"]
    assert path.read_bytes() == before


def test_reading_while_somebody_else_replaces_the_file_is_noticed(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(whole)
    wrote = pytest.raises(VpsbenchError, match="was written to while it was read")
    with wrote, database.readable(path), Collector(path) as collector:
        example_run.fill(collector)


def test_readers_and_the_writer_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    count = "SELECT count(*) FROM ticks"
    with Collector(path) as collector:
        example_run.begin(collector)
        collector.commit(1)
        with database.readable(path) as one:
            assert one.execute(count).fetchone() == (1,)
            collector.commit(2)
            with database.readable(path) as two:
                collector.commit(3)
                assert two.execute(count).fetchone() == (2,)
                assert one.execute(count).fetchone() == (1,)
        assert reader.runs(path)[0].elapsed == 3
    assert list(tmp_path.iterdir()) == [path]
