"""A disk that is fast until its credit is used up: one lasting fall in a long job at full rate.

Where the probe saw it fall, larger reads followed. They tell a cap on operations from one on bandwidth. Then
came rests of 1, 2 and 4 times a step, with loads after them. They tell a bucket from a neighbour.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.analyzer.burst import burst_findings
from vpsbench.analyzer.burst.refill import Reload
from vpsbench.analyzer.signs import Sign, one_each_look
from vpsbench.analyzer.statistics import change_point
from vpsbench.analyzer.statistics.sessions import sessions as in_sessions
from vpsbench.model import Finding, Level, Record, Selected, Series
from vpsbench.monitors import disks
from vpsbench.probes.disk_file import metrics as disk_file
from vpsbench.probes.fio import metrics as fio
from vpsbench.probes.fio.jobs import AFTER_BURST, DRAINED
from vpsbench.wording.figures import percent

if TYPE_CHECKING:
    from vpsbench.model import Floats

METRIC: Final = fio.DIRECT.iops
PAUSE: Final = 10.0  # s without a reading: another turn
BLOCK: Final = 4096  # B, of the burst job's reads
GOES_ON: Final = 0.3  # s that a job works on after its last whole second, and logs nothing
IN_FLIGHT: Final = 64.0  # reads: two queues full, which a job's start and end may add or lose
ALIKE: Final = 0.25  # by which two rates may differ and still be one limit's
LAST: Final = 3  # readings, by which a load has drained the bucket again: so long the probe looks on
SOONER: Final = 600.0  # s after a burst until which doses belong to it


@dataclass(frozen=True, slots=True)
class Stretch:
    """One job without a break: rates, each over the time since the reading before."""

    start: float
    times: Floats
    rates: Floats

    @property
    def end(self) -> float:
        """When its last reading ended, s."""
        return float(self.times[-1])

    @property
    def width(self) -> float:
        """The mean length of a reading, s."""
        return (self.end - self.start) / self.times.size


def look(record: Record) -> list[Finding]:
    """Looks for a change point in each stretch of the burst job, and speaks of the longest."""
    found, duty = _look(record), record.run.profile.duty
    if duty < 1 and found.level in {Level.CLEAN, Level.NOT_MEASURABLE}:
        limited = f"The duty of {percent(duty)} shortens jobs, and a bucket refills in the rests"
        return [_add(found, f"{limited}: a run at full duty could show more.")]
    return [found]


def _look(record: Record) -> Finding:
    parts = stretches(record, "burst")
    if not parts:
        return Finding(
            sign=SIGN.name,
            level=Level.NOT_MEASURABLE,
            claim="No long job at full rate ran on the disk, so no throttle can be seen.",
            ground="no_long_job",
            series=(METRIC,),
        )
    courses = [_course(record, part) for part in parts]
    found = burst_findings.judge(max(courses, key=lambda one: one.rates.size * one.width))
    if found.level is not Level.NOTICE:
        return found
    times = [one.start for one in courses if burst_findings.confirmed(one)]
    if (sessions := len(in_sessions(times))) < 2:
        return found
    return replace(_add(found, f"It was so in {sessions} sessions hours apart."), level=Level.STRONG)


def _add(found: Finding, sentence: str) -> Finding:
    return replace(found, further=f"{found.further} {sentence}".lstrip())


def _course(record: Record, part: Stretch) -> burst_findings.FullLoad:
    plan = record.run.plan
    return burst_findings.FullLoad(
        sign=SIGN.name,
        what="The disk",
        say=lambda rate: f"{rate:,.0f} reads/s",
        amount=lambda bucket: f"{bucket:,.0f}",
        stuff="reads",
        unit="1/s",
        start=part.start,
        width=part.width,
        rates=part.rates,
        series=(Selected(METRIC, (("job", "burst"),)),),
        disclosed=bool(plan and plan.disk_burst),
        enough=plan.disk_iops if plan else None,
        reloads=lambda fall: list(reloads(record, part, fall)),
        floor=IN_FLIGHT,
        before=lambda fall: laid_out(record, part, fall),
        cap=lambda fall: _SAID[kind(record, part, fall)],
        strict=True,
    )


def stretches(record: Record, job: str) -> list[Stretch]:
    """The stretches of a job, one a turn."""
    return [part for series in record.named(METRIC, job=job) for part in _split(series)]


def _split(series: Series) -> Iterator[Stretch]:
    """The series without its pauses."""
    cuts = np.flatnonzero(np.diff(series.times) > PAUSE) + 1
    for times, rates in zip(np.split(series.times, cuts), np.split(series.values, cuts), strict=True):
        if times.size:
            first = float(np.median(np.diff(times))) if times.size > 1 else 1.0
            yield Stretch(float(times[0]) - first, times, rates)


def _after(record: Record, job: str, end: float) -> Stretch | None:
    """The first stretch of a job that soon followed."""
    found = [one for one in stretches(record, job) if end <= one.end and one.start < end + SOONER]
    return min(found, key=lambda one: one.start, default=None)


def followers(record: Record, burst: Stretch) -> dict[str, list[Stretch]]:
    """By job, what the probe did after a burst that fell: larger reads, and loads after rests."""
    names = {s.labels["job"] for s in record.named(METRIC)}
    found = {name: _after(record, name, burst.end) for name in sorted(names) if name in AFTER_BURST}
    return {name: [one] for name, one in found.items() if one}


def reloads(record: Record, burst: Stretch, fall: change_point.ChangePoint) -> Iterator[Reload]:
    """The rests that followed a burst, and what each load after them got."""
    parts = followers(record, burst)
    before = max([burst, *parts.pop(DRAINED, [])], key=lambda one: one.end)
    found = [one for some in parts.values() for one in some]
    capped = kind(record, burst, fall)
    kept = _kept(burst, before, fall.low) if capped == "both" else 0.0
    bandwidth = capped == "bandwidth"
    disk, size = _disk(record, burst, bandwidth=bandwidth), BLOCK if bandwidth else 1
    for load in sorted(found, key=lambda one: one.start):
        rest, length = load.start - before.end - GOES_ON, load.end - load.start
        used = sum(_growth(one, before.end, load.start) or 0.0 for one in disk) / size
        expected = max(0.0, rest * fall.low - used)
        more = _surplus(disk, before.times[-2:], load.times[-2:], fall.low * size)
        yield Reload(
            rest=rest,
            returned=float(load.rates.sum()) * load.width - fall.low * length
            if more is None
            else expected + more / size,
            expected=expected + kept,
            drained=float(np.median(load.rates[-LAST:])) < (fall.low + fall.high) / 2,
        )
        before, kept = load, 0.0


def _kept(burst: Stretch, large: Stretch, low: float) -> float:
    """What a bucket of operations took back while another cap held the larger reads below its own rate."""
    return max(0.0, low * (large.end - burst.end) - float(large.rates.sum()) * large.width)


def _disk(record: Record, burst: Stretch, *, bandwidth: bool) -> list[Series]:
    """What was read from and written to the disk that was read most in the burst: operations, or B.

    Where none is counted, as in containers, this guest's own use is not known: a bucket seems to take less.
    """
    reads, writes = (disks.READ_BYTES, disks.WRITE_BYTES) if bandwidth else (disks.READS, disks.WRITES)
    busiest = max(
        record.named(reads), key=lambda one: _growth(one, burst.start, burst.end) or 0.0, default=None
    )
    return [busiest, *record.named(writes, **busiest.labels)] if busiest else []


def _growth(series: Series, since: float, until: float) -> float | None:
    """How much a counter grew by its readings within; None where there are fewer than two."""
    inside = np.flatnonzero((series.times >= since) & (series.times <= until))
    return float(series.values[inside[-1]] - series.values[inside[0]]) if inside.size > 1 else None


def _surplus(disk: list[Series], before: Floats, load: Floats, low: float) -> float | None:
    """What the disk itself counted from one load's end to the next one's, beyond ``low`` for all that time.

    A bucket that is empty at both ends makes it 0, whenever exactly the rest between them began and ended.
    (fio's clock stops before its queue is empty, and its last word comes later.) Nor does the kernel's
    merging of neighbouring reads matter, of which fio sees more than a cap lets through. None where nothing
    is counted.

    Args:
        disk: its counters.
        before: the last readings of the load before the rest, s; the very last one may hold its end.
        load: likewise, of the load after it.
        low: a second, in what is counted.
    """
    since, until = float(before[0]), float(load[0])
    if not disk or disk[0].times[0] > since or disk[0].times[-1] < until:
        return None
    counted = sum(float(np.diff(np.interp((since, until), s.times, s.values))[0]) for s in disk)
    return counted - low * (until - since)


def laid_out(record: Record, burst: Stretch, fall: change_point.ChangePoint) -> float:
    """What writing the file had taken of a bucket of B when the burst began, in its reads.

    Of a bucket of operations it takes next to nothing, as its writes are large.
    """
    if kind(record, burst, fall) != "bandwidth":
        return 0.0
    began = max(
        (t.started for t in record.turns if t.probe == "disk" and t.started <= burst.start), default=None
    )
    if began is None:
        return 0.0
    counted = [(one.times, one.values) for one in _disk(record, burst, bandwidth=True)] or [
        (np.append(began, one.times), np.cumsum(np.append(0.0, one.values)))
        for one in record.named(disk_file.WRITTEN, job="layout")
    ]
    return _taken(counted, began, burst.start, fall.low * BLOCK) / BLOCK


def _taken(counted: list[tuple[Floats, Floats]], since: float, until: float, low: float) -> float:
    """What a bucket that was full lacks in the end, in what is counted (times and growing values)."""
    inner = np.unique(np.concatenate([np.zeros(0), *(times for times, _ in counted)]))
    ticks = np.concatenate([[since], inner[(inner > since) & (inner < until)], [until]])
    taken = 0.0
    for k, length in enumerate(np.diff(ticks)):
        grown = sum(float(np.diff(np.interp(ticks[k : k + 2], *one))[0]) for one in counted)
        taken = max(0.0, taken + grown - low * length)
    return taken


def kind(record: Record, burst: Stretch, fall: change_point.ChangePoint) -> str:
    """What is capped: "operations", "bandwidth", "both", "neither", or "unknown" where it was not tried."""
    large = _after(record, "drained", burst.end)
    if large is None or large.rates.size < change_point.FEWEST:
        return "unknown"
    widths = [one for series in record.named(fio.DIRECT.bandwidth, job="drained") for one in _split(series)]
    same = [one for one in widths if one.times.size == large.times.size and abs(one.end - large.end) < 1]
    if not same:
        return "unknown"
    # The pause between two jobs has filled the bucket a little: its first readings are not the low rate. Nor
    # is the last: what was under way then comes when fio has stopped its clock.
    many, much = (float(np.median(one.rates[1:])) for one in (large, same[0]))
    ratio, block = many / fall.low, much / many if many else 0.0
    if abs(ratio - 1) <= ALIKE:
        return "operations"
    if block > BLOCK and abs(ratio * block / BLOCK - 1) <= ALIKE:
        return "bandwidth"
    return "both" if ratio < 1 < ratio * block / BLOCK else "neither"


_SAID: Final = {
    "operations": "; larger reads then came at the same rate: operations are capped, not bandwidth",
    "bandwidth": "; larger reads then came at the same B/s: bandwidth is capped, not operations",
    "both": "; larger reads then came at a lower rate, but at more B/s: operations are capped, and larger "
    "ones held back by something else as well, such as a cap on bandwidth",
    "neither": "; larger reads then came neither at the same rate nor at the same B/s: what is capped is "
    "undecided",
    "unknown": "",
}
SIGN = Sign(
    name="disk_burst",
    question="Is the disk fast only for a while?",
    promise="disk",
    needs=(METRIC,),
    look=look,
    claims=one_each_look,
    decides=("disk_burst",),
    bucket="reads",
)
