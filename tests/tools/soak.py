"""A real run with real faults, as root: ``python -m tests.tools.soak MINUTES [FOLDER]``; tells what was lost.

The database lies on a small file system of its own (a loop device), so that its disk can be filled or frozen
without harm to others. Faults follow one another, shuffled by a fixed seed, with time to
recover in between, until the time is up. Steps of the clock and vCPUs that go need a guest of their own.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from vpsbench import metrics
from vpsbench.store.reader import head, read
from vpsbench.wiring.separate_process import apart

PROFILE = """
description = "light load and many short turns, for trying faults"
duration = "{minutes} min"
duty = 0.1
[[turns]]
probe = "cpu"
duration = "8 s"
every = "30 s"
[[turns]]
probe = "cpu"
duration = "5 s"
every = "70 s"
options = {{ arm = "single" }}
"""
SIZE = 160 * 1024**2  # B of the small file system
HOLD = 12.0  # s that a fault lasts
RECOVER = 8.0  # s after it
FOUND_SECONDS = 90.0  # until a wedged probe is given up: half its time and 30 s more, then 10 to clean up


@dataclass
class Tried:
    """What came of one kind of fault."""

    times: int = 0
    rows: int = 0  # committed rows that were gone afterwards
    unread: float = 0.0  # the longest time without a reading that it caused, s
    ends: set[str] = field(default_factory=set)


class Soak:
    """One run, and what is done to it."""

    def __init__(self, folder: Path, minutes: float) -> None:
        self.folder, self.disk, self.work = folder, folder / "disk", folder / "work"
        self.db = self.disk / "run.db"
        self.profile = folder / "soak.toml"
        self.profile.write_text(PROFILE.format(minutes=minutes), encoding="utf-8")
        self.work.mkdir()
        self.process = self.start("run", "--profile", self.profile, "--dir", self.work, "--no-html")

    def start(self, *words: object) -> subprocess.Popen[bytes]:
        """Starts vpsbench and waits until it stores."""
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "vpsbench", *map(str, words), "--db", str(self.db)],
                stdout=log,
                stderr=log,
                env=os.environ | {"VPSBENCH_LOCK_DIR": str(self.folder)},
            )
        before = self.rows() if self.db.exists() else 0
        while not self.db.exists() or self.rows() <= before:
            assert process.poll() is None, "it did not begin; see the log"
            time.sleep(0.2)
        return process

    def rows(self) -> int:
        """How many rows the run has, in all its tables."""
        tables = ("series", "ticks", "turns", "events")
        with closing(sqlite3.connect(f"{self.db.as_uri()}?mode=ro", uri=True, timeout=20)) as db:
            try:
                return sum(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables)  # noqa: S608
            except sqlite3.OperationalError:
                return 0  # its first transaction is yet to come

    def probe(self) -> psutil.Process | None:
        """The process of the turn that runs."""
        found = psutil.Process(self.process.pid).children()
        return found[0] if found else None

    def wait_for_probe(self) -> psutil.Process:
        """The same, when there is one."""
        while (found := self.probe()) is None:
            time.sleep(0.1)
        return found

    def since(self, elapsed: float) -> set[str]:
        """Kinds of the events from then on."""
        return {event.kind for event in head(self.db).events if event.t >= elapsed - 1}


Fault = Generator[None, None, None]

# --- faults: each yields while it lasts ------------------------------------------------------------


def killed(soak: Soak) -> Fault:
    """The run, by SIGKILL, at any moment; then resumed."""
    soak.process.kill()
    soak.process.wait()
    yield
    soak.process = soak.start("resume")


def disk_full(soak: Soak) -> Fault:
    """Not a byte is left."""
    ballast = soak.disk / "ballast"
    with ballast.open("wb") as file:
        try:
            while True:
                file.write(bytes(65536))
                file.flush()
        except OSError:
            yield
    ballast.unlink()


def locked(soak: Soak) -> Fault:
    """Another process writes and does not end."""
    with closing(sqlite3.connect(soak.db, isolation_level=None, timeout=20)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("ROLLBACK")


def forbidden(soak: Soak) -> Fault:
    """The database may not be written to, by nobody (chattr +i)."""
    files = [path for path in soak.disk.glob("run.db*") if path.suffix != ".db-run"]
    subprocess.run(["chattr", "+i", *files], check=True)
    yield
    subprocess.run(["chattr", "-i", *files], check=True)


def disk_hangs(soak: Soak) -> Fault:
    """Every write waits, in state D."""
    subprocess.run(["fsfreeze", "-f", soak.disk], check=True)
    try:
        yield
    finally:
        subprocess.run(["fsfreeze", "-u", soak.disk], check=True)


def probe_killed(soak: Soak) -> Fault:
    """The probe, by SIGKILL."""
    soak.wait_for_probe().kill()
    yield


def probe_stopped(soak: Soak) -> Fault:
    """The probe, by SIGSTOP: it neither ends nor answers."""
    probe = soak.wait_for_probe()
    probe.suspend()
    yield
    psutil.wait_procs([probe], timeout=FOUND_SECONDS)


def run_paused(soak: Soak) -> Fault:
    """The run, by SIGSTOP and SIGCONT."""
    soak.process.send_signal(signal.SIGSTOP)
    yield
    soak.process.send_signal(signal.SIGCONT)


def cgroup_changed(soak: Soak) -> Fault:
    """A CPU quota appears in the run's cgroup, and goes."""
    with _cgroup() as group:
        (group / "cgroup.procs").write_text(str(soak.process.pid), encoding="ascii")
        quota = group / ("cpu.cfs_quota_us" if (group / "cpu.cfs_quota_us").exists() else "cpu.max")
        quota.write_text("50000", encoding="ascii")
        yield
        quota.write_text("-1" if quota.name.endswith("us") else "max", encoding="ascii")
        time.sleep(HOLD)  # it is looked at every 10 s
        (group.parent / "cgroup.procs").write_text(str(soak.process.pid), encoding="ascii")
        for child in psutil.Process(soak.process.pid).children(recursive=True):
            (group.parent / "cgroup.procs").write_text(str(child.pid), encoding="ascii")


