"""A CPU that is fast until its credit is used up: one lasting fall of what busy vCPUs are given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.analyzer.burst import burst_findings
from vpsbench.analyzer.burst.refill import Reload
from vpsbench.analyzer.cpu import accounting, loss_findings
from vpsbench.analyzer.signs import Sign, one_claim
from vpsbench.analyzer.statistics import change_point
from vpsbench.model import Finding, Level, Record
from vpsbench.monitors import cpu_times
from vpsbench.probes.cpu_loop import metrics as loop
from vpsbench.wording.figures import percent

if TYPE_CHECKING:
    from vpsbench.model import Floats

WIDTH: Final = 0.5  # s, of a bin where the probe's are no longer: a bucket that lasts for two seconds shows
SHORTEST: Final = 15.0  # s, of a load
FLOOR: Final = 0.15  # s of full speed: what a start of the loops and a neighbour's visit make
IDLE: Final = {
    "idle",
    "iowait",
    "steal",
    "guest",
    "guest_nice",
}  # states in which this guest computes nothing


def look(record: Record) -> list[Finding]:
    """Looks for a lasting fall in the longest stretch of load on all vCPUs."""
    table = accounting.bins(record, arm="all")
    if table.wall.size == 0:
        return [
            Finding(
                sign=SIGN.name,
                level=Level.NOT_MEASURABLE,
                claim="The vCPUs were never all loaded together in this run, so no throttle can be seen.",
                ground="never_together",
                series=loss_findings.SERIES,
            )
        ]
    found = burst_findings.judge(_full_load(record, table))
    own = loss_findings.own_limit(record, found.since or 0.0, found.until or 0.0)
    if own and found.level is Level.NOTICE:
        further = f"{found.further} But {own.said}. {own.further}".lstrip()
        return [replace(found, level=Level.NOT_MEASURABLE, ground=own.ground, further=further)]
    return [found]


def _full_load(record: Record, table: accounting.LoopTimes) -> burst_findings.FullLoad:
    """What each vCPU was given in the longest stretch."""
    stretch = max(table.pieces(), key=lambda p: p[1] - p[0])
    width = max(WIDTH, table.length)
    windows = accounting.cut(table.within(*stretch), width)
    plan, duty = record.run.plan, record.run.profile.duty
    return burst_findings.FullLoad(
        sign=SIGN.name,
        what="Each vCPU",
        say=lambda rate: f"{percent(rate)} of its time",
        amount=lambda bucket: f"{bucket:.3g}",
        stuff="s of full speed",
        unit="1",
        start=float(windows.start[0]) if windows.start.size else float(table.start.min()),
        width=width,
        rates=duty * (1 - accounting.lost(windows)),
        series=loss_findings.SERIES,
        disclosed=bool(plan and plan.cpu_burst),
        enough=loss_findings.cap(plan),
        reloads=lambda fall: list(_reloads(record, stretch[1], fall)),
        how=loss_findings.load(record),
        floor=FLOOR,
        fewest=max(change_point.LEAST_BINS, round(SHORTEST / width)),
        find=fall,
    )


def fall(rates: Floats, width: float) -> change_point.ChangePoint | None:
    """The lasting fall. Its low rate is a mean to the end: half seconds vary with a quota's periods."""
    found = change_point.throttled(rates, width)
    return found and replace(found, low=float(rates[round(found.at / width) + 2 :].mean()))


def _reloads(record: Record, load_ended: float, fall: change_point.ChangePoint) -> Iterator[Reload]:
    """The rests that followed a load directly, and what each load after them got until it fell again."""
    table, duty = accounting.bins(record, arm="refill"), record.run.profile.duty
    middle = (fall.low + fall.high) / 2
    for start, end in table.pieces():
        fine = accounting.cut(table.within(start, end), table.length)
        if start < load_ended or not fine.start.size:
            continue
        rest, rates = start - load_ended, duty * (1 - accounting.lost(fine))
        fast = np.flatnonzero(rates > middle)
        fell = int(fast[-1]) + 2 if fast.size else 0  # with the bin in which it did
        yield Reload(
            rest=rest,
            returned=float(((rates - fall.low) * (fine.end - fine.start))[:fell].sum()),
            expected=max(0.0, rest * fall.low - _used(record, load_ended, start)),
            drained=float(np.median(rates[-max(1, rates.size // 3) :])) < middle,
        )
        load_ended = end


def _used(record: Record, since: float, until: float) -> float:
    """What this guest itself used of each vCPU while it rested, s: that fills no bucket.

    Between the last reading in the rest and the first after it, the loops start, and then they load. The
    time before the first reading in the rest is mostly the load before: there the guest is taken to have
    used as much as in the rest.
    """
    used, load = 0.0, 0.0
    for series in record.named(cpu_times.TIME):
        inside = np.flatnonzero((series.times >= since) & (series.times <= until))
        if inside.size > 1 and series.labels["state"] not in IDLE:
            first, last = inside[0], inside[-1]
            after = min(int(last) + 1, series.times.size - 1)
            whole, seen = series.times[last] - since, series.times[last] - series.times[first]
            used += float((series.values[last] - series.values[first]) / seen * whole)
            used += float(series.values[after] - series.values[last])
            load = max(load, float(series.times[after]) - until)
    vcpus = {series.labels["vcpu"] for series in record.named(cpu_times.TIME)}
    return max(0.0, used / len(vcpus) - load) if vcpus else 0.0


SIGN = Sign(
    name="cpu_burst",
    question="Is the CPU fast only for a while?",
    promise="cpu",
    needs=(loop.WALL, loop.GAP),
    look=look,
    claims=one_claim,
    decides=("cpu_burst",),
    bucket="s of full speed",
)
