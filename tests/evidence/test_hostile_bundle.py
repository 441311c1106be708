"""A bundle made to harm whoever checks it: nothing leaves the folder, runs, or grows without end."""

from __future__ import annotations

import hashlib
import resource
import sqlite3
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.builders import bundles
from vpsbench.errors import VpsbenchError
from vpsbench.evidence import archive, contents, single_run_database
from vpsbench.evidence.verify import check

DEEP = "[" * 200_000


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    path = folder / "run.db"
    single_run_database.write(bundles.database(folder), 2, path, redact=False)
    return path


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for everything, with a bound on what this process may write to one file."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 << 20, before[1]))
    yield tmp_path
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(temporary.iterdir())


def _said(path: Path) -> str:
    found = check(path)
    assert not found.holds
    return "\n".join(f"{p.where}: {p.what}" for p in found.problems)


# --- the zip file ------------------------------------------------------------------------------------


def _entry(name: str, mode: int = 0o100644, kind: int = zipfile.ZIP_STORED) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = mode << 16
    entry.compress_type = kind
    return entry


def _zip(path: Path, *entries: tuple[zipfile.ZipInfo, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as whole:
        for entry, data in entries:
            whole.writestr(entry, data)


NAMES = [
    "../evil", "/etc/evil", "raw/../../evil", "raw\\..\\evil", "a/b/c", "C:evil", "", ".", "..", "raw/",
    "-rf", ".bashrc", "a\nb", "x\x1b[31m", "é", "a" * 300, "raw/'; DROP TABLE runs; --", "~root",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_name_that_could_lead_elsewhere_is_refused(name: str, inside: Path) -> None:
    _zip(inside / "b.zip", (_entry(name), b"evil"))
    said = _said(inside / "b.zip")
    assert "it has a file of the name" in said
    assert "nothing in it was read" in said
    assert not Path("/etc/evil").exists()
    assert {p.name for p in inside.iterdir()} == {"b.zip", "tmp"}
    assert not [p for p in inside.parent.rglob("*") if "evil" in p.name]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([(_entry("run.db", mode=0o120777), b"/etc/passwd")], "no plain file"),
        ([(_entry("run.db", mode=0o104755), b"")], "no plain file"),
        ([(_entry("run.db"), b"1"), (_entry("run.db"), b"2")], "two files of the name"),
        ([(_entry("run.db"), b"1"), (_entry("RUN.DB"), b"2")], "two files of the name"),
        ([(_entry("raw"), b"1"), (_entry("raw/x"), b"2")], "no whole zip file"),
        ([(_entry("raw/x"), b"1"), (_entry("raw"), b"2")], "no whole zip file"),
        ([(_entry("run.db", kind=zipfile.ZIP_DEFLATED), bytes(1 << 26))], "larger than itself"),
        ([(_entry("run.db", kind=zipfile.ZIP_DEFLATED), b"x")], "is packed"),
        ([(_entry(f"raw/{n}"), b"") for n in range(archive.MOST + 1)], "more than 20000 files"),
        ([], "it is missing"),
    ],
)
def test_zip_file_that_lies_is_refused(
    entries: list[tuple[zipfile.ZipInfo, bytes]], said: str, inside: Path
) -> None:
    _zip(inside / "b.zip", *entries)
    assert said in _said(inside / "b.zip")


def test_size_that_is_not_true_is_refused(inside: Path) -> None:
    _zip(inside / "b.zip", (_entry("run.db"), b"x" * 100))
    data = bytearray((inside / "b.zip").read_bytes())
    place = data.rindex(b"PK\1\2")
    for field in (20, 24):  # both sizes in the central directory
        data[place + field : place + field + 4] = (0x7FFFFFF0).to_bytes(4, "little")
    (inside / "b.zip").write_bytes(data)
    assert "larger than itself" in _said(inside / "b.zip")


def test_files_that_overlap_add_up_to_no_more_than_the_zip_file(inside: Path) -> None:
    _zip(inside / "b.zip", *((_entry(f"raw/{n}"), bytes(1000 if n == 0 else 0)) for n in range(9)))
    data = bytearray((inside / "b.zip").read_bytes())
    directory = data.index(b"PK\1\2")
    first = data[directory : directory + 46 + 5]
    place = directory
    for n in range(9):  # every name points at the same large file
        place = data.index(b"PK\1\2", place + (n > 0))
        data[place + 16 : place + 28] = first[16:28]
        data[place + 42 : place + 46] = first[42:46]
    (inside / "b.zip").write_bytes(data)
    assert "larger than itself" in _said(inside / "b.zip")


@pytest.mark.parametrize("data", [b"", b"no zip file", b"PK\5\6" + bytes(18), b"PK\3\4" * 1000])
def test_what_is_no_zip_file_is_said_to_be_none(data: bytes, inside: Path) -> None:
    (inside / "b.zip").write_bytes(data)
    assert _said(inside / "b.zip")


def test_file_that_cannot_be_read_is_an_error_of_its_own(inside: Path) -> None:
    with pytest.raises(VpsbenchError, match="Cannot check"):
        check(inside / "none.zip")


# --- the database ------------------------------------------------------------------------------------


def _bundle(folder: Path, database: Path, harm: Callable[[sqlite3.Connection], object]) -> Path:
    """Signed by a forger; only what it holds can give it away."""
    files = folder / "files"
    files.mkdir()
    target = files / contents.DATABASE
    target.write_bytes(database.read_bytes())
    with closing(sqlite3.connect(target, isolation_level=None)) as db:
        harm(db)
    sums = f"{hashlib.sha256(target.read_bytes()).hexdigest()}  {contents.DATABASE}\n".encode()
    (files / contents.SUMS).write_bytes(sums)
    with (folder / "b.zip").open("wb") as file:
        archive.pack(files, file)
    return folder / "b.zip"


MANY = zlib.compress(bytes(1 << 20), 9)
BOMB = zlib.compress(bytes(20 << 20), 9)  # with the bounds lowered for the test
COPY = "INSERT INTO runs SELECT 9, state, started, elapsed, seed, profile, plan, guest FROM runs"
STRANGE = 'CREATE TABLE "x; DROP TABLE runs" (x)'
SQL: dict[str, tuple[str, tuple[object, ...], str]] = {
    "trigger": (
        "CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM runs; END", (), "tables are not ours: t"
    ),
    "view": ("CREATE VIEW v AS SELECT load_extension('x')", (), "tables are not ours: v"),
    "virtual table": ("CREATE VIRTUAL TABLE f USING fts5(x)", (), "not ours: f"),
    "index of an expression": ("CREATE INDEX i ON runs (abs(seed))", (), "not ours: i"),
    "table more": ("CREATE TABLE more (x)", (), "not ours: more"),
    "table with SQL for a name": (STRANGE, (), "not ours: x; DROP TABLE runs"),
    "other format": ("PRAGMA user_version = 1", (), "format 1"),
    "two runs": (COPY, (), "2 runs"),
    "no run": ("DELETE FROM runs", (), "0 runs"),
    "rows of another run": ("UPDATE events SET run = 9", (), "events has rows of another run"),
    "a judgement of its own": ("INSERT INTO summaries VALUES (2, '', '', '{}')", (), "holds a summary"),
    "other types": ("UPDATE ticks SET samples = 'text' WHERE id = 1", (), "ticks.samples holds text"),
    "packed ticks": ("UPDATE ticks SET samples = ?", (b"\1" + BOMB,), "unpack to more than any run has"),
    "many packed": ("UPDATE ticks SET samples = ?", (b"\1" + MANY,), "unpack to more than any run has"),
    "packed ticks of old": ("UPDATE ticks SET samples = ?", (BOMB,), "unpack to more than any run has"),
    "packed outputs": ("UPDATE turns SET raw = ?", (BOMB,), "unpack to more than any run has"),
    "no packed data": ("UPDATE turns SET raw = x'00'", (), "cannot read it"),
    "deep JSON in a guest": ("UPDATE runs SET guest = ?", (DEEP,), "makes no sense"),
    "deep JSON in a seal": ("UPDATE seals SET text = ?", (DEEP,), "makes no sense"),
    "seal that is no object": ("UPDATE seals SET text = '7'", (), "makes no sense"),
    "outputs that are no texts": ("UPDATE turns SET raw = ?", (zlib.compress(b'{"a": 7}'),), "no sense"),
    "series of negative number": ("UPDATE series SET id = -id", (), "series"),
}  # fmt: skip


@pytest.mark.parametrize("harm", SQL)
def test_database_that_would_harm_its_reader_is_refused(
    harm: str, inside: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bound, value in {"_TICK": 16 << 20, "_READINGS": 1 << 20, "_RAW": 16 << 20}.items():
        monkeypatch.setattr(f"vpsbench.evidence.database_checks.{bound}", value)
    sql, values, said = SQL[harm]
    assert said in _said(_bundle(inside, database, lambda db: db.execute(sql, values)))


@pytest.mark.parametrize("place", [16, 18, 28, 52, 100, 103, 4096, 8192])
def test_database_with_broken_pages_is_refused(place: int, inside: Path, database: Path) -> None:
    path = _bundle(inside, database, lambda db: db.execute("PRAGMA user_version"))
    target = inside / "files" / contents.DATABASE
    data = bytearray(target.read_bytes())
    data[place : place + 4] = b"\xff\xfe\xff\xff"
    target.write_bytes(data)
    with path.open("wb") as file:
        archive.pack(inside / "files", file)
    assert contents.DATABASE in _said(path)
