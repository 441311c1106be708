"""What both burst signs share: how a knee, or the lack of one, is put into a finding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpsbench.analyzer.burst import refill
from vpsbench.analyzer.burst.refill import Answer, Reload
from vpsbench.analyzer.statistics import change_point
from vpsbench.model import Alternative, Finding, Level, Metric, Selected
from vpsbench.wording.figures import percent, span

if TYPE_CHECKING:
    from vpsbench.model import Floats


@dataclass(frozen=True, slots=True)
class Course:
    """A rate over the longest stretch of full load, and how to speak of it.

    Args:
        sign: the sign's name.
        what: "The disk", "Each vCPU".
        say: puts a rate into words.
        amount: the number in a bucket's size (rate times s).
        stuff: what such a number counts: "s of full speed".
        unit: of the rate.
        start: of the stretch, s.
        width: of a bin, s.
        rates: one a bin.
        series: that it rests on.
        disclosed: the plan says that full speed lasts only for a while.
        enough: a promised rate; a throttle that still delivers it breaks nothing.
        reloads: given a low rate, what came back after rests.
        load: how it was loaded, in words.
        floor: what noise alone makes of an amount of a bucket.
        before: given the knee, how much of its bucket had been used before the load began.
        cap: given the knee, what kind of limit it is, in words that follow the claim.
        strict: rests that were tried and did not show a bucket accuse nobody.
        fewest: bins below which nothing is said.
        find: the knee in rates of bins of a width in s.
    """

    sign: str
    what: str
    say: Callable[[float], str]
    amount: Callable[[float], str]
    stuff: str
    unit: str
    start: float
    width: float
    rates: Floats
    series: tuple[Metric | Selected, ...]
    disclosed: bool
    enough: float | None = None
    reloads: Callable[[change_point.Knee], Sequence[Reload]] = lambda _: ()
    load: str = "full load"
    floor: float = 0.0
    before: Callable[[change_point.Knee], float] = lambda _: 0.0
    cap: Callable[[change_point.Knee], str] = lambda _: ""
    strict: bool = False
    fewest: int = change_point.LEAST_BINS
    find: Callable[[Floats, float], change_point.Knee | None] = change_point.throttled

    @property
    def until(self) -> float:
        """The end of the stretch, s."""
        return self.start + self.width * self.rates.size


def judge(course: Course) -> Finding:
    """The finding on one course."""
    if course.rates.size < course.fewest:
        return _finding(
            course,
            Level.NOT_MEASURABLE,
            f"{course.what} was under {course.load} for {span(course.until - course.start)} without a pause, "
            f"which is too short to see a throttle; {span(course.fewest * course.width)} is the least.",
        )
    found = course.find(course.rates, course.width)
    return _throttled(course, found) if found else _steady(course)


def _steady(course: Course) -> Finding:
    rates, seconds = course.rates, course.until - course.start
    first, last = (float(np.median(part)) for part in (rates[: rates.size // 5], rates[-(rates.size // 5) :]))
    if last < (1 - change_point.LEAST_DROP) * first:
        return _finding(
            course,
            Level.NOT_MEASURABLE,
            f"{course.what} fell from {course.say(first)} to {course.say(last)} in {span(seconds)} of "
            f"{course.load}, but too unevenly to tell a throttle from noise; a longer run would.",
            last,
        )
    return _finding(
        course,
        Level.CLEAN,
        f"{course.what} delivered {course.say(float(rates.mean()))} and was not throttled for good within "
        f"{span(seconds)} of {course.load}; a bucket larger than "
        f"{course.amount(float(rates.sum()) * course.width)} {course.stuff}, "
        f"or a throttle by less than {percent(change_point.LEAST_DROP)}, cannot be excluded.",
        float(rates.mean()),
    )


def _throttled(course: Course, found: change_point.Knee) -> Finding:
    before = course.before(found)
    low, size, high = (before + one for one in (found.interval[0], found.bucket, found.interval[1]))
    fall = (
        f"{course.what} delivered {course.say(found.high)} for {span(found.at)}, then "
        f"{course.say(found.low)} to the end of the load ({percent(found.drop)} less), as if a bucket of "
        f"{course.amount(size)} {course.stuff} ({course.amount(low)} to {course.amount(high)}) "
        "had run dry"
    )
    reloads = course.reloads(found)
    told = refill.answer(reloads, course.floor)
    if told is Answer.TOO_MUCH_BACK or (course.strict and told in {Answer.NOTHING_BACK, Answer.UNCLEAR}):
        return _finding(
            course,
            Level.NOT_MEASURABLE,
            f"{fall}; but rests did not confirm it: {_but(course, reloads, told)}.",
            found.low,
            _rate_interval(course, found),
        )
    fine = course.disclosed or (course.enough is not None and found.low >= course.enough)
    why = "the plan discloses such a burst" if course.disclosed else "what is left still meets the plan"
    confirmed = {
        Answer.FILLS: ", and rests fill it again as they fill a bucket",
        Answer.NOT_TRIED: ", which no rest has confirmed",
    }.get(told, ", which the rests did not confirm")
    fall = f"{fall}{confirmed}{course.cap(found)}"
    return _finding(
        course,
        Level.CLEAN if fine else Level.NOTICE,
        f"{fall}; {why}." if fine else f"{fall}.",
        found.low,
        _rate_interval(course, found),
        (_noise(found), _neighbour(course, reloads, told)),
    )


def _but(course: Course, reloads: Sequence[Reload], told: Answer) -> str:
    """What came back instead of what a bucket takes."""
    after = f"after {refill.rests(reloads)}"
    return {
        Answer.TOO_MUCH_BACK: f"{after} more came back than by a bucket: a neighbour may have come and gone",
        Answer.NOTHING_BACK: f"{after} nothing came back, so it is a limit that stays, or a neighbour",
    }.get(told, f"{after} came back {_returned(course, reloads)}, which is not what a bucket takes back")


def _returned(course: Course, reloads: Sequence[Reload]) -> str:
    back = refill.listed([course.amount(max(0.0, one.returned)) for one in reloads])
    wanted = refill.listed([course.amount(one.expected) for one in reloads])
    return f"{back} {course.stuff} (a bucket: {wanted})"


def confirmed(course: Course) -> bool:
    """Whether it fell, and rests brought back what a bucket takes."""
    found = course.find(course.rates, course.width) if course.rates.size >= course.fewest else None
    return found is not None and refill.answer(course.reloads(found), course.floor) is Answer.FILLS


def _rate_interval(course: Course, found: change_point.Knee) -> tuple[float, float]:
    """The middle nine tenths of the low rate's bins."""
    low, high = np.quantile(course.rates[round(found.at / course.width) :], (0.05, 0.95))
    return min(float(low), found.low), max(float(high), found.low)


