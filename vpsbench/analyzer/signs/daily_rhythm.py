"""Whether busy vCPUs lose more at certain hours of every day. It accuses nobody: it says when to look."""

from __future__ import annotations

from typing import NamedTuple

from vpsbench.analyzer.cpu.losses_by_hour import lost_by_hour
from vpsbench.analyzer.signs import Sign
from vpsbench.analyzer.statistics import daily_rhythm
from vpsbench.analyzer.statistics.daily_rhythm import DAY, QUARTER, HourlyValues, Rhythm
from vpsbench.model import Finding, Level, Record
from vpsbench.probes.cpu_loop import metrics as loop
from vpsbench.wording.figures import hours, percent, span


class _Answer(NamedTuple):
    """What is said, and which of the sign's answers it is."""

    ground: str
    claim: str
    further: str = ""


def look(record: Record) -> list[Finding]:
    """Compares the hours of the day, where each was seen on two days or more."""
    values = lost_by_hour(record)
    if values.days < 2 or values.covered < daily_rhythm.COVERED:
        return [_finding(Level.NOT_MEASURABLE, _too_little(values, record.run.elapsed))]
    found = daily_rhythm.rhythm(values)
    return [_finding(Level.CLEAN, _compared(found), found)]


def _finding(level: Level, answer: _Answer, found: Rhythm | None = None) -> Finding:
    return Finding(
        sign=SIGN.name,
        level=level,
        ground=answer.ground,
        claim=answer.claim,
        further=answer.further,
        measured=found.swing if found else None,
        interval=found.interval if found and found.found else None,
        unit="1" if found else None,
        series=SIGN.needs,
    )


def _too_little(values: HourlyValues, elapsed: float) -> _Answer:
    """What a run that cannot compare days can say."""
    if values.days < 1:
        claim = f"Only two full days can tell a daily rhythm from chance; this run lasted {span(elapsed)}."
        return _Answer("short_run", claim)
    if values.covered < daily_rhythm.COVERED:
        return _Answer(
            "few_hours",
            f"Busy vCPUs were watched in {percent(values.covered)} of the hours, too few to compare the "
            "hours of the day.",
            "That takes a turn of the CPU probe in each hour of two full days.",
        )
    lost = {hour: float(seen.mean()) for hour in range(DAY) if (seen := values.at(hour)).size}
    worst, best = max(lost, key=lost.__getitem__), min(lost, key=lost.__getitem__)
    often = "once" if values.values.size <= DAY + 1 else "once or twice"
    return _Answer(
        "seen_once",
        f"Each hour of the day was seen {often}, so no daily rhythm can be told; "
        "two full days would be enough.",
        f"Busy vCPUs lost most between {hours(worst, 1)}, {percent(lost[worst])}, and least "
        f"between {hours(best, 1)}, {percent(lost[best])}.",
    )


def _compared(found: Rhythm) -> _Answer:
    """What the comparison of whole days says."""
    worst, best = hours(found.worst, QUARTER), hours(found.best, QUARTER)
    quarters = (
        f"Busy vCPUs lost {percent(found.shares[0])} of their time between {worst}, the worst quarter of "
        f"the day, and {percent(found.shares[1])} between {best}, the best "
        f"({100 * found.swing:.2g} points apart)."
    )
    if found.swing < daily_rhythm.SWING:
        claim = f"No daily rhythm over {found.days} days: the hours differ too little to matter."
        return _Answer("too_small", claim, quarters)
    if not found.found:
        claim = f"No daily rhythm over {found.days} days: they are alike only as by chance."
        return _Answer("chance", claim, quarters)
    few = " Two days are few: a third would show whether they were alike by chance." * (found.days == 2)
    return _Answer(
        "rhythm",
        f"The hours of the day differ, and alike on each of {found.days} days.",
        f"{quarters} That breaks no promise; it says when to measure again.{few}",
    )


SIGN = Sign(
    name="daily_rhythm",
    question="Is this machine slower at certain hours of the day?",
    promise="cpu",
    needs=(loop.WALL, loop.GAP),
    look=look,
    accuses=False,
)
