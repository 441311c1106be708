"""An authority stamps beginning and end of a run; it learns hashes only, and no run depends on it."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from tests.builders import bundles
from tests.builders.time_stamp_authority import Authority, authority
from vpsbench.errors import VpsbenchError
from vpsbench.evidence import time_stamps
from vpsbench.evidence.bundle import BundleRequest, make
from vpsbench.evidence.chain_checks import problems
from vpsbench.evidence.verify import check
from vpsbench.integrity.seals import Sealer
from vpsbench.store import reader
from vpsbench.store.writer import Collector

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with authority(tmp_path_factory.mktemp("tsa")) as found:
        yield found


@pytest.fixture(autouse=True)
def _as_new(tsa: Authority) -> None:
    tsa.answer = None
    tsa.asked.clear()


def _measured(folder: Path, url: str) -> Path:
    sealer = Sealer(bundles.key(folder), partial(time_stamps.request, url))
    with Collector(folder / "a.db", sealer=sealer) as collector:
        bundles.measure(collector)
    return folder / "a.db"


@pytest.fixture(scope="module")
def stamped(tsa: Authority, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[bytes]]:
    """A bundle, unpacked, and what the authority was asked for it."""
    folder = tmp_path_factory.mktemp("stamped")
    order = BundleRequest(database=_measured(folder, tsa.url), run=1, attached=[], redact=False)
    make(order, bundles.key(folder), folder / "b.zip")
    with zipfile.ZipFile(folder / "b.zip") as whole:
        whole.extractall(folder)
    return folder, list(tsa.asked)


def test_stamps_of_beginning_and_end_hold(tsa: Authority, stamped: tuple[Path, list[bytes]]) -> None:
    path = stamped[0] / "b.zip"
    trusted, alone = check(path, tsa.root), check(path)
    assert trusted.problems == alone.problems == []
    for name in ("time stamp of seal 1-start", "time stamp of seal 2-end"):
        when = datetime.strptime(trusted.about[name][:23], "%Y-%m-%d %H:%M:%S %Z").replace(tzinfo=UTC)
        assert abs((when - datetime.now(UTC)).total_seconds()) < 300
        assert "Test root" in trusted.about[name]
        assert "its signature was not checked" in alone.about[name]
        assert "not checked" not in trusted.about[name]


def test_stamps_hold_for_openssl_too(tsa: Authority, stamped: tuple[Path, list[bytes]]) -> None:
    folder, _ = stamped
    [command] = [line for line in (folder / "VERIFY.txt").read_text().splitlines() if "ts -verify" in line]
    (folder / "CA.pem").write_bytes(tsa.root)
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.count("Verification: OK") == 2, done.stderr


def test_only_hashes_leave_the_machine(stamped: tuple[Path, list[bytes]]) -> None:
    folder, asked = stamped
    texts = [(folder / "seals" / name).read_bytes() for name in ("1-start.json", "2-end.json")]
    assert len(asked) == 2
    for question, text in zip(asked, texts, strict=True):
        assert hashlib.sha256(text).digest() in question
        assert len(question) < 100  # the hash, its kind, and a random number


def test_stamp_of_another_text_or_authority_does_not_hold(tsa: Authority, tmp_path: Path) -> None:
    token = time_stamps.request(tsa.url, b"one")
    assert time_stamps.check(token, b"one", tsa.root).trusted
    with authority(tmp_path) as other, pytest.raises(ValueError, match="certificate"):
        time_stamps.check(token, b"one", other.root)
    with pytest.raises(ValueError, match="of another text"):
        time_stamps.check(token, b"two", tsa.root)
    for place in (len(token) // 4, len(token) // 2, len(token) - 5):
        bent = token[:place] + bytes([token[place] ^ 1]) + token[place + 1 :]
        with pytest.raises(ValueError, match=r"parse|verif|signature|Mismatch|certificate"):
            time_stamps.check(bent, b"one", tsa.root)


REFUSAL = bytes.fromhex("300530030201023000")  # PKIStatus: rejection


@pytest.mark.parametrize("answer", [b"", b"no stamp", REFUSAL, b"\x30\x84\xff\xff\xff\xff"])
def test_authority_that_answers_nonsense_is_an_event_and_ends_no_run(
    answer: bytes, tsa: Authority, tmp_path: Path
) -> None:
    tsa.answer = answer
    _unstamped(_measured(tmp_path, tsa.url))


def test_authority_that_repeats_an_old_answer_is_found_out(tsa: Authority, tmp_path: Path) -> None:
    tsa.answer = None
    time_stamps.request(tsa.url, b"one")
    tsa.answer = tsa.stamp(tsa.asked[0])
    with pytest.raises(VpsbenchError, match="answers another question"):
        time_stamps.request(tsa.url, b"one")
    _unstamped(_measured(tmp_path, tsa.url))


def test_authority_that_cannot_be_reached_is_an_event_and_ends_no_run(tmp_path: Path) -> None:
    _unstamped(_measured(tmp_path, "http://127.0.0.1:9/"))


def _unstamped(database: Path) -> None:
    record = reader.read(database)
    details = [event.detail for event in record.events if event.kind == "unsealed"]
    assert [detail.partition(": No time stamp from http://127")[0] for detail in details] == [
        "start: no time stamp",
        "end: no time stamp",
    ]
    assert record.run.state == "finished"
    with closing(sqlite3.connect(database)) as db:
        assert list(problems(db, 1)) == []


@pytest.mark.parametrize("url", ["ftp://example.org", "file:///etc/passwd", "example.org", "http://"])
def test_address_that_is_none_is_refused_before_a_run(url: str) -> None:
    with pytest.raises(VpsbenchError, match="is no address"):
        time_stamps.require(url)
