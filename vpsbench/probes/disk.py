"""The disk, by fio: rates and latencies, second by second, under nine kinds of load.

Each kind is a fio process of its own: one that hangs, is killed or fails loses nothing else.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np

from vpsbench.guest.files import Files
from vpsbench.model import Bytes, Duration, Guest, Kind, Metric
from vpsbench.probes import Emit, Probe, Request, Unavailable
from vpsbench.probes._fio import Left, Process
from vpsbench.probes._fio_output import Totals, totals
from vpsbench.probes._fio_report import Ended, report
from vpsbench.probes._jobs import (
    BURST,
    JOBS,
    LEAST_WRITTEN,
    JobName,
    arguments,
    base,
    budget_for,
    seconds_for,
)
from vpsbench.probes._layout import BLOCK, file_size, file_system, lay_out
from vpsbench.probes._pace import Pace
from vpsbench.probes._room import room

GRACE: Final = 15.0  # s after its time until a job counts as hung
ENGINES: Final = ("io_uring", "libaio", "psync")  # the last one knows no queue
LAYOUT_SHARE: Final = 0.2  # of the turn, at most, for writing the file
SMALLEST: Final = 4 * BLOCK  # a smaller file would fit into any cache
FULL: Final = (errno.ENOSPC, errno.EDQUOT)
FILE: Final = "data"


@dataclass(frozen=True)
class Options:
    """Settings of the disk probe."""

    jobs: tuple[JobName, ...] = get_args(JobName)
    seconds: Duration = 0.0  # a job; 0: the turn's time is shared out
    burst: Duration = 0.0  # of the burst job; 0: likewise
    file_size: Bytes = 0  # 0: twice the memory, as far as space, time and the write budget allow

    def __post_init__(self) -> None:
        if unknown := set(self.jobs) - JOBS.keys():
            raise ValueError(f"unknown jobs {sorted(unknown)}; there are {list(JOBS)}")
        if not self.jobs or len(set(self.jobs)) != len(self.jobs):
            raise ValueError("jobs must name at least one job, and none twice")
        if min(self.seconds, self.burst, self.file_size) < 0:
            raise ValueError("seconds, burst and file_size must not be negative")


class FioError(RuntimeError):
    """fio measured nothing at all."""


def _now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def run(request: Request, emit: Emit) -> None:
    """Load the disk for one turn.

    Raises:
        Unavailable: the disk cannot be measured here; the message says why.
        FioError: not one job succeeded.
    """
    turn = _Turn(request, emit)
    try:
        turn.lay_out()
        turn.measure()
    except OSError as error:
        if error.errno not in FULL:
            raise
        emit.event("disk.full", f"the turn ended early: {error}")
    finally:
        for path in Path(request.folder).iterdir():
            path.unlink()


class _Turn:
    """One turn under way."""

    def __init__(self, request: Request, emit: Emit) -> None:
        self._pace = Pace(request.duty, request.seconds)
        self._options: Options = request.options
        self._request, self._emit = request, emit
        self._folder = Path(request.folder)
        self._budget = request.write_budget
        self._size = 0

    def lay_out(self) -> None:
        """Write the file that the jobs work on."""
        self._look_at_file_system()
        disk = shutil.disk_usage(self._folder)
        writers = any(JOBS[name].writes for name in self._options.jobs)
        budget = self._budget // 2 if writers else self._budget
        size = file_size(self._options.file_size, room(Files()).total, disk.free, disk.total, budget)
        if size < SMALLEST:
            raise Unavailable(
                f"no room for a file of {SMALLEST >> 20} MiB: {disk.free >> 20} of {disk.total >> 20} MiB "
                f"are free, 15 % must stay so, and {self._budget >> 20} MiB may still be written"
            )
        self._emit.note(f"disk: writing a file of up to {size >> 20} MiB")
        until = _now() + LAYOUT_SHARE * self._request.seconds
        rng = np.random.default_rng(self._request.seed)
        self._size = lay_out(self._folder / FILE, size, until, rng, self._pace)
        self._spend("layout", self._size)

    def _look_at_file_system(self) -> None:
        mounts = Files().text("/proc/self/mountinfo") or ""
        kind = file_system(mounts, self._folder.stat().st_dev)
        if kind in {"tmpfs", "ramfs"}:
            raise Unavailable(f"{self._folder} is a {kind}: memory, not a disk")
        if kind == "zfs":
            self._emit.event("disk.cached", "zfs may serve direct reads from the guest's own memory")

    def _spend(self, job: str, written: int) -> None:
        self._budget -= written
        self._emit.sample("disk.fio.written", written, job=job)

    def measure(self) -> None:
        """Run the jobs one after another."""
        engine = self._engine()
        jobs = [name for name in JOBS if name in self._options.jobs]
        outcomes = [self._paced(name, jobs[place:], engine) for place, name in enumerate(jobs)]
        tried = [outcome for outcome in outcomes if outcome is not None]
        if not tried:
            raise Unavailable(
                "the turn's time, times its duty, and write budget are too little for any of its jobs"
            )
        if not any(tried):
            raise FioError("not one of fio's jobs succeeded; the events say why")

    def _engine(self) -> str:
        """The first way to make I/O that works here."""
        refused: list[str] = []
        for engine in ENGINES:
            line = ["--name=engine", *base(engine, FILE, self._size), "--rw=randread", "--bs=4k"]
            with Process([*line, "--number_ios=8"], self._folder) as process:
                if not process.wait(GRACE):
                    raise FioError(f"fio hung at its first reads (by {engine})")
            reason = _why_refused(process.left())
            if reason is None:
                if refused:
                    self._emit.event("disk.engine", f"{engine} is used; {'; '.join(refused)}")
                return engine
            refused.append(f"{engine}: {reason}")
        raise FioError(f"fio cannot read the file it is to measure with; {'; '.join(refused)}")

    def _paced(self, name: JobName, left: list[JobName], engine: str) -> bool | None:
        """A job at full rate, so that rates compare with those of other runs; the rest comes after it."""
        outcome = self._job(name, left, engine)
        self._pace.rest()
        return outcome

    def _job(self, name: JobName, left: list[JobName], engine: str) -> bool | None:
        """Whether the job succeeded; None: it was not tried."""
        busy = (self._pace.until - _now()) * self._request.duty  # s that are left for work
        length = seconds_for(name, left, busy, self._options.seconds, self._options.burst)
        budget = budget_for(name, left, self._budget)
        if reason := _why_not(name, engine, length, budget):
            self._emit.event("disk.skipped", f"{name}: {reason}")
            return None
        self._emit.note(f"disk: {name} for {length} s")
        started, wall_offset = _now(), time.time() - _now()
        process = Process(arguments(name, engine, FILE, self._size, length, budget), self._folder)
        try:
            with process:
                if not process.wait(length + GRACE):
                    self._emit.event("disk.hung", f"{name}: fio did not end by itself and was stopped")
        finally:  # what fio wrote is worth keeping, above all when the turn is being ended
            ended = Ended(name, JOBS[name].flush, self._folder, process.left(), started, wall_offset)
            found = report(ended, self._emit)
        return self._settle(name, found, budget)

    def _settle(self, name: JobName, found: Totals | None, budget: int) -> bool:
        """Charge what a job wrote, at worst all that it was allowed to; whether it succeeded."""
        if found is None or found.written is None:
            self._budget -= budget
        elif JOBS[name].writes:
            self._spend(name, found.written)
        if found is not None and found.error in FULL:
            raise OSError(found.error, f"{name}: {os.strerror(found.error)}")
        return found is not None and found.error == 0 and found.ios > 0


def _why_refused(left: Left) -> str | None:
    """Why fio could not read with an engine; None: it could."""
    try:
        found = totals(left.out)
    except ValueError as error:
        return f"{error} {left.complaints.strip()[:200]}".strip()
    return os.strerror(found.error) if found.error else None if found.ios else "nothing was read"


def _why_not(name: JobName, engine: str, length: int, budget: int) -> str | None:
    """Why a job is passed over; None: it is not."""
    if length < 1:
        return "too little of the turn's time is left"
    if JOBS[name].writes and budget < LEAST_WRITTEN:
        return f"only {budget >> 20} MiB of the write budget are left for it"
    if engine == ENGINES[-1] and JOBS[name].depth > 1 and name != BURST:
        return f"{engine} keeps one I/O under way at a time, this job is about {JOBS[name].depth}"
    return None


def missing(guest: Guest) -> str | None:  # noqa: ARG001  the same on every guest
    """Why the disk cannot be measured on this guest, and what would mend it."""
    if shutil.which("fio") is None:
        return "fio is not installed: apt-get install fio (dnf install fio, apk add fio)"
    return None


def _gauge(name: str, unit: str, better: Literal["higher", "lower", "neither"], text: str) -> Metric:
    return Metric(f"disk.fio.{name}", unit, Kind.GAUGE, better, text)


PROBE: Final = Probe(
    name="disk",
    metrics=(
        _gauge("iops", "1/s", "higher", "I/Os completed in one second of a job"),
        _gauge("bandwidth", "B/s", "higher", "bytes moved in one second of a job"),
        _gauge("latency", "s", "lower", "mean completion latency in one second of a job"),
        _gauge(
            "latency_quantile", "s", "lower", "completion latency over a job; fdatasync: of the flush alone"
        ),
        _gauge("written", "B", "neither", "written by a job, and (job layout) before the first one"),
    ),
    options=Options,
    missing=missing,
    run=run,
)
