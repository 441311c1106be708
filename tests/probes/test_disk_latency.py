"""The sparse look at the disk: what it reads, what it tells, and that it leaves nothing."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.probes.collected import Collected
from vpsbench.probes import Request, Unavailable, disk_latency
from vpsbench.probes.disk_file.metrics import SPARSE_LATE, SPARSE_LATENCY, WRITTEN
from vpsbench.probes.disk_latency import Options, run

MIB = 1024**2


def request(folder: Path, seconds: float = 2.0, **changes: int) -> Request:
    options = Options(every=0.02, file_size=16 * MIB)
    return Request(seconds, options, changes.get("budget", 1024 * MIB), str(folder), (0,), 1)


def test_reads_are_told_with_the_pauses_before_them(folder: Path) -> None:
    kept, before = Collected(), time.clock_gettime(time.CLOCK_BOOTTIME)
    run(request(folder), kept)
    lasted = time.clock_gettime(time.CLOCK_BOOTTIME) - before
    latency, late = kept.values(SPARSE_LATENCY), kept.values(SPARSE_LATE)
    assert len(latency) == len(late) > 10
    assert min(latency) >= 0
    assert min(late) >= 0
    assert sum(latency) + sum(late) < lasted
    at = [one.at or 0 for one in kept.kept(SPARSE_LATE)]
    assert at == sorted(at)
    assert before < at[0]
    assert sum(kept.values(WRITTEN, job="sparse")) in {n * 4 * MIB for n in range(1, 5)}, (
        "as far as the time for it goes"
    )
    assert not list(folder.iterdir())
    assert not kept.events
    assert kept.told() <= set(disk_latency.PROBE.metrics)


def test_the_file_goes_once_others_need_its_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Collected()

    def crowded(_: Path) -> None:
        raise OSError(errno.ENOSPC, "others need it")

    monkeypatch.setattr(disk_latency, "make_way", crowded)
    monkeypatch.setattr(disk_latency, "TOLD", 0.2)
    run(request(folder, 60.0), kept)
    ((kind, _),) = kept.events
    assert kind == "disk.full"
    assert kept.values(SPARSE_LATENCY)
    assert not list(folder.iterdir())


def test_it_writes_an_eighth_of_what_may_be_written_at_most(folder: Path) -> None:
    with pytest.raises(Unavailable, match="no room for a file"):
        run(request(folder, budget=100 * MIB), Collected())
    assert not list(folder.iterdir())


def test_memory_is_no_disk() -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as path, pytest.raises(Unavailable, match="memory"):
        run(request(Path(path)), Collected())


@pytest.mark.parametrize("options", [{"every": 0.001}, {"every": 60}, {"file_size": 0}])
def test_impossible_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Options(**options)  # type: ignore[arg-type]  # as a profile gives them


def test_a_turn_that_is_ended_tells_what_it_saw_and_leaves_nothing(folder: Path) -> None:
    asked = json.dumps(asdict(request(folder, 100.0)))
    command = [sys.executable, "-m", "vpsbench.probes", disk_latency.PROBE.name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(asked)
        process.stdin.close()
        for _ in range(4):  # blocks of the file
            assert "written" in process.stdout.readline()
        time.sleep(1.5)
        os.kill(process.pid, signal.SIGTERM)
        said = [json.loads(line) for line in process.stdout]
    assert {line["metric"] for line in said if line["kind"] == "series"} == {
        SPARSE_LATENCY.name,
        SPARSE_LATE.name,
    }
    assert not list(folder.iterdir())
