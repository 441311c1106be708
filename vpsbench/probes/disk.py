"""The disk, by fio: rates and latencies, second by second, under several kinds of load.

Each kind is a fio process of its own: one that hangs, is killed or fails loses nothing else.
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, get_args

import numpy as np

from vpsbench.guest.files import Files
from vpsbench.guest.storage import here
from vpsbench.model import Bytes, Duration, Guest
from vpsbench.probes import Emit, Probe, Request, Unavailable
from vpsbench.probes.conduct import rest_doses
from vpsbench.probes.conduct.clock import now
from vpsbench.probes.conduct.duty_cycle import DutyCycle
from vpsbench.probes.disk_file.flush import Flushes
from vpsbench.probes.disk_file.layout import FULL, Target, cleared, lay_out, make_way, size_for
from vpsbench.probes.disk_file.metrics import FLUSH_LATENCY, WRITTEN
from vpsbench.probes.fio.engine import QUEUELESS, FioError, find
from vpsbench.probes.fio.job_report import JobReport
from vpsbench.probes.fio.jobs import (
    BURST,
    DRAINED,
    FLUSH,
    JOBS,
    LEAST_WRITTEN,
    OVERHEAD,
    REFILLS,
    JobName,
    arguments,
    budget_for,
    seconds_for,
)
from vpsbench.probes.fio.metrics import CACHED, CPU, DIRECT
from vpsbench.probes.fio.output import Totals
from vpsbench.probes.fio.process import FioProcess

GRACE: Final = 15.0  # s after its time until a job counts as hung
LAYOUT_SHARE: Final = 0.2  # of the turn, at most, for writing the file
FILE: Final = "data"


@dataclass(frozen=True)
class Options:
    """Settings of the disk probe."""

    jobs: tuple[JobName, ...] = get_args(JobName)
    seconds: Duration = 0.0  # a job; 0: the turn's time is shared out
    burst: Duration = 0.0  # of the burst job; 0: likewise
    file_size: Bytes = 0  # 0: twice the memory, as far as space, time and the write budget allow
    # Where the burst job is given less and less: rests of 1, 2 and 4 times as long, each with another load.
    # They take the time of other jobs, or of the burst job's own. 0: never.
    rest: Duration = 0.0

    def __post_init__(self) -> None:
        if unknown := set(self.jobs) - JOBS.keys():
            raise ValueError(f"unknown jobs {sorted(unknown)}; there are {list(JOBS)}")
        if not self.jobs or len(set(self.jobs)) != len(self.jobs):
            raise ValueError("jobs must name at least one job, and none twice")
        if min(self.seconds, self.burst, self.file_size) < 0:
            raise ValueError("seconds, burst and file_size must not be negative")
        if not (self.rest == 0 or 1 <= self.rest <= 3600):
            raise ValueError("rest: expected 0, or 1 to 3600 s")


def run(request: Request, emit: Emit) -> None:
    """Load the disk for one turn.

    Raises:
        Unavailable: the disk cannot be measured here; the message says why.
        FioError: not one job succeeded.
    """
    turn = _Turn(request, emit)
    with cleared(Path(request.folder), emit, "the turn"):
        turn.measure(turn.lay_out())


class _Turn:
    """One turn under way."""

    def __init__(self, request: Request, emit: Emit) -> None:
        self._duty = DutyCycle(request.duty, request.seconds)
        self._options: Options = request.options
        self._request, self._emit = request, emit
        self._folder = Path(request.folder)
        self._budget = request.write_budget
        self._to = DIRECT
        self._rates: dict[str, list[float]] = {}  # delivered second by second, by job

    def lay_out(self) -> Target:
        """Write the file that the jobs work on."""
        self._look_at_place()
        writers = any(JOBS[name].writes for name in self._options.jobs)
        size = size_for(self._folder, self._options.file_size, self._budget // 2 if writers else self._budget)
        self._emit.note(f"disk: writing a file of up to {size >> 20} MiB")
        until = now() + LAYOUT_SHARE * self._request.seconds
        random = np.random.default_rng(self._request.seed).bytes
        wrote = partial(self._spend, "layout")
        target = lay_out(self._folder / FILE, size, until, random, self._duty, wrote)
        if not target.direct:
            self._cached("its file system takes no direct I/O, so all goes through the guest's own memory")
        return target

    def _look_at_place(self) -> None:
        found = here(Files(), self._folder)
        if found.memory:
            raise Unavailable(f"{self._folder} lies in memory, not on a disk ({found.file_system})")
        if found.caching:
            self._cached(f"{found.file_system} may serve direct reads from the guest's own memory")

    def _cached(self, why: str) -> None:
        """From here on readings may come from memory: they get other names, which no sign looks at."""
        if self._to != CACHED:
            self._emit.event("disk.cached", f"{why}; what is measured is marked as cached (disk.cached.*)")
        self._to = CACHED

    def _spend(self, job: str, written: int) -> None:
        self._budget -= written
        self._emit.sample(WRITTEN, written, job=job)

    def measure(self, target: Target) -> None:
        """Run the jobs one after another."""
        engine = find(target)
        if engine.refused:
            kind = "disk.queueless" if engine.queueless else "disk.engine"
            self._emit.event(kind, f"{engine.name} is used; {'; '.join(engine.refused)}")
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
        if name == BURST and outcome and self._options.rest:
            self._refill(target, engine)
        self._duty.rest()
        return outcome

    def _job(self, name: JobName, left: list[JobName], target: Target, engine: str) -> bool | None:
        """Whether the job succeeded; None: it was not tried."""
        busy = self._left()
        length = seconds_for(name, left, busy, self._options.seconds, self._options.burst)
        if name == BURST and self._options.rest:
            length = rest_doses.shortened(length, busy, self._options.rest, OVERHEAD)
        budget = budget_for(name, left, self._budget)
        if reason := _why_not(name, target, engine, length, budget):
            self._emit.event("disk.skipped", f"{name}: {reason}")
            return None
        if name == FLUSH:
            return self._flushes(target, length, budget)
        return _succeeded(name, self._fio(name, target, engine, length, budget))

    def _left(self) -> float:
        """The s that are left of the turn for work."""
        return (self._duty.until - now()) * self._request.duty

    def _fio(self, name: str, target: Target, engine: str, length: int, budget: int = 0) -> Totals | None:
        """Runs a job and reports it."""
        self._emit.note(f"disk: {name} for {length} s")
        report = JobReport(name, flush=name in JOBS and JOBS[name].flush, to=self._to, emit=self._emit)
        process = FioProcess(arguments(name, target, engine, length, budget), self._folder, report.hear)
        try:
            with process:
                if not process.wait(length + GRACE, partial(make_way, self._folder)):
                    self._emit.event("disk.hung", f"{name}: fio did not end by itself and was stopped")
        finally:  # what fio wrote is worth keeping, above all when the turn is being ended
            found = report.end(process.left(), self._folder)
        self._rates[name] = report.rates
        self._budget -= report.written
        if budget > report.written and not report.whole:  # it may have written all that it was allowed to
            self._spend(name, budget - report.written)
        return found

    def _refill(self, target: Target, engine: str) -> None:
        """Where the burst fell: larger reads while it is drained, then rests, ever longer, and loads."""
        delivered = self._rates[BURST]
        if not rest_doses.fell(delivered):
            return
        plan = rest_doses.plan(delivered, self._options.rest, self._left(), OVERHEAD)
        if plan is None:
            self._emit.event("disk.skipped", "refill: too little of the turn's time is left for rests")
            return
        self._fio(DRAINED, target, engine, plan.drained)
        for name, (rest, length) in zip(REFILLS, plan.doses, strict=True):
            self._emit.note(f"resting the disk for {rest:.0f} s, to see what a burst bucket takes back")
            time.sleep(rest)
            self._fio(name, target, engine, length)

    def _flushes(self, target: Target, length: int, budget: int) -> bool:
        """Runs the flushes, which are not fio's; returns whether there were any."""
        self._emit.note(f"disk: {FLUSH} for {length} s")
        count = 0

        def flushed(dirty: int, seconds: float) -> None:
            nonlocal count
            count += 1
            self._emit.sample(FLUSH_LATENCY, seconds, dirty=str(dirty))
            make_way(self._folder)

        rng = np.random.default_rng([self._request.seed, 1])
        Flushes(target, rng, partial(self._spend, FLUSH), flushed).run(now() + length, budget)
        return count > 0


