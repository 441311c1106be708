"""A score turn as it is: pyperf measures, says what the work ran in, and is asked what it objects to."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

from vpsbench import __version__
from vpsbench.analyzer.signs.score_stability import CHECK, objections
from vpsbench.probes import Request, score
from vpsbench.probes.conduct.duty_cycle import Pace
from vpsbench.probes.score import PROBE, Options

VCPU = min(os.sched_getaffinity(0))


class Heard:
    """All that a probe hands over."""

    def __init__(self) -> None:
        self.samples: dict[str, list[float]] = defaultdict(list)
        self.events: list[str] = []
        self.raws: dict[str, str] = {}

    def sample(self, metric: str, value: float, at: float | None = None, **labels: str) -> None:
        del at
        self.samples[f"{metric} {labels['benchmark']} {labels['arm']}"].append(value)

    def course(self, metric: str, values: Sequence[float], at: Sequence[float], **labels: str) -> None:
        raise AssertionError((metric, values, at, labels))

    def event(self, kind: str, detail: str) -> None:
        self.events.append(f"{kind}: {detail}")

    def raw(self, name: str, text: str) -> None:
        self.raws[name] = text

    def note(self, text: str) -> None:
        del text


def test_a_turn_keeps_scores_versions_and_pyperfs_own_doubts(tmp_path: Path) -> None:
    heard = Heard()
    options = Options(benchmarks=("hashing",), processes=1, values=2)
    request = Request(
        seconds=60, options=options, write_budget=0, folder=str(tmp_path), vcpus=(VCPU,), seed=1
    )
    PROBE.run(request, heard)
    assert heard.events == []
    assert set(heard.samples) == {"score.time hashing single", "score.time hashing all"}
    assert set(heard.raws) == {CHECK, f"pyperf-hashing-single-{VCPU}", f"pyperf-hashing-all-{VCPU}"}
    noted = json.loads(heard.raws[f"pyperf-hashing-all-{VCPU}"])["metadata"]
    assert noted["sqlite_version"] == sqlite3.sqlite_version
    assert noted["vpsbench_version"] == __version__
    assert {"openssl_version", "zlib_version", "python_version", "perf_version"} <= noted.keys()
    about = {score for score, _ in objections(heard.raws[CHECK])}
    assert about <= {"hashing on one vCPU", "hashing on all vCPUs"}
    assert bool(about) != ("seem to be stable" in heard.raws[CHECK])


def test_a_turn_too_short_for_anything_says_so_and_asks_pyperf_nothing(tmp_path: Path) -> None:
    heard = Heard()
    options = Options(benchmarks=("float",))
    PROBE.run(Request(0.01, options, 0, str(tmp_path), (VCPU,), 1), heard)
    assert heard.raws == {}
    assert heard.events[0] == "score_cut: float (single) did not end within the turn"


def test_a_rest_follows_each_benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def measure(benchmark: str, arm: str, *_: object) -> dict[str, str]:
        done.append(f"{benchmark} {arm}")
        time.sleep(0.01)
        return {}

    def rest(_: float) -> None:
        done.append("rest")

    monkeypatch.setattr(score, "_measure", measure)
    monkeypatch.setattr(score, "Pace", lambda duty, seconds: Pace(duty, seconds, sleep=rest))
    PROBE.run(Request(60, Options(benchmarks=("float",)), 0, str(tmp_path), (VCPU,), 1, duty=0.5), Heard())
    assert done == ["float single", "rest", "float all", "rest"]


def test_wrong_options_are_named() -> None:
    with pytest.raises(ValueError, match="sha3 unknown"):
        Options(benchmarks=("sha3",))
