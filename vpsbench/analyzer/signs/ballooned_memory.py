"""Memory that the host took back while the guest ran, or before: by a balloon, or by Xen's target.

Only memory that is gone counts. A balloon driver is no offence. Neither is a Xen guest whose static maximum
lies above what was sold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.analyzer import strength
from vpsbench.analyzer.memory import allowances
from vpsbench.analyzer.signs import Sign
from vpsbench.model import Alternative, Finding, Level, Metric, Record, Series
from vpsbench.monitors import hv_balloon, pressure, vmmemctl, vmstat, xen_memory
from vpsbench.monitors import memory as meminfo
from vpsbench.probes import vmware
from vpsbench.wording.figures import MIB, percent, size, span

if TYPE_CHECKING:
    from vpsbench.model import Floats

PAGE: Final = 4096  # B; a balloon's unit, whatever the guest's own page size
LEAST: Final = 16 * MIB  # MemTotal moves by a little when drivers come and go
LEAST_SHARE: Final = 0.01
MOVED: Final = MIB  # a balloon that has begun to grow
SHORT: Final = 0.1  # of the time in which tasks wait for memory: the guest itself was short of it
AROUND: Final = 10.0  # s before and after the taking
GAUGES: Final = {  # counters of what is in a balloon now -> who tells it
    meminfo.BALLOON: "the kernel",
    hv_balloon.TAKEN: "Hyper-V's balloon",
    vmmemctl.TAKEN: "VMware's balloon",
    vmware.BALLOONED: "VMware's host",
    vmware.SWAPPED: "VMware's host, of memory that it swapped out",
}


@dataclass(frozen=True, slots=True)
class Taken:
    """The course of memory taken, in B, by what shows it."""

    series: Metric
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

    @property
    def grown(self) -> float:
        """What went during the run."""
        return self.most - self.before

    def began(self, least: float) -> float:
        """When the taking began: at the last reading before it, or when the run did."""
        if self.grown <= least:
            return float(self.times[0])
        moved = self.values > self.before + MOVED
        crossed = int(np.argmax(self.values > self.before + least))
        still = np.flatnonzero(~moved[:crossed])
        return float(self.times[still[-1] + 1 if still.size else 0])

    def back(self, least: float) -> float | None:
        """When what had gone was there again, all of it or all that went during the run; None: it was not."""
        peak = int(self.values.argmax())
        found = np.flatnonzero(self.values[peak:] <= (self.before if self.grown > least else 0.0) + MOVED)
        return float(self.times[peak + found[0]]) if found.size else None


def look(record: Record) -> list[Finding]:
    """The witness that saw most memory go, or what was looked at in vain."""
    least = max(LEAST, LEAST_SHARE * record.run.guest.limits.memory_total)
    witnesses = [t for t in _witnesses(record) if t.most > least]
    return [_balloon(record, witnesses, least) if witnesses else _nothing(record)]


def _witnesses(record: Record) -> list[Taken]:
    """All witnesses that have a series; a balloon's own counters before MemTotal, which other things move."""
    found = [_less(s, _some(record, vmstat.BALLOON_DEFLATE)) for s in _some(record, vmstat.BALLOON_INFLATE)]
    found += [Taken(name, s.times, s.values) for name in GAUGES for s in _some(record, name)]
    if low := _some(record, xen_memory.LOW):
        high = _some(record, xen_memory.HIGH)
        values = low[0].values + (np.interp(low[0].times, high[0].times, high[0].values) if high else 0)
        found.append(Taken(xen_memory.LOW, low[0].times, values))
    totals = _some(record, meminfo.TOTAL)
    return found + [Taken(meminfo.TOTAL, s.times, float(s.values[0]) - s.values) for s in totals]


def _some(record: Record, metric: Metric) -> list[Series]:
    return [s for s in record.named(metric) if s.values.size]


