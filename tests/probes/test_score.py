"""A score turn as it is: pyperf measures, says what the work ran in, and is asked what it objects to."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from pathlib import Path

import pytest

from tests.probes.collected import Collected
from vpsbench import __version__
from vpsbench.analyzer.signs.score_stability import CHECK, objections
from vpsbench.probes import Request, score
from vpsbench.probes.conduct.duty_cycle import DutyCycle
from vpsbench.probes.score import PROBE, Options

VCPU = min(os.sched_getaffinity(0))


def test_a_turn_keeps_scores_versions_and_pyperfs_own_doubts(tmp_path: Path) -> None:
    heard = Collected()
    options = Options(benchmarks=("hashing",), processes=1, values=2)
    request = Request(
        seconds=60, options=options, write_budget=0, folder=str(tmp_path), vcpus=(VCPU,), seed=1
    )
    PROBE.run(request, heard)
    assert heard.events == []
    assert heard.told() <= set(PROBE.metrics)
    assert [(one.labels["benchmark"], one.labels["arm"]) for one in heard.kept(score.TIME)] == [
        ("hashing", "single"),
        ("hashing", "all"),
    ]
    assert set(heard.raws) == {CHECK, f"pyperf-hashing-single-{VCPU}", f"pyperf-hashing-all-{VCPU}"}
    noted = json.loads(heard.raws[f"pyperf-hashing-all-{VCPU}"])["metadata"]
    assert noted["sqlite_version"] == sqlite3.sqlite_version
    assert noted["vpsbench_version"] == __version__
    assert {"openssl_version", "zlib_version", "python_version", "perf_version"} <= noted.keys()
    about = {score for score, _ in objections(heard.raws[CHECK])}
    assert about <= {"hashing on one vCPU", "hashing on all vCPUs"}
    assert bool(about) != ("seem to be stable" in heard.raws[CHECK])


def test_a_turn_too_short_for_anything_says_so_and_asks_pyperf_nothing(tmp_path: Path) -> None:
    heard = Collected()
    options = Options(benchmarks=("float",))
    PROBE.run(Request(0.01, options, 0, str(tmp_path), (VCPU,), 1), heard)
    assert heard.raws == {}
    assert heard.events[0] == ("score_cut", "float (single) did not end within the turn")


def test_a_rest_follows_each_benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def measure(benchmark: str, arm: str, *_: object) -> dict[str, str]:
        done.append(f"{benchmark} {arm}")
        time.sleep(0.01)
        return {}

    def rest(_: float) -> None:
        done.append("rest")

    monkeypatch.setattr(score, "_measure", measure)
    monkeypatch.setattr(score, "DutyCycle", lambda duty, seconds: DutyCycle(duty, seconds, sleep=rest))
    PROBE.run(
        Request(60, Options(benchmarks=("float",)), 0, str(tmp_path), (VCPU,), 1, duty=0.5), Collected()
    )
    assert done == ["float single", "rest", "float all", "rest"]


def test_wrong_options_are_named() -> None:
    with pytest.raises(ValueError, match="sha3 unknown"):
        Options(benchmarks=("sha3",))
