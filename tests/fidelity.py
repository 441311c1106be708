"""Does measuring change what is measured? fio through vpsbench against bare fio, one job on one file.

    python -m tests.fidelity [PAIRS [FOLDER]]

In pairs, one right after the other, which of them goes first by chance, as the disk has moods of its own. The
ratio ours / bare of each pair, its median over the pairs, and an interval for it by order statistics.
Prints a table for docs/method.md. Needs a disk that nobody else uses; a pair of all jobs takes about 30 s.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from math import comb, inf
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from vpsbench.probes._engine import find
from vpsbench.probes._fio import Process
from vpsbench.probes._fio_report import DIRECT, Report
from vpsbench.probes._jobs import JobName, arguments
from vpsbench.probes._layout import Target, lay_out
from vpsbench.probes._pace import Pace

JOBS: Final[tuple[JobName, ...]] = ("randread-qd1", "randread-qd32", "seqread", "randwrite-qd1")
SECONDS: Final = 3
SIZE: Final = 512 * 1024**2
BUDGET: Final = 256 * 1024**2  # B a writing job may write
HEAD: Final = "| job | IOPS, bare | IOPS: ours / bare | p99, bare | p99: ours / bare |\n|---|---|---|---|---|"
OURS: Final = ("--status-interval", "--write_", "--log_")  # what bare fio is not told


class Kept:
    """An ``Emit`` that keeps rates and the 99 % quantile."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = defaultdict(list)

    def sample(self, metric: str, value: float, at: float | None = None, **labels: str) -> None:
        """See ``Emit``."""
        del at
        self.values[metric.rpartition(".")[2] + labels.get("q", "")].append(value)

    def course(self, *_: object, **__: object) -> None:
        """See ``Emit``."""

    def event(self, kind: str, detail: str) -> None:
        """See ``Emit``."""
        raise RuntimeError(f"{kind}: {detail}")

    def raw(self, *_: object) -> None:
        """See ``Emit``."""

    def note(self, *_: object) -> None:
        """See ``Emit``."""


def ours(line: list[str], job: str, folder: Path) -> tuple[float, float]:
    """IOPS and p99 in s, as a run would have stored them."""
    kept = Kept()
    report = Report(job, flush=False, family=DIRECT, emit=kept)
    with Process(line, folder, report.hear) as process:
        process.wait(inf)
    report.end(process.left(), folder)
    return float(np.mean(kept.values["iops"])), kept.values["latency_quantile0.99"][0]


def bare(line: list[str], job: str, folder: Path) -> tuple[float, float]:
    """The same, as bare fio says at its end."""
    plain = [word for word in line if not word.startswith(OURS)]
    done = subprocess.run(["fio", *plain], cwd=folder, capture_output=True, text=True, check=True)
    (found,) = json.loads(done.stdout)["jobs"]
    way: dict[str, Any] = found["write" if "write" in job else "read"]
    return float(way["iops"]), way["clat_ns"]["percentile"]["99.000000"] / 1e9


def interval(values: Sequence[float]) -> tuple[float, float]:
    """For the median, 95 %, by order statistics: no assumption but that pairs are independent."""
    count = len(values)
    below, rank = 0.0, 0
    while below + comb(count, rank) / 2**count <= 0.025:
        below += comb(count, rank) / 2**count
        rank += 1
    ordered = sorted(values)
    return (ordered[rank - 1], ordered[count - rank]) if rank else (0.0, inf)


def main(pairs: int, place: str | None) -> None:
    """Measures and prints."""
    rng = np.random.default_rng()
    with tempfile.TemporaryDirectory(dir=place) as path:
        folder = Path(path)
        target = lay_out(folder / "data", SIZE, inf, rng, Pace(1.0))
        engine = find(target)
        sys.stdout.write(f"{pairs} pairs, {engine.name}\n{HEAD}\n")
        for job in JOBS:
            sys.stdout.write(f"{_row(job, target, engine.name, pairs, rng)}\n")
            sys.stdout.flush()


def _row(job: JobName, target: Target, engine: str, pairs: int, rng: np.random.Generator) -> str:
    line, folder = arguments(job, target, engine, SECONDS, BUDGET), target.path.parent
    bare(line, job, folder)  # once for nothing: the first is always another one
    found = []
    for _ in range(pairs):
        both = {}
        for way in rng.permutation(np.array([ours, bare])):
            both[way] = way(line, job, folder)
            time.sleep(0.2)
        found.append((both[ours], both[bare]))
    cells: list[str] = [job]
    for place, unit in enumerate(("{:,.0f}", "{:.3g} s")):
        ratios = [mine[place] / plain[place] for mine, plain in found]
        low, high = interval(ratios)
        cells += [unit.format(median(plain[place] for _, plain in found))]
        cells += [f"{median(ratios):.3f} ({low:.3f} to {high:.3f})"]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20, sys.argv[2] if len(sys.argv) > 2 else None)
