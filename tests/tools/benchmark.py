"""What it costs to have vpsbench: the table of docs/benchmarks.md.

``python -m tests.tools.benchmark [DOCUMENT]``.

All figures are of one run, on one machine, side by side: a minute of vpsbench at one tick a second without
load, with sadc and vmstat beside it; then a run of a month in which that minute comes again and again,
written through the real collector, and judged and drawn as it was after a day, three, a week, and all of it.
"""

from __future__ import annotations

import math
import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import psutil

from tests.places import TREE
from tests.tools import day
from vpsbench import metrics
from vpsbench.model import Record
from vpsbench.store import database
from vpsbench.store.reader import read

SECONDS: Final = 60  # of watching, of which
WARM: Final = 8  # the first are not counted: imports, first reads
DAY: Final = 86_400
MB: Final = 1e6
PROFILE: Final = f"""
description = "a minute without load"
duration = "{SECONDS + 30} s"
[[turns]]
probe = "cpu"
duration = "10 s"
options = {{ bin = 1.0 }}
start = "{SECONDS + 15} s"
"""
BEGIN, END = "<!-- measured -->", "<!-- till here -->"
DAYS: Final = (1, 3, 7, 30)
# What the profile "week" does in an hour, on average: probe, start in the hour, seconds.
ROUND: Final = (("cpu", 0, 180), ("disk", 200, 60), ("score", 300, 7))


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    ours: float
    unit: str
    limit: float
    beside: tuple[tuple[str, float], ...] = ()

    def __str__(self) -> str:
        others = "; ".join(
            f"{name} {value:.3g}, {self.ours / value:.2g} times that" for name, value in self.beside
        )
        fits = "yes" if self.ours <= self.limit else "NO"
        limit, fits = (f"{self.limit:g} {self.unit}", fits) if self.limit < math.inf else ("none", "")
        return f"| {self.what} | {self.ours:.3g} {self.unit} | {limit} | {fits} | {others} |"


def watch(folder: Path) -> list[Row]:
    """A minute side by side."""
    (folder / "idle.toml").write_text(PROFILE, encoding="utf-8")
    run = ["-m", "vpsbench", "run", "--profile", folder / "idle.toml", "--db", folder / "run.db", "--no-html"]
    with (folder / "log").open("wb") as log:
        ours = psutil.Popen([sys.executable, *map(str, run)], stdout=log, stderr=log, env=_alone(folder))
        while "run 1:" not in (folder / "log").read_text(encoding="utf-8"):
            time.sleep(0.1)
        time.sleep(WARM)
        others = {
            "sadc": psutil.Popen([_sadc(), "1", str(SECONDS), str(folder / "sa")]),
            "vmstat": psutil.Popen(["vmstat", "1", str(SECONDS)], stdout=subprocess.DEVNULL),
        }
        before = _cpu(ours)
        time.sleep(SECONDS - 5)
        cost = (_cpu(ours) - before) / (SECONDS - 5)
        beside = {
            name: (_cpu(one) / (SECONDS - 5), one.memory_info().rss / MB) for name, one in others.items()
        }
        resident = ours.memory_info().rss / MB
        for one in (*others.values(), ours):
            one.wait()
    ticks = statistics.median(read(folder / "run.db").named(metrics.TICK_COST)[0].values)
    a_day = DAY * (folder / "sa").stat().st_size / SECONDS / MB
    names = [(name, 1e3 * cpu) for name, (cpu, _) in beside.items()]
    return [
        Row("a tick of all monitors, CPU time", 1e3 * ticks, "ms", 1, tuple(names)),
        Row(
            "a second of the whole run (tick, encoding, storing), CPU time",
            1e3 * cost,
            "ms",
            math.inf,
            tuple(names),
        ),
        Row(
            "supervisor between turns, resident",
            resident,
            "MB",
            45,
            tuple((n, r) for n, (_, r) in beside.items()),
        ),
        Row("database, a day at 1/s without load", _a_day(folder), "MB", 25, (("sadc's file", a_day),)),
    ]


def _sadc() -> str:
    found = shutil.which("sadc", path="/usr/lib/sysstat:/usr/lib64/sa:/usr/lib/sa:" + os.environ["PATH"])
    assert found, "sysstat is missing: apt-get install sysstat"
    return found


def _alone(folder: Path) -> dict[str, str]:
    return os.environ | {"VPSBENCH_LOCK_DIR": str(folder)}


