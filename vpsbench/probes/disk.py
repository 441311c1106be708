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
from vpsbench.probes._engine import QUEUELESS, FioError, find
from vpsbench.probes._fio import Process
from vpsbench.probes._fio_output import Totals
from vpsbench.probes._fio_report import Ended, report
from vpsbench.probes._jobs import (
    BURST,
    JOBS,
    LEAST_WRITTEN,
    JobName,
    arguments,
    budget_for,
    seconds_for,
)
from vpsbench.probes._layout import Target, clear, file_system, lay_out, room_for
from vpsbench.probes._pace import Pace

GRACE: Final = 15.0  # s after its time until a job counts as hung
LAYOUT_SHARE: Final = 0.2  # of the turn, at most, for writing the file
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
        turn.measure(turn.lay_out())
    except OSError as error:
        if error.errno not in FULL:
            raise
        emit.event("disk.full", f"the turn ended early: {error}")
    finally:
        clear(Path(request.folder))


class _Turn:
    """One turn under way."""

    def __init__(self, request: Request, emit: Emit) -> None:
        self._pace = Pace(request.duty, request.seconds)
        self._options: Options = request.options
        self._request, self._emit = request, emit
        self._folder = Path(request.folder)
        self._budget = request.write_budget

    def lay_out(self) -> Target:
        """Write the file that the jobs work on."""
        self._look_at_file_system()
        writers = any(JOBS[name].writes for name in self._options.jobs)
        size = room_for(self._folder, self._options.file_size, self._budget // 2 if writers else self._budget)
        self._emit.note(f"disk: writing a file of up to {size >> 20} MiB")
        until = _now() + LAYOUT_SHARE * self._request.seconds
        rng = np.random.default_rng(self._request.seed)
        target = lay_out(self._folder / FILE, size, until, rng, self._pace)
        self._spend("layout", target.size)
        if not target.direct:
            raise Unavailable(
                f"the file system of {self._folder} takes no direct I/O: "
                "only the guest's memory could be measured"
            )
        return target

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

    def measure(self, target: Target) -> None:
        """Run the jobs one after another."""
        engine = find(target)
        if engine.refused:
            self._emit.event("disk.engine", f"{engine.name} is used; {'; '.join(engine.refused)}")
        jobs = [name for name in JOBS if name in self._options.jobs]
        outcomes = [self._paced(name, jobs[place:], target, engine.name) for place, name in enumerate(jobs)]
        tried = [outcome for outcome in outcomes if outcome is not None]
        if not tried:
            raise Unavailable(
                "the turn's time, times its duty, and write budget are too little for any of its jobs"
            )
        if not any(tried):
            raise FioError("not one of fio's jobs succeeded; the events say why")

    def _paced(self, name: JobName, left: list[JobName], target: Target, engine: str) -> bool | None:
        """A job at full rate, so that rates compare with those of other runs; the rest comes after it."""
        outcome = self._job(name, left, target, engine)
        self._pace.rest()
        return outcome

    def _job(self, name: JobName, left: list[JobName], target: Target, engine: str) -> bool | None:
        """Whether the job succeeded; None: it was not tried."""
        busy = (self._pace.until - _now()) * self._request.duty  # s that are left for work
        length = seconds_for(name, left, busy, self._options.seconds, self._options.burst)
        budget = budget_for(name, left, self._budget)
        if reason := _why_not(name, engine, length, budget):
            self._emit.event("disk.skipped", f"{name}: {reason}")
            return None
        self._emit.note(f"disk: {name} for {length} s")
        started, wall_offset = _now(), time.time() - _now()
        process = Process(arguments(name, target, engine, length, budget), self._folder)
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


def _why_not(name: JobName, engine: str, length: int, budget: int) -> str | None:
    """Why a job is passed over; None: it is not."""
    if length < 1:
        return "too little of the turn's time is left"
    if JOBS[name].writes and budget < LEAST_WRITTEN:
        return f"only {budget >> 20} MiB of the write budget are left for it"
    if engine == QUEUELESS and JOBS[name].depth > 1 and name != BURST:
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
