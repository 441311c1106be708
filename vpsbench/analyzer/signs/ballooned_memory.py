"""Memory that the host took back: by a balloon, by Xen's target, or by guarantees below what was sold.

That a balloon driver is there is no offence, and neither is a Xen guest whose static maximum lies above
what was sold: only memory that is gone counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.analyzer.signs import Sign, _memory
from vpsbench.analyzer.weigh import strength_of
from vpsbench.analyzer.words import MIB, percent, size
from vpsbench.model import Alternative, Finding, Level, Record, Series

if TYPE_CHECKING:
    from vpsbench.model import Floats

PAGE: Final = 4096  # B; a balloon's unit, whatever the guest's own page size
LEAST: Final = 16 * MIB  # MemTotal moves by a little when drivers come and go
LEAST_SHARE: Final = 0.01
USED: Final = 0.95  # refused below that part of the limit: it was not the container that was greedy
REFUSED: Final = ("privvmpages", "physpages", "vmguarpages", "oomguarpages", "kmemsize")
Look = Callable[[Record], Finding | None]


@dataclass(frozen=True, slots=True)
class Taken:
    """The course of memory taken, in B, by what shows it."""

    series: str
    times: Floats
    values: Floats

    @property
    def before(self) -> float:
        """What was gone when the run began."""
        return float(self.values[0])

    @property
    def most(self) -> float:
        """The most that was gone."""
        return float(self.values.max())


def look(record: Record) -> list[Finding]:
    """One finding a witness that saw memory go, or a single one that says what was looked at."""
    found = [_balloon(record), *_guarantees(record), *_refused(record)]
    return [f for f in found if f] or [_nothing(record)]


def _course(record: Record) -> list[Taken]:
    """All witnesses that have a series."""
    found = [
        Taken("memory.total", s.times, float(s.values[0]) - s.values) for s in _some(record, "memory.total")
    ]
    found += [Taken("memory.balloon", s.times, s.values) for s in _some(record, "memory.balloon")]
    found += [_less(s, _some(record, "vm.balloon_deflate")) for s in _some(record, "vm.balloon_inflate")]
    if low := _some(record, "xen.memory.low"):
        high = _some(record, "xen.memory.high")
        values = low[0].values + (np.interp(low[0].times, high[0].times, high[0].values) if high else 0)
        found.append(Taken("xen.memory.low", low[0].times, values))
    return found


def _some(record: Record, metric: str) -> list[Series]:
    return [s for s in record.named(metric) if s.values.size]


def _less(inflated: Series, deflated: list[Series]) -> Taken:
    """Pages in the balloon: put in, less let out."""
    back = np.interp(inflated.times, deflated[0].times, deflated[0].values) if deflated else 0.0
    return Taken("vm.balloon_inflate", inflated.times, PAGE * (inflated.values - back))


def _balloon(record: Record) -> Finding | None:
    """Memory that went during the run, or had gone before where somebody must have wanted it back."""
    total = float(record.run.guest.limits.memory_total)
    least = max(LEAST, LEAST_SHARE * total)
    witnesses = [t for t in _course(record) if t.most > least]
    if not witnesses:
        return None
    worst = max(witnesses, key=lambda t: (t.most - t.before, t.most))
    level = _level(record, worst, least)
    plan = record.run.plan
    return Finding(
        sign=SIGN.name,
        level=level,
        claim=_claim(record, worst, level),
        promised=f"{size(plan.memory)} of memory"
        if plan and plan.memory
        else "the memory that the guest began with",
        measured=worst.most,
        unit="B",
        since=float(worst.times[np.argmax(worst.values > least)]),
        until=float(worst.times[-1]),
        series=tuple(t.series for t in witnesses),
        alternatives=_alternatives(record, worst),
    )


def _left(record: Record, taken: Taken) -> float:
    """The least memory that the guest had, B.

    MemTotal leaves out what is in a balloon, unless the balloon deflates when memory runs out: then it
    stays as it is, and what is in the balloon is gone all the same.
    """
    if given := _memory.xen_given(record):
        return min(given)
    totals = np.concatenate([s.values for s in _some(record, "memory.total")])
    hides = "bit 2" in record.run.guest.facts.get("balloon", "")
    gone = taken.most if hides and taken.series != "memory.total" else 0.0
    return float(totals.max() - gone) if gone else float(totals.min())


def _level(record: Record, taken: Taken, least: float) -> Level:
    """Against a plan it is a static fact; without one it must come or stay, as anything else must."""
    plan = record.run.plan
    sold = plan.memory if plan else None
    if sold is not None:
        left = _left(record, taken)
        if left >= sold - _memory.reserve(sold):
            return Level.CLEAN
        return (
            Level.STRONG if left < sold - _memory.reserve(sold) - _memory.crash_kernel(sold) else Level.NOTICE
        )
    if taken.series == "xen.memory.low" and taken.most - taken.before <= least:
        return Level.NOT_MEASURABLE
    return strength_of(taken.times.tolist(), (taken.values > least).tolist(), 2, 0.0)


def _claim(record: Record, taken: Taken, level: Level) -> str:
    grown = taken.most - taken.before
    gone = f"The host took back {size(taken.most)} of this guest's memory"
    when = f", {size(grown)} of it during this run" if grown > LEAST else ", all of it before this run began"
    if level is Level.CLEAN and record.run.plan:
        return f"{gone}{when}; what is left still meets the plan, or it was given back soon."
    if level is Level.CLEAN:
        return f"{gone}{when}, and gave it back soon."
    if level is Level.NOT_MEASURABLE:
        return (
            f"{size(taken.most)} lies in Xen's balloon since before this run; no plan says whether "
            "that had been sold, "
            "as a guest may be given a larger maximum than was sold."
        )
    return f"{gone}{when}; {size(_left(record, taken))} is left."


def _alternatives(record: Record, taken: Taken) -> tuple[Alternative, ...]:
    plan = record.run.plan
    return (
        Alternative(
            "the seller gave the guest a larger maximum than was sold",
            True if (plan and plan.memory) or taken.most - taken.before > LEAST else None,
            "compared with the plan" if plan and plan.memory else "no plan says what was sold",
        ),
        Alternative(
            "memory taken offline by the owner",
            True if taken.series != "memory.total" else None,
            f"{taken.series} shows it" if taken.series != "memory.total" else "no balloon counter moved",
        ),
    )


def _guarantees(record: Record) -> list[Finding]:
    """OpenVZ: memory guaranteed for allocation, and against being killed, below the memory sold."""
    plan = record.run.plan
    if plan is None or plan.memory is None:
        return []
    found = []
    for series in _some(record, "ubc.barrier"):
        resource, guaranteed = series.labels.get("resource", ""), PAGE * float(series.values.min())
        if resource in {"vmguarpages", "oomguarpages"} and guaranteed < plan.memory - _memory.reserve(
            plan.memory
        ):
            found.append(
                Finding(
                    sign=SIGN.name,
                    level=Level.STRONG,
                    claim=(
                        f"Only {size(guaranteed)} of the {size(plan.memory)} sold is guaranteed to "
                        "this container "
                        f"({resource}); the rest is there only while others leave it."
                    ),
                    promised=f"{size(plan.memory)} of memory",
                    measured=guaranteed,
                    unit="B",
                    series=("ubc.barrier",),
                )
            )
    return found


def _refused(record: Record) -> list[Finding]:
    """OpenVZ: memory refused though the container used less than it may."""
    found = []
    for series in _some(record, "ubc.failcnt"):
        resource = series.labels.get("resource", "")
        times = float(series.values[-1] - series.values[0])
        if resource not in REFUSED or times <= 0 or not _below_limit(record, resource):
            continue
        found.append(
            Finding(
                sign=SIGN.name,
                level=Level.NOTICE,
                claim=f"The host refused {resource} {times:.0f} times though less than allowed was in use.",
                measured=times,
                unit="1",
                since=float(series.times[0]),
                until=float(series.times[-1]),
                series=("ubc.failcnt", "ubc.held", "ubc.limit"),
                alternatives=(
                    Alternative(
                        "one request larger than all that was left",
                        ruled_out=None,
                        because="its size is not known",
                    ),
                ),
            )
        )
    return found


def _below_limit(record: Record, resource: str) -> bool:
    """Whether use never came near the barrier or limit; unlimited resources have neither."""
    held = [s.values.max() for s in record.named("ubc.maxheld", resource=resource) if s.values.size]
    bounds = [
        s.values.min()
        for name in ("ubc.barrier", "ubc.limit")
        for s in record.named(name, resource=resource)
        if s.values.size
    ]
    return bool(held) and max(held) < USED * min(bounds, default=float("inf"))


def _nothing(record: Record) -> Finding:
    witnesses = [t.series for t in _course(record)]
    total = float(record.run.guest.limits.memory_total)
    drop = max((t.most for t in _course(record)), default=0.0)
    hint = (
        ""
        if len(witnesses) > 1
        else "; no balloon counter exists here, so a balloon that hides from MemTotal is not seen"
    )
    return Finding(
        sign=SIGN.name,
        level=Level.CLEAN,
        claim=(
            f"The host took back no memory: at most {percent(drop / total)} of {size(total)} moved "
            f"({', '.join(witnesses)} watched{hint})."
        ),
        measured=drop,
        unit="B",
        series=tuple(witnesses),
    )


SIGN = Sign(
    name="ballooned_memory",
    question="Does the host take memory back while the machine runs?",
    promise="memory",
    needs=("memory.total",),
    look=look,
)