def _succeeded(name: str, found: Totals | None) -> bool:
    """Whether a job measured anything.

    Raises:
        OSError: it found the disk full.
    """
    if found is not None and found.error in FULL:
        raise OSError(found.error, f"{name}: {os.strerror(found.error)}")
    return found is not None and found.error == 0 and found.ios > 0


def _why_not(name: JobName, target: Target, engine: str, length: int, budget: int) -> str | None:
    """Why a job is passed over; None: it is not."""
    if length < 1:
        return "too little of the turn's time is left"
    if JOBS[name].writes and budget < LEAST_WRITTEN:
        return f"only {budget >> 20} MiB of the write budget are left for it"
    if name == FLUSH and not target.direct:
        return "without direct I/O a flush writes what the guest's own memory holds"
    if engine == QUEUELESS and JOBS[name].depth > 1 and name != BURST:
        return f"{engine} keeps one I/O under way at a time, and this job needs {JOBS[name].depth}"
    return None


def missing(guest: Guest) -> str | None:  # noqa: ARG001  the same on every guest
    """Why the disk cannot be measured on this guest, and what would mend it."""
    if shutil.which("fio") is None:
        return "fio is not installed: apt-get install fio (dnf install fio, apk add fio)"
    return None


PROBE: Final = Probe(
    name="disk",
    metrics=(*DIRECT, *CACHED, WRITTEN, CPU, FLUSH_LATENCY),
    options=Options,
    missing=missing,
    run=run,
    writes=WRITTEN,
    alone=True,
)
