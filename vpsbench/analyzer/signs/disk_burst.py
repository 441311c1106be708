"""A disk that is fast until its credit is used up: one lasting fall in a long job at full rate."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.analyzer.signs import Sign, _burst
from vpsbench.analyzer.words import percent
from vpsbench.model import Finding, Level, Record, Series

if TYPE_CHECKING:
    from vpsbench.model import Floats

METRIC: Final = "disk.fio.iops"
PAUSE: Final = 10.0  # s without a reading: another turn


def look(record: Record) -> list[Finding]:
    """Looks for a knee in the longest stretch of the burst job."""
    found, duty = _look(record), record.run.profile.duty
    if duty < 1 and found.level in {Level.CLEAN, Level.NOT_MEASURABLE}:
        limited = f"The duty of {percent(duty)} shortens jobs, and a bucket refills in the rests"
        return [replace(found, claim=f"{found.claim} {limited}: a run at full duty could show more.")]
    return [found]


def _look(record: Record) -> Finding:
    stretches = [part for series in record.named(METRIC, job="burst") for part in _stretches(series)]
    if not stretches:
        return Finding(
            sign=SIGN.name,
            level=Level.NOT_MEASURABLE,
            claim="No long job at full rate ran on the disk, so no throttle can be seen.",
            series=(METRIC,),
        )
    times, rates = max(stretches, key=lambda part: part[0][-1] - part[0][0])
    width = float(np.median(np.diff(times))) if times.size > 1 else 1.0
    plan = record.run.plan
    return _burst.judge(
        _burst.Course(
            sign=SIGN.name,
            what="The disk",
            say=lambda rate: f"{rate:,.0f} reads/s",
            amount=lambda bucket: f"{bucket:,.0f}",
            stuff="reads",
            unit="1/s",
            start=float(times[0]) - width,
            width=width,
            rates=rates,
            series=(f"{METRIC}{{job=burst}}",),
            disclosed=bool(plan and plan.disk_burst),
            enough=plan.disk_iops if plan else None,
        )
    )


def _stretches(series: Series) -> list[tuple[Floats, Floats]]:
    """The series without its pauses, as (times, values)."""
    cuts = np.flatnonzero(np.diff(series.times) > PAUSE) + 1
    parts = zip(np.split(series.times, cuts), np.split(series.values, cuts), strict=True)
    return [part for part in parts if part[0].size]


SIGN = Sign(
    name="disk_burst",
    question="Is the disk fast only for a while?",
    promise="disk",
    needs=(METRIC,),
    look=look,
)
