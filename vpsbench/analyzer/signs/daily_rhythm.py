"""Whether busy vCPUs lose more at certain hours of every day. It accuses nobody: it says when to look."""

from __future__ import annotations

from vpsbench.analyzer.cpu.losses_by_hour import lost_by_hour
from vpsbench.analyzer.signs import Sign
from vpsbench.analyzer.statistics import daily_rhythm
from vpsbench.analyzer.statistics.daily_rhythm import DAY, QUARTER, HourlyValues, Rhythm
from vpsbench.model import Finding, Level, Record
from vpsbench.probes.cpu_loop import metrics as loop
from vpsbench.wording.figures import hours, percent, span


def look(record: Record) -> list[Finding]:
    """Compares the hours of the day, where each was seen on two days or more."""
    course = lost_by_hour(record)
    if course.days < 2 or course.covered < daily_rhythm.COVERED:
        claim = _short(course, record.run.elapsed)
        return [Finding(sign=SIGN.name, level=Level.NOT_MEASURABLE, claim=claim, series=SIGN.needs)]
    found = daily_rhythm.rhythm(course)
    return [
        Finding(
            sign=SIGN.name,
            level=Level.CLEAN,
            claim=_claim(found),
            measured=found.swing,
            interval=found.interval if found.found else None,
            unit="1",
            series=SIGN.needs,
        )
    ]


def _short(course: HourlyValues, elapsed: float) -> str:
    """What a run that cannot compare days can say."""
    if course.days < 1:
        return f"Only two full days can tell a daily rhythm from chance; this run lasted {span(elapsed)}."
    if course.covered < daily_rhythm.COVERED:
        return (
            f"Busy vCPUs were watched in {percent(course.covered)} of the hours, too few to compare the "
            "hours of the day: that takes a turn of the CPU probe in each hour of two full days."
        )
    lost = {hour: float(values.mean()) for hour in range(DAY) if (values := course.at(hour)).size}
    worst, best = max(lost, key=lost.__getitem__), min(lost, key=lost.__getitem__)
    often = "once" if course.values.size <= DAY + 1 else "once or twice"
    return (
        f"Each hour of the day was seen {often}, so no daily rhythm can be told; two full days would do. "
        f"Busy vCPUs lost most between {hours(worst, 1)}, {percent(lost[worst])}, and least "
        f"between {hours(best, 1)}, {percent(lost[best])}."
    )


def _claim(found: Rhythm) -> str:
    worst, best = hours(found.worst, QUARTER), hours(found.best, QUARTER)
    quarters = (
        f"busy vCPUs lost {percent(found.shares[0])} of their time between {worst}, the worst quarter of the "
        f"day, and {percent(found.shares[1])} between {best}, the best ({100 * found.swing:.2g} points apart)"
    )
    if found.swing < daily_rhythm.SWING:
        return f"No daily rhythm: over {found.days} days {quarters}, too little a difference to matter."
    if not found.found:
        return (
            f"No daily rhythm: over {found.days} days {quarters}, but one day was no more like another than "
            "chance makes them."
        )
    few = " Two days are few: a third would show whether they were alike by chance." * (found.days == 2)
    return (
        f"The hours of the day differ, and alike on each of {found.days} days: {quarters}. That breaks no "
        f"promise; it says when to measure again.{few}"
    )


SIGN = Sign(
    name="daily_rhythm",
    question="Is this machine slower at certain hours of the day?",
    promise="cpu",
    needs=(loop.WALL, loop.GAP),
    look=look,
    accuses=False,
)