def _noise(found: change_point.Knee) -> Alternative:
    return Alternative(
        "noise or drift",
        ruled_out=True,
        because="it fell at once, and nine in ten readings then differ by "
        f"{percent(change_point.FLAT)} at most: only a limit is so even"
        if found.flat
        else f"one step explains {percent(found.explained)} of the variance; in the worst noise it is "
        f"{percent(change_point.EXPLAINED)} once in 10,000 times",
    )


def _neighbour(course: Course, reloads: Sequence[Reload], told: Answer) -> Alternative:
    """The alternative that only dose and response can exclude."""
    doses = f"after rests of {refill.rests(reloads)} came back {_returned(course, reloads)}"
    because = {
        Answer.NOT_TRIED: "only rests and a second burst would tell, as a bucket refills; not measured",
        Answer.UNCLEAR: f"{doses}, which is neither what a bucket takes back nor nothing",
        Answer.NOTHING_BACK: f"{doses}: no bucket that a rest fills, but a limit that stays, or a neighbour",
        Answer.FILLS: f"{doses}, as much as a bucket takes that fills at the low rate, within "
        f"{percent(refill.TOLERANCE)}; a neighbour's leaving follows no rest of ours",
    }
    return Alternative(
        "a neighbour who came at that moment and stayed, or a device's own cache that was full",
        ruled_out=True if told is Answer.FILLS else None,
        because=because[told],
    )


def _finding(  # noqa: PLR0913, PLR0917  one place that fills the fields of a finding
    course: Course,
    level: Level,
    claim: str,
    measured: float | None = None,
    interval: tuple[float, float] | None = None,
    alternatives: tuple[Alternative, ...] = (),
) -> Finding:
    return Finding(
        sign=course.sign,
        level=level,
        claim=claim,
        promised="full speed only for a while, as the plan says"
        if course.disclosed
        else "the same speed all along",
        measured=measured,
        interval=interval,
        unit=course.unit,
        since=course.start,
        until=course.until,
        series=course.series,
        alternatives=alternatives,
    )
