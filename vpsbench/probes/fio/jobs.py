"""The loads that fio makes, and how a turn's time and write budget are shared out among them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from vpsbench.probes.conduct.rest_doses import RESTS
from vpsbench.probes.disk_file.layout import Target

JobName = Literal[
    "burst",
    "randread-qd1",
    "randread-qd32",
    "seqread-qd1",
    "seqread",
    "randwrite-qd1",
    "fdatasync",
    "flush",
    "mix",
    "randwrite-qd32",
    "seqwrite",
]
BURST: Final = "burst"
FLUSH: Final = "flush"
REFILLS: Final = tuple(f"refill-{times}" for times in RESTS)
DRAINED: Final = "drained"
OVERHEAD: Final = 1.0  # s that a job takes beyond its own seconds: fio's start and its end
LEAST_WRITTEN: Final = 16 * 1024**2  # B; a job that may write less would show little
_4K: Final = 4096
_64K: Final = 65536
_1M: Final = 1024**2
_MARGIN: Final = 1.1  # a mix is random: it may write a little more than its share


@dataclass(frozen=True, slots=True)
class Job:
    """One kind of load.

    Args:
        rw: fio's name of the pattern.
        block: B an I/O.
        depth: I/Os under way at a time.
        writes: the share of I/Os that write.
        flush: every write is followed by fdatasync, and that is what is timed.
    """

    rw: str
    block: int
    depth: int
    writes: float = 0.0
    flush: bool = False


# In the order that they run in: burst before the others have drained the bucket that it looks for, and
# of those that write the slow ones first, so that what they leave of the budget serves the others.
JOBS: Final[dict[JobName, Job]] = {
    "burst": Job("randread", _4K, 32),
    "randread-qd1": Job("randread", _4K, 1),
    "randread-qd32": Job("randread", _4K, 32),
    "seqread-qd1": Job("read", _1M, 1),
    "seqread": Job("read", _1M, 8),
    "randwrite-qd1": Job("randwrite", _4K, 1, 1.0),
    "fdatasync": Job("write", _4K, 1, 1.0, flush=True),
    FLUSH: Job("write", _4K, 1, 1.0, flush=True),  # not by fio: see disk_file/flush.py
    "mix": Job("randrw", _4K, 32, 0.3),
    "randwrite-qd32": Job("randwrite", _4K, 32, 1.0),
    "seqwrite": Job("write", _1M, 8, 1.0),
}
# What follows a burst that ran dry. A cap on operations lets larger reads through at the same rate a second,
# a cap on bandwidth at the same B/s.
AFTER_BURST: Final[dict[str, Job]] = dict.fromkeys(REFILLS, JOBS["burst"]) | {
    DRAINED: Job("randread", _64K, 32)
}
EVERY: Final[dict[str, Job]] = {name: job for jobs in (JOBS, AFTER_BURST) for name, job in jobs.items()}


def seconds_for(name: JobName, left: Sequence[JobName], remaining: float, each: float, burst: float) -> int:
    """Whole seconds for the next job, one at least while there are any left; 0: there is no time for it.

    Args:
        name: the next job.
        left: the jobs that are still to run, the next one included.
        remaining: s of work until the end of the turn.
        each: s asked for each job but burst; 0: what is left is shared equally.
        burst: s asked for burst; 0: half as much as all others together.
    """
    asked = {job: burst if job == BURST else each for job in left}
    weights = {job: max((len(left) - 1) / 2, 1.0) if job == BURST else 1.0 for job in left if not asked[job]}
    free = remaining - OVERHEAD * len(left) - sum(asked.values())
    mine = asked[name] or free * weights[name] / sum(weights.values())
    return max(int(min(max(mine, 1.0), remaining - OVERHEAD)), 0)


def budget_for(name: JobName, left: Sequence[JobName], budget: int) -> int:
    """B that the next job may write: an equal part for each that writes."""
    writers = sum(1 for job in left if JOBS[job].writes)
    return budget // writers if JOBS[name].writes else 0


def arguments(name: str, target: Target, engine: str, seconds: int, budget: int) -> list[str]:
    """The command line of a job; ``budget`` is what may be written, in B."""
    job = EVERY[name]
    line = [
        f"--name={name}",
        *base(target, engine),
        f"--rw={job.rw}",
        f"--bs={job.block}",
        f"--iodepth={job.depth}",
        f"--runtime={seconds}",
        "--status-interval=1",  # the per-second logs are written at the end only
        *(f"--write_{kind}_log={name}" for kind in ("iops", "bw", "lat")),
        "--log_avg_msec=1000",
        "--log_unix_epoch=1",
    ]
    if job.flush:
        line.append("--fdatasync=1")
    if job.rw == "randrw":
        line.append(f"--rwmixread={round(100 * (1 - job.writes))}")
    # A time-based job heeds no limit of size, so one that writes ends at its time or its limit.
    line.append(f"--io_size={_io_size(job, budget)}" if job.writes else "--time_based")
    return line


def _io_size(job: Job, budget: int) -> int:
    """B that a job may move so that it writes no more than ``budget``.

    What is under way when the limit is reached is still completed.
    """
    return int((budget - job.depth * job.block) / min(job.writes * _MARGIN, 1.0)) // _1M * _1M


def base(target: Target, engine: str) -> list[str]:
    """What all jobs have in common: nothing cached (where that can be), compressed, merged or repeated."""
    return [
        "--filename=" + str(target.path).replace(":", r"\:"),  # a bare colon would separate two files
        f"--size={target.size}",
        f"--ioengine={engine}",
        f"--direct={int(target.direct)}",
        "--randrepeat=0",
        "--norandommap",
        "--refill_buffers",
        "--buffer_compress_percentage=0",
        "--dedupe_percentage=0",
        "--invalidate=1",
        "--output-format=json+",
    ]
