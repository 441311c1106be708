"""The chain holds however a run goes, and whatever is changed in it afterwards is named."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.builders import bundles, example_run
from tests.builders.bundles import old_run
from vpsbench.errors import VpsbenchError
from vpsbench.evidence.chain_checks import problems, seals
from vpsbench.integrity.seals import Sealer
from vpsbench.model import RunState
from vpsbench.store import database, reader
from vpsbench.store.writer import Collector


def _problems(path: Path, run: int = 1) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return [f"{p.where}: {p.what}" for p in problems(db, run)]


def _kinds(path: Path, run: int = 1) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return [seal.kind for seal in seals(db, run)]


@pytest.fixture
def sealer(tmp_path: Path) -> Sealer:
    return Sealer(bundles.key(tmp_path))


@pytest.fixture
def path(tmp_path: Path, sealer: Sealer) -> Path:
    found = tmp_path / "a.db"
    with Collector(found, sealer=sealer) as collector:
        bundles.measure(collector)
    return found


def test_chain_of_a_whole_run_holds_and_its_first_record_tells_where_it_was_made(path: Path) -> None:
    assert _problems(path) == []
    assert _kinds(path) == ["start", "end"]
    with closing(sqlite3.connect(path)) as db:
        told = json.loads(seals(db, 1)[0].text)
    assert told["surroundings"] == bundles.SURROUNDINGS
    assert (told["previous"], told["ticks"]) == (None, 0)


@pytest.mark.parametrize("ticks", [0, 5])
def test_chain_goes_on_over_a_resumption(ticks: int, tmp_path: Path, sealer: Sealer) -> None:
    path = tmp_path / "a.db"
    with Collector(path, sealer=sealer) as collector:
        bundles.begin(collector)
        for n in range(ticks):
            collector.add([example_run.free(n)], example_run.BOOT + n)
            collector.event("gap", "at 192.0.2.1", example_run.BOOT + n)
            collector.commit(n)
        collector.event("lost", "this was never committed", example_run.BOOT)
    with Collector(path, sealer=sealer) as collector:
        collector.resume(1, metrics=example_run.METRICS, boot=example_run.BOOT, surroundings={})
        collector.event("resumed", f"on {bundles.HOST}", example_run.BOOT + 9)
        collector.commit(9)
        collector.finish(RunState.FINISHED, 10)
    assert _problems(path) == []
    assert _kinds(path) == ["start", "resume", "end"]


def test_run_that_was_killed_has_no_end_seal_and_holds(tmp_path: Path, sealer: Sealer) -> None:
    path = tmp_path / "a.db"
    with Collector(path, sealer=sealer) as collector:
        bundles.begin(collector)
        collector.commit(1)
    assert (_problems(path), _kinds(path)) == ([], ["start"])


def test_ticks_that_waited_for_the_disk_are_chained_in_order(
    tmp_path: Path, sealer: Sealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = database.transaction

    @contextmanager
    def full(db: sqlite3.Connection) -> Iterator[None]:
        with real(db):
            yield
            raise sqlite3.OperationalError("database or disk is full")

    path = tmp_path / "a.db"
    with Collector(path, sealer=sealer) as collector:
        bundles.begin(collector)
        for n in range(9):
            with monkeypatch.context() as patch:
                if n in {3, 4, 5}:
                    patch.setattr(database, "transaction", full)
                collector.add([example_run.free(n)], example_run.BOOT + n)
                collector.event("gap", f"{n}", example_run.BOOT + n)
                try:
                    collector.commit(n)
                except VpsbenchError:
                    assert n in {3, 4, 5}
        collector.finish(RunState.FINISHED, 9)
    assert _problems(path) == []
    record = reader.read(path)
    assert record.series[0].values.tolist() == [*range(9)]
    assert [event.detail for event in record.events] == [str(n) for n in range(9)]


@dataclass
class _Failing:
    """A key that is lost after some signatures."""

    left: int
    public: bytes = bytes(32)

    def sign(self, data: bytes) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise VpsbenchError("the key is gone")
        return data[:64]


@pytest.mark.parametrize(("left", "said"), [(0, ["start", "end"]), (1, ["end"])])
def test_key_that_is_lost_is_an_event_and_ends_no_run(left: int, said: list[str], tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Collector(path, sealer=Sealer(_Failing(left))) as collector:
        bundles.measure(collector)
    events = [e.detail for e in reader.read(path).events if e.kind == "unsealed"]
    assert events == [f"{kind}: no signature: the key is gone" for kind in said]
    assert reader.read(path).run.state is RunState.FINISHED
    with closing(sqlite3.connect(path)) as db:
        assert [bool(seal.signature) for seal in seals(db, 1)] == [left > 0, False]


def test_run_without_a_key_is_chained_all_the_same(tmp_path: Path) -> None:
    with Collector(tmp_path / "a.db") as collector:
        bundles.measure(collector)
    assert _problems(tmp_path / "a.db") == []


def test_file_of_the_format_before_chains_is_read_and_takes_new_runs(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    old_run(path)
    assert reader.read(path).run.elapsed == 0.5
    with Collector(path) as collector:
        bundles.measure(collector)
    assert _problems(path, 2) == []
    assert _kinds(path, 1) == []


CHANGES = {
    "UPDATE ticks SET samples = (SELECT samples FROM ticks WHERE id = 3) WHERE id = 7": "tick 7 (6 s into",
    "UPDATE ticks SET elapsed = 6.5 WHERE id = 7": "tick 7 (6.5 s into",
    "DELETE FROM ticks WHERE id = 7": "tick 8",
    "DELETE FROM ticks WHERE id > 15": "seal 2-end",
    "UPDATE turns SET elapsed = 61 WHERE id = 1": "turns, row 1: it was changed",
    "UPDATE turns SET detail = 'fine' WHERE id = 1": "turns, row 1, detail: it is not the text",
    "UPDATE events SET kind = 'nothing' WHERE id = 2": "events, row 2: it was changed",
    "UPDATE events SET detail = 'nothing' WHERE id = 1": "events, row 1, detail",
    "DELETE FROM events WHERE id = 2": "events: 1 of its rows were removed",
    "INSERT INTO events VALUES (3, 1, 5.0, 'gap', 'invented', '')": "events, row 3: it was changed, or added",
    "UPDATE series SET unit = 'B/s' WHERE id = 1": "series, row 1",
    "UPDATE runs SET seed = 43": "runs: profile, plan",
    "UPDATE runs SET plan = replace(plan, 'shared', 'dedicated')": "runs: profile, plan",
    "UPDATE runs SET guest = replace(guest, 'web7', 'web8')": "runs, guest",
    "UPDATE runs SET elapsed = 19": "runs: how and when the run ended",
    "UPDATE runs SET state = 'failed'": "runs: how and when the run ended",
    "UPDATE names SET name = 'eve' WHERE name = 'mallory'": "runs, names",
    "UPDATE seals SET text = replace(text, 'fio-3', 'fio-4') WHERE n = 1": "seal 1-start: its signature",
    "UPDATE seals SET signature = NULL WHERE n = 2": "seal 2-end: its signature was removed",
    "DELETE FROM seals WHERE n = 1": "seals: there is no record of the run's beginning",
    "DELETE FROM seals WHERE n = 2": "runs: how and when the run ended was changed, or its end seal",
    "UPDATE private SET salt = zeroblob(16) WHERE place = 'run.guest'": "runs, guest",
    "DELETE FROM private WHERE place = 'turn.1.raw'": "turns, row 1: it was changed",
    "UPDATE private SET place = 'turn.9.raw' WHERE place = 'turn.1.raw'": "private, turn.9",
}


@pytest.mark.parametrize("change", CHANGES)
def test_change_is_named(change: str, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(change)
    found = _problems(path)
    assert any(problem.startswith(CHANGES[change]) for problem in found), found
