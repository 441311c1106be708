"""A sparse look at the disk all along: one random read of 4 KiB about ten times a second, past our caches.

It runs in the background, beside the other turns. So few reads load nothing and stay below any cap. What
makes some of them slow is somebody else's load, or the guest itself. The pauses between reads are timed as
well, as a control arm: a vCPU that was taken away makes a pause late just as it makes a read slow. The
run-queue delay of either (/proc/self/schedstat) is taken out.

fio is not used here: it times no pauses, and keeps what it logs of single reads in memory until it ends.
"""

from __future__ import annotations

import mmap
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from vpsbench.guest.files import Files
from vpsbench.guest.storage import here
from vpsbench.kernel_text.schedstat import run_queue_delay
from vpsbench.model import Bytes, Duration, Guest
from vpsbench.probes import Emit, Probe, Request, Unavailable
from vpsbench.probes.conduct.clock import now
from vpsbench.probes.conduct.duty_cycle import DutyCycle
from vpsbench.probes.conduct.isolation import no_collection
from vpsbench.probes.disk_file.layout import Target, cleared, lay_out, make_way, size_for
from vpsbench.probes.disk_file.metrics import SPARSE_LATE, SPARSE_LATENCY, WRITTEN

READ: Final = 4096  # B
GENTLE: Final = 0.2  # of the time, while the file is written: other turns are being measured
SHARE: Final = 8  # the part of the budget of bytes is one in so many, at most
LAYOUT_SHARE: Final = 0.25  # of the turn, at most
TOLD: Final = 10.0  # s between two reports
JITTER: Final = 0.5  # pauses differ by this share, up or down: no rhythm of ours meets one of others
_SCHEDSTAT: Final = "/proc/self/schedstat"


@dataclass(frozen=True, slots=True)
class Options:
    """How often it reads, and from how large a file.

    Args:
        every: mean pause between two reads, s.
        file_size: B of the file that is read.
    """

    every: Duration = 0.1
    file_size: Bytes = 256 * 1024**2

    def __post_init__(self) -> None:
        if not 0.02 <= self.every <= 10:
            raise ValueError("every: expected 0.02 to 10 s")
        if self.file_size <= 0:
            raise ValueError("file_size: expected more than 0 B")


@dataclass(slots=True)
class Reads:
    """Reads since the last report; all in s, ``at`` by CLOCK_BOOTTIME."""

    at: list[float] = field(default_factory=list)
    latency: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)

    def add(self, latency: float, late: float) -> None:
        """One read that has just ended, and how late the pause before it ended."""
        self.at.append(now())
        self.latency.append(max(0.0, latency))
        self.late.append(max(0.0, late))

    def tell(self, emit: Emit) -> None:
        """All of them."""
        if self.at:
            emit.series(SPARSE_LATENCY, self.latency, self.at)
            emit.series(SPARSE_LATE, self.late, self.at)


class Stopwatch:
    """Measures how long something takes, without the run-queue delay in this guest."""

    def __init__(self, schedstat: int) -> None:
        self._schedstat = schedstat
        self._began, self._waited = time.perf_counter_ns(), self._wait()

    def _wait(self) -> int:
        return run_queue_delay(os.pread(self._schedstat, 128, 0))

    def lap(self) -> float:
        """The s since the last lap."""
        now, waited = time.perf_counter_ns(), self._wait()
        length = (now - self._began) - (waited - self._waited)
        self._began, self._waited = time.perf_counter_ns(), waited
        return length / 1e9


def run(request: Request, emit: Emit) -> None:
    """Reads until the turn's time is up.

    Raises:
        Unavailable: there is no disk to be seen here, or no room on it; the message says why.
    """
    with cleared(Path(request.folder), emit, "the sparse reads"):
        target = _laid_out(request, emit)
        with _opened(target.path, os.O_DIRECT) as file, _opened(Path(_SCHEDSTAT)) as schedstat:
            _read(request, (file, schedstat), target.size, emit)


def _laid_out(request: Request, emit: Emit) -> Target:
    folder, options = Path(request.folder), request.options
    place = here(Files(), folder)
    if place.memory or place.caching:
        raise Unavailable(f"{folder} is a {place.file_system}, which may answer from memory")
    size = size_for(folder, options.file_size, request.write_budget // SHARE)
    duty = DutyCycle(GENTLE * request.duty, request.seconds)
    until = now() + LAYOUT_SHARE * request.seconds
    chance = random.Random(request.seed)  # noqa: S311  no secret
    wrote = partial(emit.sample, WRITTEN, job="sparse")
    target = lay_out(folder / "sparse", size, until, chance.randbytes, duty, wrote)
    if not target.direct:
        raise Unavailable(f"the file system of {folder} takes no direct I/O: only memory could be measured")
    return target


@contextmanager
def _opened(path: Path, flags: int = 0) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _read(request: Request, files: tuple[int, int], size: int, emit: Emit) -> None:
    """Pauses and reads in turn. Reports every few seconds, and at the end whatever ended it."""
    chance, every = random.Random(request.seed), request.options.every  # noqa: S311  no secret
    until = now() + request.seconds
    reads, told = Reads(), time.monotonic()
    with mmap.mmap(-1, READ) as buffer, no_collection():
        stopwatch = Stopwatch(files[1])
        try:
            while now() < until:
                pause = every * chance.uniform(1 - JITTER, 1 + JITTER)
                place = READ * chance.randrange(size // READ)
                stopwatch.lap()
                time.sleep(pause)
                late = stopwatch.lap() - pause
                os.preadv(files[0], [buffer], place)
                reads.add(stopwatch.lap(), late)
                if time.monotonic() - told >= TOLD:
                    reads.tell(emit)
                    reads, told = Reads(), time.monotonic()
                    make_way(Path(request.folder))
        finally:
            reads.tell(emit)


def missing(guest: Guest) -> str | None:  # noqa: ARG001  the same on every guest
    """Why nothing can be told here."""
    if Files().text(_SCHEDSTAT) is None:
        return "this kernel does not tell how long a program waited for a vCPU (/proc/self/schedstat)"
    return None


PROBE: Final = Probe(
    name="disk_latency",
    metrics=(SPARSE_LATENCY, SPARSE_LATE, WRITTEN),
    options=Options,
    missing=missing,
    run=run,
    writes=WRITTEN,
)
