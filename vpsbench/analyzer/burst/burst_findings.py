"""What both burst signs share: how a lasting fall of a rate, or the lack of one, is put into a finding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.analyzer.burst import refill
from vpsbench.analyzer.burst.refill import Reload, Response
from vpsbench.analyzer.statistics import change_point
from vpsbench.model import Alternative, Finding, Level, Metric, Selected
from vpsbench.wording.figures import percent, span

if TYPE_CHECKING:
    from vpsbench.model import Floats


@dataclass(frozen=True, slots=True)
class FullLoad:
    """A rate over one stretch of full load, and how to speak of it.

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
        how: how it was loaded, in words.
        floor: what noise alone makes of an amount of a bucket.
        before: given the fall, how much of its bucket had been used before the load began.
        cap: given the fall, what kind of limit it is, in words that follow the claim.
        strict: rests that were tried and did not show a bucket accuse nobody.
        fewest: bins below which nothing is said.
        find: the fall in rates of bins of a width in s.
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
    reloads: Callable[[change_point.ChangePoint], Sequence[Reload]] = lambda _: ()
    how: str = "full load"
    floor: float = 0.0
    before: Callable[[change_point.ChangePoint], float] = lambda _: 0.0
    cap: Callable[[change_point.ChangePoint], str] = lambda _: ""
    strict: bool = False
    fewest: int = change_point.LEAST_BINS
    find: Callable[[Floats, float], change_point.ChangePoint | None] = change_point.throttled

    @property
    def until(self) -> float:
        """The end of the stretch, s."""
        return self.start + self.width * self.rates.size


def judge(load: FullLoad) -> Finding:
    """The finding on one load."""
    if load.rates.size < load.fewest:
        return _finding(
            load,
            Level.NOT_MEASURABLE,
            "too_short",
            f"{load.what} was under {load.how} for {span(load.until - load.start)} without a pause, "
            f"too short to see a throttle: at least {span(load.fewest * load.width)} are needed.",
        )
    found = load.find(load.rates, load.width)
    return _throttled(load, found) if found else _steady(load)


