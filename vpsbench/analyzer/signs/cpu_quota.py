"""A CPU quota: a share of each fixed period for busy vCPUs, told from contention by the grid of its gaps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean, median
from typing import Final

from vpsbench.analyzer import strength
from vpsbench.analyzer.cpu import accounting, loss_findings, quota_period
from vpsbench.analyzer.cpu.duty_sweep import sweep
from vpsbench.analyzer.cpu.full_loads import SAME_SHARE, Load, first_minutes, mean_share
from vpsbench.analyzer.cpu.proven_quota import Quota
from vpsbench.analyzer.signs import Sign
from vpsbench.model import Alternative, Finding, Level, Plan, Record
from vpsbench.probes.cpu_loop import metrics as loop
from vpsbench.wording.figures import percent

MOST: Final = 0.9  # of the loads with loss must show the quota
# vCPUs do not alternate on a core where so much of their gaps lies in each other's. Nobody else alternates
# with them where each loses less alone than so much of what it loses beside the others.
AT_ONCE: Final = 0.5
ALONE: Final = 0.5
COMPETES: Final = 0.2  # of the time, that others of the guest take at least where a grid may go unseen
DIFFERENT: Final = 0.02  # from here on the vCPUs' shares are told one by one
SERIES: Final = (loop.ONE_GAP, *loss_findings.SERIES)


@dataclass(frozen=True, slots=True)
class _Said:
    """The words of a finding, and which of the sign's answers it is."""

    ground: str
    claim: str
    further: str = ""

    def but(self, ground: str, further: str) -> _Said:
        """The same, and one more sentence that makes another answer of it."""
        return replace(self, ground=ground, further=f"{self.further} {further}".strip())


def look(record: Record) -> list[Finding]:
    """Looks for one quota period in all loads that lost time."""
    loads = sorted(first_minutes(record), key=lambda load: load.since)
    if not loads:
        claim = (
            f"Telling a quota from contention takes {quota_period.SHORTEST:.0f} s of full load with each gap "
            "kept by itself; this run has none."
        )
        none = Finding(sign=SIGN.name, level=Level.NOT_MEASURABLE, ground="no_single_gaps", claim=claim)
        return [replace(none, series=SERIES)]
    lossy = [load for load in loads if load.lossy]
    periods = [found.period for load in lossy for found in load.periods.values()]
    if not periods:
        own = max((load.own for load in lossy), default=0.0)
        level = Level.CLEAN if own < COMPETES else Level.NOT_MEASURABLE
        return [_finding(record, level, _unseen(_without(loads, lossy), own), loads)]
    return [_weighed(record, loads, lossy, median(periods))]


def _weighed(record: Record, loads: list[Load], lossy: list[Load], period: float) -> Finding:
    """What a grid of gaps with about this period is, in some of the loads that lost time."""
    share = median(load.mean for load in lossy if load.periods)
    times, shown = [load.since for load in lossy], [load.shows(period, share) for load in lossy]
    held = [load for load, yes in zip(lossy, shown, strict=True) if yes]
    if strength.of_rounds(times, shown, 1, MOST) is Level.CLEAN:
        return _finding(record, Level.NOT_MEASURABLE, _unsteady(len(held), len(lossy), period), lossy)
    if not _at_once(record, held):
        shown = [yes and not load.like_alternation for load, yes in zip(lossy, shown, strict=True)]
    level = strength.of_rounds(times, shown, 1, MOST)
    if level is Level.CLEAN and not _fine(record.run.plan, share):
        return _finding(record, Level.NOT_MEASURABLE, _like_alternation(period, share), held)
    period = fmean(found.period for load in held for found in load.periods.values())
    free = [load for load in loads if not load.lossy]
    return _proven(record, Quota(period, mean_share(held), held, free, sweep(record)), level)


