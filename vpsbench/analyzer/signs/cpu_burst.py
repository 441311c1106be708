"""A CPU that is fast until its credit is used up: one lasting fall of what busy vCPUs are given."""

from __future__ import annotations

from dataclasses import replace

from vpsbench.analyzer import ledger
from vpsbench.analyzer.signs import Sign, _burst, _cpu
from vpsbench.analyzer.words import percent, span
from vpsbench.model import Finding, Level, Record

WIDTH = 1.0  # s, of a bin


def look(record: Record) -> list[Finding]:
    """Looks for a knee in the longest stretch of load on all vCPUs."""
    table = ledger.bins(record, arm="all")
    if table.wall.size == 0:
        return [
            Finding(
                sign=SIGN.name,
                level=Level.NOT_MEASURABLE,
                claim="The vCPUs were never loaded all together in this run, so no throttle can be seen.",
                series=_cpu.SERIES,
            )
        ]
    windows = ledger.cut(table.within(*max(table.pieces(), key=lambda p: p[1] - p[0])), WIDTH)
    plan = record.run.plan
    found = _burst.judge(
        _burst.Course(
            sign=SIGN.name,
            what="Each vCPU",
            say=lambda rate: f"{percent(rate)} of its time",
            amount=lambda bucket: f"{span(bucket)} of full speed",
            unit="1",
            start=float(windows.start[0]) if windows.start.size else float(table.start.min()),
            width=WIDTH,
            rates=1 - ledger.lost(windows),
            series=_cpu.SERIES,
            disclosed=bool(plan and plan.cpu_burst),
            enough=_cpu.cap(plan),
        )
    )
    quota = _cpu.own_quota(record, found.since or 0.0, found.until or 0.0)
    if quota and found.level is Level.NOTICE:
        claim = f"{found.claim[:-1]}; but {_cpu.quota_in_words(record, quota)}."
        return [replace(found, level=Level.NOT_MEASURABLE, claim=claim)]
    return [found]


SIGN = Sign(
    name="cpu_burst",
    question="Is the CPU fast only for a while?",
    promise="cpu",
    needs=("cpu.loop.wall", "cpu.loop.gap"),
    look=look,
)
