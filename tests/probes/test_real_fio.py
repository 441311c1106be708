"""The disk probe with the real fio, on this machine's disk; how fast that is does not matter."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import psutil
import pytest

from tests.places import TREE
from tests.probes.collected import Collected
from tests.probes.fake_fio import MIB, request
from vpsbench.probes import disk
from vpsbench.probes.disk import Options, run
from vpsbench.probes.disk_file.layout import Target
from vpsbench.probes.disk_file.metrics import FLUSH_LATENCY, WRITTEN
from vpsbench.probes.fio.jobs import BURST, FLUSH, JOBS, arguments
from vpsbench.probes.fio.metrics import DIRECT


@pytest.mark.system
def test_every_job_measures_and_heeds_the_budget(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hurried(name: str, target: Target, engine: str, seconds: int, budget: int) -> list[str]:
        """A second is long where there are eleven jobs; only the burst is to show more than one report."""
        line = arguments(name, target, engine, seconds, budget)
        return line if name == BURST else [word.replace("--runtime=1", "--runtime=400ms") for word in line]

    monkeypatch.setattr(disk, "arguments", hurried)
    emit, budget = Collected(), 256 * MIB
    run(request(folder, 60, Options(seconds=1.0, burst=2.0, file_size=32 * MIB), budget), emit)
    assert set(emit.kinds) <= {"disk.engine", "disk.silent"}
    for name in JOBS.keys() - {FLUSH}:
        assert emit.values(DIRECT.quantile, job=name), name
        if name == "seqwrite" and not emit.values(DIRECT.iops, job=name):
            continue  # a quick disk writes all that the budget allows before a rate can be told
        assert emit.values(DIRECT.iops, job=name), name
        assert f"{name}.json" in emit.raws
        assert min(emit.values(DIRECT.bandwidth, job=name)) > 0
        assert all(
            one.at is None for one in emit.kept(DIRECT.iops, job=name)
        )  # handed over when it was heard
        assert bool(emit.values(DIRECT.latency, job=name)) == (name != "fdatasync")
        assert bool(emit.values(WRITTEN, job=name)) == bool(JOBS[name].writes)
    assert sum(emit.values(WRITTEN, job="layout")) == 32 * MIB
    flushes = Counter(one.labels["dirty"] for one in emit.kept(FLUSH_LATENCY))
    assert flushes.keys() <= {"0", "4096", "1048576", "16777216"}  # the budget has no 256 MiB for one of them
    assert flushes["0"] > 0
    assert 32 * MIB < sum(emit.values(WRITTEN)) <= budget
    assert emit.told() <= set(disk.PROBE.metrics)
    assert list(folder.iterdir()) == []


WORKER = """
import signal, sys
from pathlib import Path
from tests.probes.collected import Collected
from tests.probes.fake_fio import request
from vpsbench.probes.fio.metrics import DIRECT
from vpsbench.probes.disk import Options, run
class Printing(Collected):
    def note(self, text):
        print(text, flush=True)
    def sample(self, metric, value, at=None, **labels):
        super().sample(metric, value, at, **labels)
        print(metric, flush=True)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
emit = Printing()
try:
    run(request(Path(sys.argv[1]), 300, Options(jobs=("burst",), burst=200.0, file_size=16 << 20)), emit)
finally:
    print("seconds:", len(emit.values(DIRECT.iops, job="burst")), flush=True)
"""


@pytest.mark.system
def test_a_turn_that_is_ended_keeps_what_it_measured_and_leaves_nothing(folder: Path) -> None:
    root = str(TREE)
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    ) as worker:
        assert worker.stdout is not None
        while "disk.fio.iops" not in worker.stdout.readline():
            pass
        fios = psutil.Process(worker.pid).children(recursive=True)
        worker.send_signal(signal.SIGTERM)
        rest = worker.stdout.read()
    assert worker.returncode == 143
    assert int(rest.split("seconds:")[1]) >= 1
    assert fios
    assert psutil.wait_procs(fios, timeout=10)[1] == []
    assert list(folder.iterdir()) == []