@contextmanager
def _cgroup() -> Iterator[Path]:
    v1 = Path("/sys/fs/cgroup/cpu")
    group = (v1 if v1.is_dir() else Path("/sys/fs/cgroup")) / "vpsbench-soak"
    group.mkdir()
    try:
        yield group
    finally:
        until = time.monotonic() + FOUND_SECONDS
        while (group / "cgroup.procs").read_text(encoding="ascii") and time.monotonic() < until:
            time.sleep(1)
        group.rmdir()


FAULTS: dict[str, Callable[[Soak], Fault]] = {
    "the run killed (SIGKILL), resumed": killed,
    "disk full": disk_full,
    "database locked by another": locked,
    "permission withdrawn (chattr +i)": forbidden,
    "disk hangs (frozen)": disk_hangs,
    "probe killed": probe_killed,
    "probe stopped (SIGSTOP)": probe_stopped,
    "run paused (SIGSTOP, SIGCONT)": run_paused,
    "cgroup's CPU quota changed": cgroup_changed,
}


# --- the course ------------------------------------------------------------------------------------


def inflict(soak: Soak, fault: Callable[[Soak], Fault], tried: Tried) -> None:
    """One fault, from its beginning to the recovery."""
    before, began = soak.rows(), head(soak.db).run.elapsed
    for _ in fault(soak):
        time.sleep(HOLD)
    time.sleep(RECOVER)
    record = apart(lambda: _since(soak.db, began))
    tried.times += 1
    tried.rows += max(0, before - soak.rows())
    tried.unread = max(tried.unread, record)
    alive = "the run went on" if soak.process.poll() is None else f"THE RUN ENDED ({soak.process.returncode})"
    tried.ends |= {alive, *soak.since(began)}


def _since(db: Path, began: float) -> float:
    """The longest time between two readings of a clock that each tick reads, from then on, s."""
    times = read(db).named(metrics.WALL_OFFSET)[0].times
    return float(np.diff(times[times >= began - 2]).max(initial=0.0))


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system in a file."""
    image, disk = folder / "disk.img", folder / "disk"
    with image.open("wb") as file:
        file.truncate(SIZE)
    disk.mkdir()
    subprocess.run(["mke2fs", "-q", "-t", "ext4", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, disk], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", disk], check=True)  # busy: the run did not end; the log tells why


def table(tried: dict[str, Tried]) -> str:
    """The table, as Markdown."""
    lines = [
        "| fault | times tried | committed rows lost | longest time without a reading | how it ended |",
        "|---|---|---|---|---|",
    ]
    for name, one in tried.items():
        ends = ", ".join(sorted(one.ends))
        lines.append(f"| {name} | {one.times} | {one.rows} | {one.unread:.1f} s | {ends} |")
    return "\n".join(lines)


def main() -> int:
    """Lasts as long as it was told."""
    minutes, folder = float(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "soak").absolute()
    folder.mkdir(parents=True)
    chance, tried = random.Random(1), defaultdict[str, Tried](Tried)  # noqa: S311  no secret
    until = time.monotonic() + minutes * 60
    with small_disk(folder):
        soak = Soak(folder, minutes)
        while time.monotonic() < until - 2 * FOUND_SECONDS:
            for name in chance.sample([*FAULTS], len(FAULTS)):
                if time.monotonic() < until - 2 * FOUND_SECONDS:
                    time.sleep(chance.uniform(0, 5))
                    inflict(soak, FAULTS[name], tried[name])
                    (folder / "table.md").write_text(table(tried) + "\n", encoding="utf-8")
        try:
            status = soak.process.wait(timeout=5 * FOUND_SECONDS)
        finally:
            soak.process.kill()
        record = head(soak.db)
        (folder / "run.db").write_bytes(soak.db.read_bytes())
    ended = f"The run ended with status {status}: {record.run.state} after {record.run.elapsed:.0f} s."
    (folder / "table.md").write_text(f"{table(tried)}\n\n{ended}\n", encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
