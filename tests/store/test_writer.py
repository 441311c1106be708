"""What is committed stays, whatever happens to the writer afterwards."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders import example_run
from tests.builders.example_run import BOOT, free, steal
from tests.places import TREE
from vpsbench.errors import FAILED
from vpsbench.model import Record, RunState, Sample
from vpsbench.store import reader
from vpsbench.store.writer import Collector

# Ticks without end; a line for each that is committed.
WRITER = """
import sys
from itertools import count
from pathlib import Path
from tests.builders import example_run
from vpsbench.store.writer import Collector
from vpsbench.errors import VpsbenchError
{before}
try:
    collector = Collector(Path(sys.argv[1]))
    example_run.begin(collector)
    for n in count():
        collector.add([example_run.steal(n, vcpu) for vcpu in range(50)], at=example_run.BOOT + n)
        collector.commit(n)
        print(n, flush=True)
except VpsbenchError as error:
    print(error.exit_code, error.message)
"""

STEP_BY_STEP = """
class Collector(Collector):
    def commit(self, n):
        input()
        try:
            super().commit(n)
        except VpsbenchError as error:
            print(error.message, flush=True)
            input()
            super().commit(n)
"""


def _writer(path: Path, before: str = "", stdin: int | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER.format(before=before), str(path)],
        cwd=TREE,
        stdin=stdin,
        stdout=subprocess.PIPE,
        text=True,
    )


def _seen(record: Record) -> list[float]:
    return [] if not record.series else record.series[0].values.tolist()


def test_killed_writer_loses_no_committed_tick(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with _writer(path) as writer:
        assert writer.stdout is not None
        for _ in range(30):
            writer.stdout.readline()
        while_writing = [_seen(reader.read(path)) for _ in range(2)]
        writer.kill()
        lines = writer.stdout.read().splitlines()
    committed = int(lines[-1]) if lines else 29
    record = reader.read(path)
    after = _seen(record)
    assert after in (
        [*range(committed + 1)],
        [*range(committed + 2)],
    )  # the last line may not have been printed
    assert all(30 <= len(seen) <= len(after) and seen == after[: len(seen)] for seen in while_writing)
    assert record.run.state is RunState.RUNNING
    assert record.run.elapsed == after[-1]


def test_next_run_goes_into_the_file_of_a_killed_one(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with _writer(path) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        writer.kill()
    with Collector(path) as collector:
        example_run.fill(collector, ticks=3)
    assert [run.state for run in reader.runs(path)] == [RunState.RUNNING, RunState.FINISHED]
    assert _seen(reader.read(path, 1))[0] == 0
    assert list(tmp_path.iterdir()) == [path]


def test_disk_that_takes_no_more_is_told_and_what_was_committed_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))"
    with _writer(path, before=limit) as writer:
        output, _ = writer.communicate()
    *committed, last = output.splitlines()
    assert last.startswith(f"{FAILED} Cannot write to {path}: ")
    assert len(committed) > 3
    assert _seen(reader.read(path)) == [float(n) for n in committed]


def test_permission_that_is_withdrawn_is_told_and_ends_no_process(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with _writer(path, STEP_BY_STEP, stdin=subprocess.PIPE) as writer:

        def commit() -> str:
            assert writer.stdin is not None
            assert writer.stdout is not None
            writer.stdin.write("\n")
            writer.stdin.flush()
            return writer.stdout.readline()

        assert commit() == "0\n"
        files = [*tmp_path.glob("a.db*")]
        try:
            if subprocess.run(["chattr", "+i", *files], check=False, capture_output=True).returncode:
                pytest.skip("this user, or this file system, cannot make files immutable")
            assert "it is read-only" in commit()
        finally:
            subprocess.run(["chattr", "-i", *files], check=False, capture_output=True)
            stored = commit()
            writer.kill()
    assert stored == "1\n"
    assert len(_seen(reader.read(path))) == 2


def test_disk_too_full_for_a_new_file_leaves_none(tmp_path: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (9_000, 9_000))"
    with _writer(tmp_path / "a.db", before=limit) as writer:
        output, _ = writer.communicate()
    assert output.startswith(f"{FAILED} Cannot write to ")
    assert not list(tmp_path.iterdir())


def test_what_waits_is_stored_once_the_disk_takes_it_again(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    before = (
        "import atexit, resource\n"
        "limit = lambda n: resource.setrlimit(resource.RLIMIT_FSIZE, (n, -1))\n"
        "limit(300_000)\n"
        "atexit.register(lambda: (limit(-1), collector.finish('failed', 999)))"
    )
    with _writer(path, before) as writer:
        output, _ = writer.communicate()
    committed = output.splitlines()[:-1]
    record = reader.read(path)
    assert _seen(record) == [*range(len(committed) + 1)]
    assert (record.run.state, record.run.elapsed) == (RunState.FAILED, 999)


def test_only_what_was_committed_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Collector(path) as collector:
        example_run.begin(collector)
        collector.add([free(1)], BOOT)
        collector.commit(1)
        collector.add([free(2)], BOOT + 1)
        collector.event("pause", "", BOOT + 1)
    record = reader.read(path)
    assert _seen(record) == [1]
    assert record.events == ()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_value_that_is_no_number_is_refused_with_its_whole_batch(value: float, tmp_path: Path) -> None:
    with Collector(tmp_path / "a.db") as collector:
        example_run.begin(collector)
        with pytest.raises(ValueError, match="not finite"):
            collector.add([free(1), free(value)], BOOT)
        with pytest.raises(ValueError, match="not finite"):
            collector.add([free(1, at=value)], BOOT)
        collector.commit(1)
    assert reader.read(tmp_path / "a.db").series == ()


def test_metric_that_was_not_announced_is_refused(tmp_path: Path) -> None:
    with Collector(tmp_path / "a.db") as collector:
        example_run.begin(collector)
        with pytest.raises(KeyError, match=r"'cpu\.tmie' was not announced"):
            collector.add([Sample(replace(example_run.STEAL, name="cpu.tmie"), 1)], BOOT)
        with pytest.raises(KeyError, match=r"'cpu\.tmie' was not announced"):
            collector.gap("cpu.tmie", (), BOOT)


def test_week_fits_into_150_mb(tmp_path: Path) -> None:
    """150 series that all change in every tick, a tick each 10 s: 9.1 million readings."""
    path = tmp_path / "a.db"
    ticks = 1000
    with Collector(path) as collector:
        example_run.begin(collector)
        for n in range(ticks):
            # Hundredths of a second, as in /proc/stat, that grow unevenly.
            collector.add(
                [steal((n * 997 + n * n * vcpu % 89) / 100, vcpu) for vcpu in range(150)], BOOT + 10 * n
            )
            collector.commit(10 * n)
    assert path.stat().st_size * 60_480 / ticks < 150e6