def _less(inflated: Series, deflated: list[Series]) -> Taken:
    """Pages in the balloon: put in, less let out."""
    back = np.interp(inflated.times, deflated[0].times, deflated[0].values) if deflated else 0.0
    return Taken(vmstat.BALLOON_INFLATE, inflated.times, PAGE * (inflated.values - back))


def _balloon(record: Record, witnesses: list[Taken], least: float) -> Finding:
    """Memory that went during the run, or had gone before where somebody must have wanted it back."""
    most = max((t.grown, t.most) for t in witnesses)
    # Of witnesses that saw about the same, the first: a balloon's own counter.
    worst = next(t for t in witnesses if t.grown >= 0.9 * most[0] and (most[0] > least or t.most == most[1]))
    level, plan, back = _level(record, worst, least), record.run.plan, worst.back(least)
    claim, further = _claim(record, worst, level, least)
    return Finding(
        sign=SIGN.name,
        level=level,
        claim=claim,
        further=further,
        ground=_ground(record, level),
        promised=f"{size(plan.memory)} of memory"
        if plan and plan.memory
        else "the memory that the guest began with",
        measured=worst.most,
        unit="B",
        since=worst.began(least),
        until=float(worst.times[-1]) if back is None else back,
        series=tuple(t.series for t in witnesses),
        alternatives=_alternatives(record, worst, least),
    )


def _left(record: Record, taken: Taken) -> float:
    """The least memory that the guest had, B.

    MemTotal leaves out what is in a balloon, with two exceptions: a virtio balloon that deflates when memory
    runs out, and some versions of other drivers. What is in there is gone all the same. So whatever MemTotal
    does not lack already is taken off.
    """
    if given := allowances.xen_given(record):
        return min(given)
    totals = np.concatenate([s.values for s in _some(record, meminfo.TOTAL)])
    virtio = record.run.guest.facts.get("balloon", "")
    if "bit 2" not in virtio and (virtio or taken.series not in GAUGES):
        return float(totals.min())
    lacking = max(allowances.mapped(record) or 0.0, float(totals.max())) - float(totals.min())
    return float(totals.min()) - max(taken.most - lacking, 0.0)


def _beyond(record: Record, sold: int, taken: Taken) -> float:
    """How much less than was sold was left, beyond what a guest may lack without anybody's fault, B.

    What Xen gave is exact. A machine's own map lacks what the firmware keeps, and MemTotal the kernel's part
    as well.
    """
    if given := allowances.xen_given(record):
        return allowances.least(sold) - min(given) - max(LEAST, LEAST_SHARE * sold)
    if mapped := allowances.mapped(record):
        return allowances.least(sold) - (mapped - taken.most) - allowances.firmware(sold)
    return allowances.least(sold) - _left(record, taken) - allowances.reserve(sold)


def _level(record: Record, taken: Taken, least: float) -> Level:
    """Against a plan it is a static fact. Without one it must come, or stay, as every other loss must."""
    plan = record.run.plan
    if plan and plan.memory:
        beyond = _beyond(record, plan.memory, taken)
        strong = beyond > allowances.crash_kernel(plan.memory)
        return Level.CLEAN if beyond <= 0 else Level.STRONG if strong else Level.NOTICE
    if taken.series == xen_memory.LOW and taken.grown <= least:
        return Level.NOT_MEASURABLE
    return strength.of_rounds(taken.times.tolist(), (taken.values > least).tolist(), 2, 0.0)


def _ground(record: Record, level: Level) -> str:
    """Which answer it is; without a plan, memory that is gone too seldom to count is not lasting."""
    if level is Level.NOT_MEASURABLE:
        return "perhaps_never_sold"
    if level is not Level.CLEAN:
        return "taken"
    return "meets_plan" if record.run.plan and record.run.plan.memory else "not_lasting"


