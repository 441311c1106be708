"""Understands what fio 3 writes: its JSON (``json+``) and its per-second logs. Pure.

Formats: fio's HOWTO, "JSON+ output" and "Log File Formats".
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

# A quantile needs at least one observation beyond it.
QUANTILES: Final = {"0.5": 2, "0.9": 10, "0.99": 100, "0.999": 1000}  # quantile: observations needed
_DIRECTIONS: Final = ("read", "write")  # 0 and 1 in the logs
_SAME_SECOND: Final = 500  # ms; fio logs one second's directions within a few


@dataclass(frozen=True, slots=True)
class Totals:
    """What fio says of one whole job.

    Args:
        error: fio's errno, 0 when all went well.
        ios: I/Os completed.
        moved: B read and written.
        written: B written; None where fio does not say.
        seconds: how long I/O was made.
        latencies: completion latency in ns (upper edge of fio's bin) -> how many I/Os.
        syncs: the same of fsync and fdatasync calls.
    """

    error: int
    ios: int
    moved: int
    written: int | None
    seconds: float
    latencies: Mapping[int, int]
    syncs: Mapping[int, int]


def totals(text: str) -> Totals:
    """Reads fio's output, passing over warnings in front of the JSON.

    Raises:
        ValueError: there is no whole report of one job by fio 3 in it.
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
            ios=sum(int(way["total_ios"]) for way in ways),
            moved=sum(int(way["io_bytes"]) for way in ways),
            written=int(job["write"]["io_bytes"]) if "write" in job else None,
            seconds=max((int(way["runtime"]) for way in ways), default=0) / 1000,
            latencies=_bins(way.get("clat_ns", {}) for way in ways),
            syncs=_bins([job.get("sync", {}).get("lat_ns", {})]),
        )
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"fio's report of the job lacks something: {error!r}") from error


def _json(text: str) -> dict[str, Any]:
    decoder = json.JSONDecoder()
    for start in re.finditer(r"^\{", text, re.MULTILINE):
        try:
            found, _ = decoder.raw_decode(text, start.start())
        except json.JSONDecodeError:
            continue  # a warning that begins with a brace, or half a report
        if "jobs" in found:
            return dict(found)
    raise ValueError("there is no whole JSON report in fio's output")


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


def mean(bins: Mapping[int, int]) -> float | None:
    """The mean in ns, as exact as the bins are; None without observations."""
    count = sum(bins.values())
    return sum(edge * number for edge, number in bins.items()) / count if count else None


@dataclass(frozen=True, slots=True)
class Second:
    """One second of a job, reads and writes together; None: fio logged none.

    Args:
        end: ms, on the clock that the log is written in.
        iops: 1/s.
        bandwidth: B/s.
        latency: mean completion latency in s.
    """

    end: int
    iops: float
    bandwidth: float | None
    latency: float | None


@dataclass(frozen=True, slots=True)
class _Entry:
    """One second of one log: direction (0 read, 1 write) -> value."""

    end: int
    values: dict[int, int] = field(default_factory=dict)


def seconds(iops: str, bandwidth: str, latency: str) -> list[Second]:
    """Joins the texts of a job's three logs (KiB/s, ns), second by second.

    fio writes nothing for a second in which nothing completed, and cannot say whether it was the
    disk or fio that stood still: such a second is missing here as well.

    Raises:
        ValueError: a line is not in fio's format.
    """
    widths, delays = _entries(bandwidth), _entries(latency)
    return [
        Second(
            entry.end,
            sum(entry.values.values()),
            _sum_of(_nearest(widths, entry.end), 1024),
            _weighted(_nearest(delays, entry.end), entry.values),
        )
        for entry in _entries(iops)
    ]


def _entries(text: str) -> list[_Entry]:
    found: list[_Entry] = []
    for end, value, direction in _rows(text):
        if not found or direction in found[-1].values or end - found[-1].end > _SAME_SECOND:
            found.append(_Entry(end))
        found[-1].values[direction] = value
    return found


def _rows(text: str) -> Iterator[tuple[int, int, int]]:
    """(ms, value, direction) of each line; newer versions append columns. A cut last line is dropped."""
    for line in text.split("\n")[:-1]:
        end, value, direction, *_ = (int(word, 0) for word in line.split(","))
        yield end, value, direction


def _nearest(entries: list[_Entry], end: int) -> dict[int, int]:
    """The values of the second that ended at about this time; empty where there is none."""
    place = bisect_left(entries, end - _SAME_SECOND, key=lambda entry: entry.end)
    around = [entry for entry in entries[place : place + 2] if entry.end - end <= _SAME_SECOND]
    return min(around, key=lambda entry: abs(entry.end - end)).values if around else {}


def _sum_of(values: dict[int, int], unit: int) -> float | None:
    return sum(values.values()) * unit if values else None


def _weighted(latencies: dict[int, int], iops: dict[int, int]) -> float | None:
    """The mean over both directions, in s; None unless it is known for each that had I/O."""
    if not iops.keys() <= latencies.keys() or not sum(iops.values()):
        return None
    return sum(latencies[way] * count for way, count in iops.items()) / sum(iops.values()) / 1e9
