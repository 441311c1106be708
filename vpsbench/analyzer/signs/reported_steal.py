"""Steal: time that the guest's own counters say the host gave to somebody else while a vCPU was busy."""

from __future__ import annotations

from typing import Final

from vpsbench.analyzer import multiplicity
from vpsbench.analyzer.cpu import accounting, loss_findings
from vpsbench.analyzer.cpu.weighing import weigh
from vpsbench.analyzer.signs import Sign
from vpsbench.model import Finding, Guest, Level, Plan, Profile, Record
from vpsbench.monitors import cpu_times
from vpsbench.probes.cpu_loop import metrics as loop
from vpsbench.wording.figures import percent, span

SHARED: Final = 0.05
DEDICATED: Final = 0.01


def look(record: Record) -> list[Finding]:
    """Weighs what was reported during the loops; says "not measurable" where nothing could report."""
    plan, clock = record.run.plan, record.run.guest.steal_clock
    table = accounting.loaded(record)
    if clock.value is False or (clock.value is None and not table.steal.any()):
        return [_no_clock(record, table)]
    allowed = loss_findings.limit(plan, _threshold(plan))
    loss = loss_findings.heaviest(record, accounting.reported, allowed)
    return [
        loss_findings.finding(
            SIGN.name,
            record,
            loss,
            promised=f"at most {percent(allowed)} of a busy vCPU's time stolen ({_kind(plan)})",
            claim=_claim(record, loss),
            beside=f"Steal took {percent(loss.weighed.share)} of busy vCPUs' time",
            series=(loop.STEAL, loop.WALL, cpu_times.TIME),
        )
    ]


def _threshold(plan: Plan | None) -> float:
    return DEDICATED if plan and plan.cpu == "dedicated" else SHARED


def _kind(plan: Plan | None) -> str:
    kind = plan.cpu if plan else None
    return f"a {kind} plan" if kind else "no plan says shared or dedicated, so as if shared"


def _no_clock(record: Record, table: accounting.LoopTimes) -> Finding:
    """Nothing can be reported here; the measured loss stands beside that."""
    because = record.run.guest.steal_clock.because
    weighed = weigh(table, accounting.lost, DEDICATED, multiplicity.bar(record))
    return Finding(
        sign=SIGN.name,
        level=Level.NOT_MEASURABLE,
        ground="no_steal_clock",
        claim=(
            f"Steal cannot be read here ({because}). Measured without it, busy vCPUs lost "
            f"{percent(weighed.share)} of their time in all."
        ),
        measured=weighed.share,
        interval=weighed.interval,
        unit="1",
        since=weighed.since,
        until=weighed.until,
        series=loss_findings.SERIES,
    )


def _claims(profile: Profile, guest: Guest, plan: Plan | None) -> int:
    """None where the host is known to report nothing."""
    return 0 if guest.steal_clock.value is False else loss_findings.claims(profile, guest, plan)


def _claim(record: Record, loss: loss_findings.Loss) -> str:
    weighed, context, load = loss.weighed, _context(record), loss_findings.load(record)
    share, allowed = percent(weighed.share), percent(loss.allowed)
    if weighed.level in loss_findings.ACCUSING:
        return (
            f"In {span(weighed.seconds)} of {load} steal took {share} of the time of {loss.who}, more "
            f"than the {allowed} allowed: the host gave that time to others{context}."
        )
    if weighed.needed is not None:
        return (
            f"Steal took {share} of busy vCPUs' time in {span(weighed.seconds)}{context}, and "
            f"{loss_findings.unsettled(weighed, loss.allowed)}"
        )
    return (
        f"In {span(weighed.seconds)} of {load} steal took {share} of the vCPUs' time, within the "
        f"{allowed} allowed{context}."
    )


def _context(record: Record) -> str:
    """Steal over the whole run, idle times included, as the monitor saw it."""
    clocks = [s for s in record.named(cpu_times.TIME, state="steal") if s.times.size > 1]
    seconds = sum(float(s.times[-1] - s.times[0]) for s in clocks)
    grown = sum(max(0.0, float(s.values[-1] - s.values[0])) for s in clocks)
    return f" ({percent(grown / seconds)} over the whole run, idle times included)" if seconds else ""


SIGN = Sign(
    name="reported_steal",
    question="Does the host admit that it gives this machine's CPU time to others?",
    promise="cpu",
    needs=(loop.WALL, loop.STEAL),
    look=look,
    claims=_claims,
    decides=("cpu",),
    # Without a steal clock all that is lost is hidden, and another sign sees it.
    expected=lambda guest: guest.steal_clock.value is True,
    bounds_loss=True,
)
