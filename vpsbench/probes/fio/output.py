"""Understands what fio 3 writes: its JSON (``json+``), at the end of a job and while it runs. Pure.

Format: fio's HOWTO, "JSON+ output". The per-second logs are of no use while a job runs: fio keeps them
in memory until its end. Its ``--status-interval`` makes a whole report each second, whose differences
say the same.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

# A quantile needs at least one observation beyond it.
QUANTILES: Final = {"0.5": 2, "0.9": 10, "0.99": 100, "0.999": 1000}  # quantile: observations needed
_DIRECTIONS: Final = ("read", "write")


@dataclass(frozen=True, slots=True)
class Totals:
    """What fio says of one job, since it began.

    Args:
        error: fio's errno, 0 when all went well.
        ios: I/Os completed.
        moved: B read and written.
        written: B written; None where fio does not say.
        seconds: how long I/O was made.
        waited: s, completion latency summed up over all I/Os.
        latencies: completion latency in ns (upper edge of fio's bin) -> how many I/Os.
        syncs: the same of fsync and fdatasync calls.
        cpu: of a vCPU, that fio itself used; None where it does not say.
    """

    error: int = 0
    ios: int = 0
    moved: int = 0
    written: int | None = 0
    seconds: float = 0.0
    waited: float = 0.0
    latencies: Mapping[int, int] = field(default_factory=dict)
    syncs: Mapping[int, int] = field(default_factory=dict)
    cpu: float | None = None


def totals(text: str) -> Totals:
    """Reads one report.

    Raises:
        ValueError: it is no report of one job by fio 3.
    """
    report = _json(text)
    version = str(report.get("fio version", ""))
    if not re.match(r"fio-(?:[3-9]|\d\d)\b", version):
        raise ValueError(f"fio 3 is needed, this is {version or 'an unknown version'}")
    try:
        (job,) = report["jobs"]
        ways = [job[way] for way in _DIRECTIONS if way in job]
        return Totals(
            error=int(job["error"]),
            ios=sum(_completed(way) for way in ways),
            moved=sum(int(way["io_bytes"]) for way in ways),
            written=int(job["write"]["io_bytes"]) if "write" in job else None,
            seconds=max((int(way["runtime"]) for way in ways), default=0) / 1000,
            waited=sum(_completed(way) * float(way["clat_ns"]["mean"]) for way in ways) / 1e9,
            latencies=_bins(way["clat_ns"] for way in ways),
            syncs=_bins([job.get("sync", {}).get("lat_ns", {})]),
            cpu=(job["usr_cpu"] + job["sys_cpu"]) / 100 if {"usr_cpu", "sys_cpu"} <= job.keys() else None,
        )
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"fio's report of the job lacks something: {error!r}") from error


def _json(text: str) -> dict[str, Any]:
    if not text.startswith("{"):
        raise ValueError("there is no whole JSON report in fio's output")
    try:
        report = dict(json.loads(text))
    except json.JSONDecodeError as error:
        raise ValueError(f"fio's report is no JSON: {error}") from error
    if "jobs" not in report:
        raise ValueError("fio's JSON report is of no job")
    return report


def _completed(way: Mapping[str, Any]) -> int:
    """I/Os with a completion latency: ``total_ios`` counts those that are still under way, too."""
    return int(way["clat_ns"]["N"])


def _bins(parts: Iterable[Mapping[str, Any]]) -> Counter[int]:
    counts: Counter[int] = Counter()
    for part in parts:
        counts.update({int(edge): int(count) for edge, count in part.get("bins", {}).items()})
    return counts


def quantiles(bins: Mapping[int, int]) -> dict[str, int]:
    """The quantiles (ns) for which there are enough observations; as fio's own percentiles, by bin."""
    count = sum(bins.values())
    return {q: _quantile(bins, float(q) * count) for q, needed in QUANTILES.items() if count >= needed}


def _quantile(bins: Mapping[int, int], rank: float) -> int:
    passed = 0
    for edge in sorted(bins):
        passed += bins[edge]
        if passed >= rank:
            return edge
    raise ValueError("a quantile lies within the observations")


@dataclass(frozen=True, slots=True)
class Rates:
    """What was done between two reports.

    Args:
        seconds: of I/O.
        iops: 1/s.
        bandwidth: B/s.
        latency: mean completion latency in s; None: nothing completed.
    """

    seconds: float
    iops: float
    bandwidth: float
    latency: float | None


def between(before: Totals, after: Totals) -> Rates | None:
    """The rates of the time between two reports of a job; None where no time passed.

    A job has I/O under way all the time, so a second in which nothing completed is one in which the disk
    stood still: a true zero.
    """
    seconds, ios = after.seconds - before.seconds, after.ios - before.ios
    if seconds <= 0:
        return None
    return Rates(
        seconds,
        ios / seconds,
        (after.moved - before.moved) / seconds,
        (after.waited - before.waited) / ios if ios else None,
    )