def _at_once(record: Record, loads: list[Load]) -> bool:
    """Whether vCPUs that are hardly stopped alone are stopped together: that is no alternation."""
    alone = _lost_alone(record)
    stopped = all(load.together >= AT_ONCE for load in loads)
    return stopped and alone is not None and alone < ALONE * (1 - mean_share(loads))


def _lost_alone(record: Record) -> float | None:
    """The share that a vCPU loses while no other is loaded; None where that was not measured."""
    return accounting.share(accounting.bins(record, arm="single", duty="1"), accounting.lost)


def _proven(record: Record, quota: Quota, level: Level) -> Finding:
    """A proven quota against what was sold, and against limits of our own."""
    said = _Said("quota", *_claim(record, quota))
    plan = record.run.plan
    if quota.contradicted:
        level, said = Level.CLEAN, said.but("loses_below_full_load", _CONTRADICTED)
    elif own := loss_findings.own_limit(record, quota.loads[0].since, quota.loads[-1].until):
        said = said.but(own.ground, f"But {own.said}. {own.further}")
        level = Level.NOT_MEASURABLE
    elif fine := _fine(plan, quota.share):
        level, said = Level.CLEAN, said.but(*fine)
    elif cap := loss_findings.cap(plan):
        said = said.but("below_disclosed_cap", f"The plan promises {percent(cap)} of each vCPU.")
    return _finding(record, level, said, quota.loads, quota)


_CONTRADICTED: Final = "Below full load that is not what a quota takes: rather, a neighbour works by a clock."


def _fine(plan: Plan | None, share: float) -> tuple[str, str] | None:
    """Why a cap is nobody's fault: ground and sentence; None where it was not disclosed, or less is given."""
    cap = loss_findings.cap(plan)
    if cap is not None:
        kept = share >= cap * (1 - loss_findings.CAP_TOLERANCE)
        words = f"The plan discloses a cap of {percent(cap)} of each vCPU, which is kept."
        return ("disclosed_cap", words) if kept else None
    if plan and plan.cpu_burst:
        return "disclosed_burst", "The plan says that full speed lasts only for a while."
    return None


def _claim(record: Record, quota: Quota) -> tuple[str, str]:
    """The claim, and what goes on from it."""
    claim = (
        f"At full load busy vCPUs get {percent(quota.share)} of each {_ms(quota.period)}, as under a CPU "
        "quota."
    )
    grid = (
        f"In {_count(quota.loads)} of up to {quota_period.LOGGED:.0f} s gaps end on that grid, and each "
        "period loses about the same."
    )
    off = f"It is not always on: {_count(quota.free)} lost nothing." if quota.free else ""
    further = (grid, off, _by_vcpu(record, quota), _by_duty(quota))
    return claim, " ".join(filter(None, further))


def _count(loads: list[Load]) -> str:
    return "one load" if len(loads) == 1 else f"{len(loads)} loads"


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.4g} ms"


def _by_vcpu(record: Record, quota: Quota) -> str:
    """What all vCPUs together got, and each of them where that differs."""
    names = list(quota.loads[0].delivered)
    if len(names) == 1:
        return ""
    shares = {n: fmean(load.delivered[n] for load in quota.loads if n in load.delivered) for n in names}
    text = f"Together the {len(names)} vCPUs got {sum(shares.values()):.2f} vCPUs' time"
    if max(shares.values()) - min(shares.values()) > DIFFERENT:
        text += " (" + ", ".join(f"vCPU {n}: {percent(s)}" for n, s in shares.items()) + ")"
    alone = _lost_alone(record)
    if alone is not None and 1 - alone > quota.share + SAME_SHARE:
        text += f"; one that works alone gets {percent(1 - alone)}, so the quota is for all together"
    return f"{text}."


def _by_duty(quota: Quota) -> str:
    if not quota.sweep:
        return "No sweep of duty cycles was made."
    demanded = ", ".join(percent(duty) for duty in quota.sweep.lost)
    lost = ", ".join(percent(share) for share in quota.sweep.lost.values())
    text = f"A loop that demanded {demanded} of the time lost {lost} of that"
    if quota.excess is None:
        return f"{text}; at full load it lost another share then, so that tells nothing."
    return f"{text}."


