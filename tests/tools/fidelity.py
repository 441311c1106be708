"""Does measuring change what is measured? fio through vpsbench against bare fio, one job on one file.

    python -m tests.tools.fidelity pairs|reports SECONDS [FOLDER]

Without a folder the disk is a loop device over a file in memory (as root): no disk is steadier, and on none
does what we add weigh more.

pairs: many short ones, one right after the other, which of them goes first by chance, all jobs in turn, as a
disk has moods of its own: what lasts longer than a pair falls out. Of each pair the ratio ours / bare.
reports: a machine whose moods last for seconds hides in pairs what is small. What we add is a report each
second, which fio writes and we read. So in one long job of ours, of each second: its rate over that of its
tenths in which nobody wrote or read one, and likewise the 99 % quantile of its latencies, both by fio's
histogram of each tenth. Ours and bare fio make it of the same bins.

Of all ratios, on a log scale, the Hodges-Lehmann estimate (the median of the means of every two), which
wastes less than the median does, and its 95 % interval by Wilcoxon's signed ranks. Assumed: pairs or seconds
are independent, and their log ratios symmetric, as those of pairs are where only chance says who goes first.
Prints a table for docs/method/disk.md. Needs a disk that nobody else uses.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from math import exp, inf, log, sqrt
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vpsbench.model import Metric
from vpsbench.probes.conduct.duty_cycle import DutyCycle
from vpsbench.probes.disk_file.layout import Target, lay_out
from vpsbench.probes.fio.engine import find
from vpsbench.probes.fio.job_report import JobReport
from vpsbench.probes.fio.jobs import JobName, arguments
from vpsbench.probes.fio.metrics import DIRECT
from vpsbench.probes.fio.process import FioProcess

JOBS: Final[tuple[JobName, ...]] = ("randread-qd1", "randread-qd32", "seqread", "randwrite-qd1")
LENGTH: Final = 2  # s of a job: two reports
SIZE: Final = 256 * 1024**2
BUDGET: Final = 256 * 1024**2  # B a writing job may write
HEAD: Final = "| job | pairs | IOPS, bare | IOPS: ours / bare | p99, bare | p99: ours / bare |"
DISK: Final = 512 * 1024**2  # B of the file system in memory
TENTH: Final = 0.1  # s
BITS: Final = 6  # fio's histograms have 2 ** 6 bins for each doubling (its stat.h)
WRITES: Final = 0.1  # s that fio may take to write a report, before we hear it
OURS: Final = ("--status-interval", "--write_", "--log_")  # what bare fio is not told
Both = tuple[tuple[float, float], tuple[float, float]]  # ours and bare: IOPS and p99 in s


class Kept:
    """An ``Emit`` that keeps rates and the 99 % quantile."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.p99: list[float] = []

    def sample(self, metric: Metric, value: float, at: float | None = None, **labels: str) -> None:
        """See ``Emit``."""
        del at
        if metric == DIRECT.iops:
            self.rates.append(value)
        elif metric == DIRECT.quantile and labels["q"] == "0.99":
            self.p99.append(value)

    def series(self, *_: object, **__: object) -> None:
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
    report = JobReport(job, flush=False, to=DIRECT, emit=kept)
    with FioProcess(line, folder, report.hear) as process:
        process.wait(inf)
    report.end(process.left(), folder)
    return float(np.mean(kept.rates)), kept.p99[0]


def bare(line: list[str], job: str, folder: Path) -> tuple[float, float]:
    """The same, as bare fio says at its end."""
    plain = [word for word in line if not word.startswith(OURS)]
    done = subprocess.run(["fio", *plain], cwd=folder, capture_output=True, text=True, check=True)
    (found,) = json.loads(done.stdout)["jobs"]
    way: dict[str, Any] = found["write" if "write" in job else "read"]
    return float(way["iops"]), way["clat_ns"]["percentile"]["99.000000"] / 1e9


def estimate(ratios: Sequence[float]) -> tuple[float, float, float]:
    """Of ratios (two at least): the Hodges-Lehmann estimate and its 95 % interval."""
    logs, count = [log(ratio) for ratio in ratios], len(ratios)
    walsh = sorted((logs[i] + logs[j]) / 2 for i in range(count) for j in range(i, count))
    spread = sqrt(count * (count + 1) * (2 * count + 1) / 24)  # of the signed-rank statistic
    out = max(int(len(walsh) / 2 - 1.96 * spread), 0)
    return exp(median(walsh)), exp(walsh[out]), exp(walsh[-1 - out])


