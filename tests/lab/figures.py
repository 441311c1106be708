"""The signs' single figures beside the truth: a quota's period and fraction, a bucket, its low rate and kind.

Pure. A CPU's buckets are in vCPU-seconds of all vCPUs together, rates and fractions in shares of each vCPU; a
disk's in reads of 4 KiB.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tests.lab import answers
from tests.lab.answers import Stretch
from tests.lab.scenario import Scenario
from tests.lab.truth import Truth
from vpsbench.analyzer.cpu import accounting, quota_period
from vpsbench.analyzer.signs import cpu_burst, cpu_quota, disk_burst
from vpsbench.analyzer.statistics import change_point
from vpsbench.model import Judgement, Record
from vpsbench.probes.cpu_loop import metrics as loop


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Args:
        name: what it is.
        unit: of both values.
        estimate: what vpsbench says; None: nothing.
        truth: what was.
        relative: whether its error counts as a share of the truth.
    """

    name: str
    unit: str
    estimate: float | None
    truth: float
    relative: bool

    @property
    def error(self) -> float | None:
        """Estimate less truth, or that as a share of the truth."""
        if self.estimate is None:
            return None
        return (self.estimate - self.truth) / (self.truth if self.relative else 1.0)


def figures(scenario: Scenario, truth: Truth, judgement: Judgement) -> list[Figure]:
    """All that a scenario has a true value for."""
    found = [*_disk(scenario, judgement.record)]
    if scenario.guest.platform != "kvm" or not judgement.record.named(loop.WALL):
        return found
    return [*found, *_quota(scenario, truth, judgement), *_burst(truth, judgement.record)]


def _disk(scenario: Scenario, record: Record) -> Iterator[Figure]:
    """Of one throttle that was there all along: QEMU's bucket holds the burst's rate times its length."""
    throttles = [one for one in scenario.fault if one.kind == "disk_throttle" and one.start == 0]
    parts = disk_burst.stretches(record, "burst")
    if len(throttles) != 1 or not parts:
        return
    one, longest = throttles[0], max(parts, key=lambda part: part.rates.size)
    operations = bool(one.burst_iops)
    low, high = (one.iops or 0, one.burst_iops) if operations else (one.bps or 0, one.burst_bps)
    if not high or (operations and one.burst_bps):
        return
    block = 1 if operations else disk_burst.BLOCK
    found = (
        change_point.throttled(longest.rates, longest.width)
        if longest.rates.size >= change_point.LEAST_BINS
        else None
    )
    told = disk_burst.kind(record, longest, found) if found else "unknown"
    size = found.bucket + disk_burst.laid_out(record, longest, found) if found else None
    yield Figure("low rate", "reads/s", found.low if found else None, low / block, relative=True)
    yield Figure("bucket", "reads", size, high * one.burst_length / block, relative=True)
    known = {"operations": 1.0, "both": 1.0, "bandwidth": 0.0}.get(told)
    yield Figure("operations are capped", "1", known, float(operations), relative=False)


def _quota(scenario: Scenario, truth: Truth, judgement: Judgement) -> Iterator[Figure]:
    """Of a quota that was there all along."""
    for fault in scenario.fault:
        if fault.kind == "quota" and fault.start == 0 and fault.cpus < scenario.guest.vcpus:
            found = period(judgement.record)
            yield Figure("quota period", "s", found, fault.period, relative=True)
            real = answers.fraction(truth, judgement.record)
            told = [one.measured for one in judgement.findings if one.sign == cpu_quota.SIGN.name]
            if real is not None:
                yield Figure("quota fraction", "1", told[0] if found and told else None, real, relative=False)


def period(record: Record) -> float | None:
    """The median of the periods that are found in the vCPUs' single gaps, s."""
    found = []
    for gaps in record.named(loop.ONE_GAP, arm="all"):
        for since, until in accounting.bins(record, **gaps.labels).pieces()[:1]:
            last = min(until, since + quota_period.LOGGED)
            one = quota_period.of_loop(record, gaps.labels, since, last)
            found += [one.period] if one else []
    return float(np.median(found)) if found else None


def _burst(truth: Truth, record: Record) -> Iterator[Figure]:
    """What was left after the fall, and what ran above that before it: by the threads' own run time."""
    at = answers.fall(truth, record)
    if at is None:
        return
    before = _ran(truth, [one._replace(until=at.at) for one in at.loops])
    after = [one._replace(since=at.at) for one in at.loops]
    lost = answers.loss(truth, after)
    if before is None or lost is None:
        return
    low = 1 - lost
    loaded = sum(at.at - one.since for one in at.loops)
    found = _change_point(record)
    bucket = found.bucket * len(at.loops) if found else None
    yield Figure("low rate", "1", found.low if found else None, low, relative=True)
    yield Figure("bucket", "vCPU-s", bucket, before - low * loaded, relative=True)


def _ran(truth: Truth, stretches: list[Stretch]) -> float | None:
    ran = [truth.growth(f"vcpu.{one.vcpu}.run", one.since, one.until) for one in stretches]
    known = [one for one in ran if one is not None]
    return sum(known) if len(known) == len(ran) else None


def _change_point(record: Record) -> change_point.ChangePoint | None:
    """The change point that the sign finds in the longest load of all vCPUs."""
    table = accounting.bins(record, arm="all")
    longest = max(table.pieces(), key=lambda piece: piece[1] - piece[0], default=(0.0, 0.0))
    rates = 1 - accounting.lost(accounting.cut(table.within(*longest), cpu_burst.WIDTH))
    return cpu_burst.fall(rates, cpu_burst.WIDTH) if rates.size >= change_point.LEAST_BINS else None