def _steady(load: FullLoad) -> Finding:
    rates, seconds = load.rates, load.until - load.start
    first, last = (float(np.median(part)) for part in (rates[: rates.size // 5], rates[-(rates.size // 5) :]))
    if last < (1 - change_point.LEAST_DROP) * first:
        said = _finding(
            load,
            Level.NOT_MEASURABLE,
            "fell_unevenly",
            f"{load.what} fell from {load.say(first)} to {load.say(last)} in {span(seconds)} of "
            f"{load.how}, but too unevenly to tell a throttle from noise.",
            last,
        )
        return replace(said, further="A longer run would tell.")
    said = _finding(
        load,
        Level.CLEAN,
        "steady",
        f"{load.what} delivered {load.say(float(rates.mean()))} and was not throttled for good within "
        f"{span(seconds)} of {load.how}.",
        float(rates.mean()),
    )
    largest = load.amount(float(rates.sum()) * load.width)
    return replace(
        said,
        further=f"A burst allowance larger than {largest} {load.stuff}, or a throttle by less than "
        f"{percent(change_point.LEAST_DROP)}, cannot be excluded.",
    )


def _throttled(load: FullLoad, found: change_point.ChangePoint) -> Finding:
    reloads = load.reloads(found)
    told = refill.response(reloads, load.floor)
    claim = (
        f"{load.what} delivered {load.say(found.high)} for {span(found.at)}, then "
        f"{load.say(found.low)} to the end of the load ({percent(found.drop)} less)."
    )
    as_if, between = _as_if(load, found), _rate_interval(load, found)
    if told is Response.TOO_MUCH_BACK or (load.strict and told in {Response.NOTHING_BACK, Response.UNCLEAR}):
        but = _finding(load, Level.NOT_MEASURABLE, _BUT[told], claim, found.low, between)
        return replace(but, further=f"{as_if}. But rests did not confirm it: {_but(load, reloads, told)}.")
    ground, why = _fine(load, found)
    level = Level.CLEAN if ground else Level.NOTICE
    ground = ground or ("bucket" if told is Response.FILLS else "throttled")
    fell = _finding(load, level, ground, claim, found.low, between)
    return replace(
        fell,
        further=f"{as_if}{_confirmed(told)}{load.cap(found)}. {why}".rstrip(),
        alternatives=(_noise(found), _neighbour(load, reloads, told)),
    )


def _as_if(load: FullLoad, found: change_point.ChangePoint) -> str:
    """What it looks like, without an end to the sentence."""
    before = load.before(found)
    low, size, high = (before + one for one in (found.interval[0], found.bucket, found.interval[1]))
    return (
        f"It is as if a burst allowance of {load.amount(size)} {load.stuff} ({load.amount(low)} to "
        f"{load.amount(high)}) was used up"
    )


def _fine(load: FullLoad, found: change_point.ChangePoint) -> tuple[str, str]:
    """The ground on which a throttle is nobody's fault, and a sentence of it; empty where it is one."""
    if load.disclosed:
        return "disclosed", "The plan discloses such a burst."
    if load.enough is not None and found.low >= load.enough:
        return "meets_plan", "What is left still meets the plan."
    return "", ""


def _confirmed(told: Response) -> str:
    return {
        Response.FILLS: ", and rests refill it as they refill such an allowance",
        Response.NOT_TRIED: ", which no rest has confirmed",
    }.get(told, ", which the rests did not confirm")


# The grounds of rests that contradict a bucket.
_BUT: Final = {
    Response.TOO_MUCH_BACK: "more_came_back",
    Response.NOTHING_BACK: "nothing_came_back",
    Response.UNCLEAR: "unclear_rests",
}


def _but(load: FullLoad, reloads: Sequence[Reload], told: Response) -> str:
    """What came back instead of what a bucket takes."""
    after = f"after {refill.rests(reloads)}"
    if told is Response.TOO_MUCH_BACK:
        return (
            f"{after} more came back than such an allowance takes back, so a neighbour may have come and gone"
        )
    if told is Response.NOTHING_BACK:
        return f"{after} nothing came back, so it is a limit that stays, or a neighbour"
    return f"{after} came back {_returned(load, reloads)}, which is not what such an allowance takes back"


def _returned(load: FullLoad, reloads: Sequence[Reload]) -> str:
    back = refill.listed([load.amount(max(0.0, one.returned)) for one in reloads])
    expected = refill.listed([load.amount(one.expected) for one in reloads])
    return f"{back} {load.stuff} (such an allowance: {expected})"


def confirmed(load: FullLoad) -> bool:
    """Whether it fell, and rests brought back what a bucket takes."""
    found = load.find(load.rates, load.width) if load.rates.size >= load.fewest else None
    return found is not None and refill.response(load.reloads(found), load.floor) is Response.FILLS


def _rate_interval(load: FullLoad, found: change_point.ChangePoint) -> tuple[float, float]:
    """The middle nine tenths of the low rate's bins."""
    low, high = np.quantile(load.rates[round(found.at / load.width) :], (0.05, 0.95))
    return min(float(low), found.low), max(float(high), found.low)


def _noise(found: change_point.ChangePoint) -> Alternative:
    return Alternative(
        "noise or drift",
        ruled_out=True,
        because="it fell at once, and nine in ten readings then differ by "
        f"{percent(change_point.FLAT)} at most: only a limit is so even"
        if found.flat
        else f"one step explains {percent(found.explained)} of the variance; in the worst noise it explains "
        f"{percent(change_point.EXPLAINED)} once in 10,000 times",
    )


def _neighbour(load: FullLoad, reloads: Sequence[Reload], told: Response) -> Alternative:
    """The alternative that only dose and response can exclude."""
    doses = f"after rests of {refill.rests(reloads)} came back {_returned(load, reloads)}"
    because = {
        Response.NOT_TRIED: "only rests and a second burst would tell, as an allowance refills; not measured",
        Response.UNCLEAR: f"{doses}, which is neither nothing nor what such an allowance would give back",
        Response.NOTHING_BACK: f"{doses}: no rest refills it, so it is a limit that stays, or a neighbour",
        Response.FILLS: f"{doses}: as much, within {percent(refill.TOLERANCE)}, as an allowance gives back "
        "that refills at the low rate; whether a neighbour leaves does not depend on our rests",
    }
    return Alternative(
        "a neighbour who came at that moment and stayed, or a device's own cache that was full",
        ruled_out=True if told is Response.FILLS else None,
        because=because[told],
    )


def _finding(  # noqa: PLR0913, PLR0917  one place that fills the fields of a finding
    load: FullLoad,
    level: Level,
    ground: str,
    claim: str,
    measured: float | None = None,
    interval: tuple[float, float] | None = None,
) -> Finding:
    return Finding(
        sign=load.sign,
        level=level,
        ground=ground,
        claim=claim,
        promised="full speed only for a while, as the plan says"
        if load.disclosed
        else "the same speed all along",
        measured=measured,
        interval=interval,
        unit=load.unit,
        since=load.start,
        until=load.until,
        series=load.series,
    )