def pairs(target: Target, engine: str, seconds: float) -> None:
    """Measures and prints."""
    rng, until = np.random.default_rng(), time.monotonic() + seconds
    found: dict[JobName, list[Both]] = {job: [] for job in JOBS}
    for job in JOBS:
        _pair(job, target, engine, rng)  # once for nothing: the first is always another one
    while time.monotonic() < until:
        for job in JOBS:
            found[job].append(_pair(job, target, engine, rng))
    sys.stdout.write(f"{engine}\n{HEAD}\n{'|---' * 6}|\n")
    for job in JOBS:
        sys.stdout.write(f"{_row(job, found[job])}\n")


def _pair(job: JobName, target: Target, engine: str, rng: np.random.Generator) -> Both:
    line = arguments(job, target, engine, LENGTH, BUDGET)
    both = {way: way(line, job, target.path.parent) for way in rng.permutation(np.array([ours, bare]))}
    return both[ours], both[bare]


def _row(job: JobName, pairs: list[Both]) -> str:
    cells = [job, str(len(pairs))]
    for place, unit in enumerate(("{:,.0f}", "{:.3g} s")):
        cells += [unit.format(median(plain[place] for _, plain in pairs))]
        cells += [_said([mine[place] / plain[place] for mine, plain in pairs])]
    return f"| {' | '.join(cells)} |"


def _said(ratios: Sequence[float]) -> str:
    found, low, high = estimate(ratios)
    return f"{found:.3f} ({low:.3f} to {high:.3f})"


def reports(target: Target, engine: str, seconds: float) -> None:
    """Measures and prints."""
    head = "of a second / of its tenths without a report"
    sys.stdout.write(f"| job | seconds | rate {head} | p99 {head} |\n{'|---' * 4}|\n")
    for job in JOBS:
        rates, quantiles = zip(*_seconds(job, target, engine, int(seconds / len(JOBS))), strict=True)
        sys.stdout.write(f"| {job} | {len(rates)} | {_said(rates)} | {_said(quantiles)} |\n")


def _seconds(job: JobName, target: Target, engine: str, length: int) -> list[tuple[float, float]]:
    """Of each second of a job: its rate and its p99 over those of its quiet tenths."""
    folder, spans = target.path.parent, []
    report = JobReport(job, flush=False, to=DIRECT, emit=Kept())

    def heard(text: str) -> None:
        began = time.time()
        report.hear(text)
        spans.append((began - WRITES, time.time()))

    line = arguments(job, target, engine, length, length * BUDGET)
    log = [f"--write_hist_log={job}", f"--log_hist_msec={1000 * TENTH:.0f}"]
    with FioProcess([*line, *log], folder, heard) as process:
        process.wait(inf)
    rows = np.loadtxt(folder / f"{job}_clat_hist.1.log", delimiter=",", dtype=np.int64)
    ends, counts = rows[:, 0] / 1000, rows[:, 3:]
    lengths = np.diff(ends, prepend=ends[0] - TENTH)
    beside = np.any([(ends > since) & (ends - lengths < until) for since, until in spans], axis=0)
    whole = np.floor(ends - ends[0]).astype(int)
    parts = [(whole == k, (whole == k) & ~beside) for k in range(1, whole.max())]
    told = [
        [(counts[part].sum() / lengths[part].sum(), p99(counts[part])) for part in both]
        for both in parts
        if 0 < both[1].sum() < both[0].sum()
    ]
    return [(all_[0] / quiet[0], all_[1] / quiet[1]) for all_, quiet in told]


def p99(counts: NDArray[np.int64]) -> float:
    """The 99 % quantile in ns of fio's histograms, within a bin by its place: a bin is 1.6 % wide."""
    total = np.cumsum(counts.sum(axis=0))
    place = np.arange(1, total.size + 1)
    scale = np.maximum((place >> BITS) - 1, 0)
    ends = np.where(scale > 0, (place % 2**BITS + 2**BITS) << scale, place)
    return float(np.interp(0.99 * total[-1], total, ends))


@contextmanager
def in_memory() -> Iterator[str]:
    """A file system in memory, behind a loop device; it leaves nothing."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as path:
        image, mount = Path(path) / "image", Path(path) / "mount"
        image.write_bytes(b"")
        os.truncate(image, DISK)
        mount.mkdir()
        subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", image], check=True)
        subprocess.run(["mount", "-o", "loop", image, mount], check=True)
        try:
            yield str(mount)
        finally:
            subprocess.run(["umount", mount], check=True)


def main(way: str, seconds: float, place: str | None = None) -> None:
    """Lays out a file and measures on it."""
    with nullcontext(place) if place else in_memory() as disk, tempfile.TemporaryDirectory(dir=disk) as path:
        target = lay_out(Path(path) / "data", SIZE, inf, np.random.default_rng().bytes, DutyCycle(1.0))
        {"pairs": pairs, "reports": reports}[way](target, find(target).name, seconds)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), *sys.argv[3:4])