def _cpu(process: psutil.Popen) -> float:
    """CPU time so far, s: /proc/PID/stat would count in hundredths."""
    return int(Path(f"/proc/{process.pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9


def _a_day(folder: Path) -> float:
    """The file that a day of such ticks makes, MB: those of the minute, over and over."""
    path = folder / "day.db"
    with closing(sqlite3.connect(folder / "run.db")) as db:
        rows = db.execute("SELECT run, elapsed, samples, digest, others FROM ticks ORDER BY id").fetchall()
    rows = rows[WARM:SECONDS]
    with closing(database.writable(path)) as db:
        empty = path.stat().st_size
        many = (
            (r, n, s, d, o)
            for n, (r, _, s, d, o) in zip(range(DAY), rows * (DAY // len(rows) + 1), strict=False)
        )
        db.execute("PRAGMA foreign_keys = OFF")
        with database.transaction(db):
            db.executemany(
                "INSERT INTO ticks (run, elapsed, samples, digest, others) VALUES (?, ?, ?, ?, ?)", many
            )
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return (path.stat().st_size - empty) / MB


@dataclass(frozen=True)
class Report:
    """What a report about a run of some days takes."""

    database: float  # MB
    wall: float  # s
    cpu: float  # s, its children's, too
    resident: float  # MB, at most


@contextmanager
def growing(folder: Path, real: Record) -> Iterator[Callable[[], dict[int, Report]]]:
    """A run that grows meanwhile; what it gives measures the reports about it, by days."""
    kept = {days: folder / f"{days}.db" for days in DAYS}
    writer = get_context("fork").Process(target=_grow, args=(folder / "month.db", real, kept))
    writer.start()
    try:
        yield lambda: {days: _when_there(path, psutil.Process(writer.pid)) for days, path in kept.items()}
    finally:
        writer.kill()
        writer.join()


def _when_there(path: Path, writer: psutil.Process) -> Report:
    while not path.exists():
        assert writer.status() != psutil.STATUS_ZOMBIE, "the process that writes the run died"
        time.sleep(0.1)
    writer.suspend()
    found = _report(path)
    writer.resume()
    path.unlink()
    sys.stderr.write(f"{path.stem} d: {found}\n")
    return found


def _grow(path: Path, real: Record, kept: dict[int, Path]) -> None:
    day.ROUND = ROUND
    day.write(path, seconds=max(DAYS) * DAY + 1, real=real, keep={days * DAY: p for days, p in kept.items()})


def _report(path: Path) -> Report:
    size, began = path.stat().st_size / MB, time.perf_counter()
    command = ["-m", "vpsbench", "report", "--quiet", "--db", str(path), "--html", f"{path}.html"]
    process = subprocess.Popen([sys.executable, *command])
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0, "the report failed"
    wall = time.perf_counter() - began
    return Report(size, wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / MB)


def help_seconds() -> float:
    """The quickest of five."""
    return min(_seconds("--help") for _ in range(5))


def _seconds(*words: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "vpsbench", *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def installed(folder: Path) -> float:
    """All packages that are needed, as pip lays them out, MB on disk."""
    tree = TREE
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--target", folder / "site", tree], check=True)
    return sum(f.stat().st_blocks * 512 for f in (folder / "site").rglob("*") if f.is_file()) / MB


def main() -> None:
    """Measures, and writes the document."""
    document = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/benchmarks.md")
    with tempfile.TemporaryDirectory(prefix="vpsbench-benchmark-") as name:
        folder = Path(name)
        rows = [*watch(folder), Row("`vpsbench --help`", help_seconds(), "s", 0.2)]
        with growing(folder, read(folder / "run.db")) as reports:
            rows += [Row("installed, with all packages", installed(folder), "MB", 250)]
            sys.stderr.write("".join(f"{row}\n" for row in rows))
            found = reports()
        rows += [
            Row("database of a week at 1/s, with an hourly round of probes", found[7].database, "MB", 150),
            Row("analysis and HTML of a week at 1/s, wall clock", found[7].wall, "s", 5),
            Row("the same, resident at most", found[7].resident, "MB", 300),
        ]
    was = document.read_text(encoding="utf-8") if document.exists() else ""
    head, (_, _, tail) = was.partition(BEGIN)[0], was.partition(END)
    document.write_text(f"{head}{BEGIN}\n\n{_text(rows, found)}\n{END}{tail}", encoding="utf-8")


def _text(rows: list[Row], found: dict[int, Report]) -> str:
    cpu = f"{os.cpu_count()} vCPUs, Linux {platform.release()}, Python {platform.python_version()}"
    lines = [
        f"Measured {time.strftime('%Y-%m-%d')} on {cpu}, by `make benchmark`.",
        "",
        "| what | vpsbench | limit | within | beside it |",
        "|---|---|---|---|---|",
        *map(str, rows),
        "",
        "| a run of | database | report, wall clock | report, CPU time | resident at most |",
        "|---|---|---|---|---|",
        *(
            f"| {days} d at 1/s | {of.database:.0f} MB "
            f"| {of.wall:.1f} s | {of.cpu:.1f} s | {of.resident:.0f} MB |"
            for days, of in found.items()
        ),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