def _claim(record: Record, taken: Taken, level: Level, least: float) -> tuple[str, str]:
    """The first sentence, and those that follow."""
    if level is Level.NOT_MEASURABLE:
        return (
            f"{size(taken.most)} has been in Xen's balloon since before this run.",
            "No plan says whether it had been sold: a guest may be given a larger maximum than was sold.",
        )
    claim = f"The host took back {size(taken.most)} of this guest's memory{_when(taken, least)}."
    if level is Level.CLEAN:
        kept = "What was left still meets the plan."
        return claim, kept if record.run.plan and record.run.plan.memory else ""
    left = f"{size(_left(record, taken))} was left."
    return claim, f"{_need(record, taken, least)} {left}".lstrip()


def _when(taken: Taken, least: float) -> str:
    """When it went, and whether it came back."""
    began, back = taken.began(least), taken.back(least)
    if taken.grown <= least:
        again = f", and gave it back {span(back)} into this run" if back is not None else ""
        return f", all of it before this run began{again}"
    part = f"{size(taken.grown)} of it " if taken.before > least else ""
    since = f", {part}beginning {span(began)} into this run"
    if back is not None:
        return f"{since}, and gave it back after {span(back - began)}"
    returned = taken.most - float(taken.values[-1])
    if returned > least:
        return f"{since}, and gave {size(returned)} of it back"
    return f"{since}, and gave none of it back"


def _need(record: Record, taken: Taken, least: float) -> str:
    """Whether the guest itself was short of memory then; empty where nothing tells."""
    if taken.grown <= least:
        return ""
    began, most = taken.began(least), float(taken.times[taken.values.argmax()])
    waited = _grown(record, pressure.SOME, began - AROUND, most + AROUND, resource="memory")
    swapped = _grown(record, vmstat.PSWPOUT, began - AROUND, most + AROUND) or 0.0
    if waited is None and not swapped:
        return ""
    if swapped or (waited or 0.0) > SHORT * (most - began + 2 * AROUND):
        return (
            f"Meanwhile the guest itself was short of memory: its tasks waited {waited or 0:.1f} s for it, "
            f"and it swapped {size(PAGE * swapped)} out."
        )
    return "Meanwhile the guest itself lacked none."


def _grown(record: Record, metric: Metric, since: float, until: float, **labels: str) -> float | None:
    """How much a counter grew between two times; None where it was not read then."""
    for series in record.named(metric, **labels):
        if series.times.size > 1:
            first, last = np.interp((since, until), series.times, series.values)
            return float(last - first)
    return None


def _alternatives(record: Record, taken: Taken, least: float) -> tuple[Alternative, ...]:
    plan = record.run.plan
    planned = bool(plan and plan.memory)
    own = taken.series == meminfo.TOTAL
    return (
        Alternative(
            "the seller gave the guest a larger maximum than was sold",
            True if planned or taken.grown > least else None,
            "compared with the plan" if planned else "no plan says what was sold",
        ),
        Alternative(
            "memory taken offline by the owner",
            None if own else True,
            "no balloon counter moved" if own else f"{taken.series} shows it",
        ),
    )


def _nothing(record: Record) -> Finding:
    witnesses = [t.series for t in _witnesses(record)]
    total = float(record.run.guest.limits.memory_total)
    drop = max((t.most for t in _witnesses(record)), default=0.0)
    hidden = " No balloon counter exists here, so a balloon that hides from MemTotal would not be seen."
    return Finding(
        sign=SIGN.name,
        level=Level.CLEAN,
        claim=f"The host took back no memory: at most {percent(drop / total)} of {size(total)} moved.",
        further=f"Watched: {', '.join(map(str, witnesses))}.{hidden * (len(witnesses) <= 1)}",
        ground="nothing_taken",
        measured=drop,
        unit="B",
        series=tuple(witnesses),
    )


SIGN = Sign(
    name="ballooned_memory",
    question="Does the host take memory back while the machine runs?",
    promise="memory",
    needs=(meminfo.TOTAL,),
    look=look,
    speaks_of=("memory",),
)