def _without(loads: list[Load], lossy: list[Load]) -> _Said:
    if not lossy:
        least = min(min(load.delivered.values()) for load in loads)
        claim = (
            f"No cap below {100 * least:.1f} % of a vCPU was met at full load, in the first minute of "
            f"{_count(loads)}."
        )
        return _Said("no_loss", claim)
    where = "the only full load" if len(loads) == 1 else f"{len(lossy)} of {len(loads)} full loads"
    claim = (
        f"In {where} vCPUs lost time, on average "
        f"{percent(1 - mean_share(lossy))}, but irregularly as from contention."
    )
    further = (
        f"No quota with a period of {_ms(quota_period.PERIODS[0])} to {quota_period.PERIODS[1]:.0f} s was "
        "seen at work throughout. Shorter and longer periods are not excluded, nor is a quota that works "
        "only part of a minute."
    )
    return _Said("irregular", claim, further)


def _unseen(said: _Said, own: float) -> _Said:
    """What is to be said where others of the guest took so much of the time."""
    if own < COMPETES:
        return said
    return said.but(
        "own_load",
        f"But other programs of this guest took {percent(own)} of the vCPUs' time. What a quota took of "
        "theirs leaves no gaps that can be seen, so it cannot be told whether there is one.",
    )


def _unsteady(held: int, lossy: int, period: float) -> _Said:
    return _Said(
        "unsteady",
        f"Gaps came regularly, every {_ms(period)}, but with the same period and share in only "
        f"{held} of {lossy} loads that lost time: too unsteady to be called a quota.",
    )


def _like_alternation(period: float, share: float) -> _Said:
    return _Said(
        "like_alternation",
        f"Gaps came regularly, every {_ms(period)}, and left {percent(share)}, as a CPU quota does, but so "
        "do threads that take turns on a core.",
        "Busy threads that alternate by the host's tick would look the same, so it is not called a quota.",
    )


def _finding(
    record: Record, level: Level, said: _Said, loads: list[Load], quota: Quota | None = None
) -> Finding:
    shares = [share for load in loads for share in load.delivered.values()]
    low, high = min(shares), max(shares)
    return Finding(
        sign=SIGN.name,
        level=level,
        ground=said.ground,
        claim=said.claim,
        further=said.further,
        promised="no cap on a busy vCPU but what the plan names",
        measured=min(max(low, mean_share(loads)), high),  # a mean of one value may round to beside it
        interval=(low, high),
        unit="1",
        since=loads[0].since,
        until=loads[-1].until,
        series=SERIES,
        alternatives=tuple(_alternatives(record, level, quota)) if quota else (),
    )


def _alternatives(record: Record, level: Level, quota: Quota) -> Iterator[Alternative]:
    """What the CPU signs share, and what else could keep time."""
    for one in loss_findings.alternatives(record, accounting.loaded(record), level):
        if one.kind != loss_findings.ISOLATED_EVENT:
            yield one
    if level not in loss_findings.ACCUSING:
        return
    yield Alternative(
        "busy threads that take turns with this machine on a core",
        ruled_out=True,
        because="the vCPUs are stopped at the same time, and each alone hardly ever"
        if any(load.like_alternation for load in quota.loads)
        else "their turns slip by the host's tick now and then; this grid held from beginning to end",
    )
    yield Alternative(
        "a neighbour who works by a clock, equally long each time",
        ruled_out=True if quota.confirmed else None,
        because="below full load no more was lost than a quota takes"
        if quota.confirmed
        else "only a sweep of duty cycles, in which others take little besides, would tell",
    )


SIGN = Sign(
    name="cpu_quota",
    question="Is the CPU capped at a share of each vCPU?",
    promise="cpu",
    needs=(loop.WALL, loop.GAP),  # no series of single gaps: old, or there was not one
    look=look,
    speaks_of=("cpu",),
)
