"""Fewer vCPUs than were sold: not there at all, or there but not all at the same time.

Two vCPUs that share one core's time each get all of it alone and half of it together. So what all of them
deliver together is compared with what each delivers alone. Where each loses as much alone, others take it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from vpsbench.analyzer import multiplicity
from vpsbench.analyzer.cpu import accounting, loss_findings
from vpsbench.analyzer.cpu.weighing import weigh
from vpsbench.analyzer.signs import Sign
from vpsbench.kernel_text.cpu_list import cpus
from vpsbench.model import Alternative, Finding, Level, Record
from vpsbench.wording.figures import percent, span, vcpus

MISSING: Final = 0.5  # of one vCPU: how much of all of them together must be missing
LEAST: Final = 0.05  # and of each vCPU's time: what a shared plan may lose to neighbours
ALONE: Final = 0.5  # of the loss together: what each may lose alone, if the others are to be its cause
OPTIONS: Final = ("maxcpus=", "nr_cpus=", "nosmt", "isolcpus=")


def look(record: Record) -> list[Finding]:
    """Counts the vCPUs against the plan, then weighs what they delivered together."""
    plan, seen = record.run.plan, _seen(record)
    if plan and plan.vcpus and seen < plan.vcpus:
        return [_counted(record, plan.vcpus, seen)]
    return [_together(record)]


def _seen(record: Record) -> int:
    """The vCPUs that are there; in a container, where the host's are shown, those it may use."""
    guest = record.run.guest
    if any(layer.kind in loss_findings.CONTAINERS for layer in guest.layers):
        return min(guest.limits.vcpus_online, len(guest.limits.vcpus_usable))
    return guest.limits.vcpus_online


def _counted(record: Record, sold: int, seen: int) -> Finding:
    """A static fact needs no statistics, only that the guest's owner did not switch vCPUs off."""
    facts = record.run.guest.facts
    own = [word for word in facts.get("kernel.options", "").split() if word.startswith(OPTIONS)]
    present = _count(facts.get("cpu.present", ""))
    claim = f"The guest has {seen} of the {sold} vCPUs sold"
    level, ground = Level.STRONG, "fewer_than_sold"
    if own or (present or 0) >= sold:
        level, ground = Level.NOT_MEASURABLE, "kernel_option" if own else "switched_off"
        why = f"its own kernel option {' '.join(own)}" if own else f"{present} are there, but switched off"
        claim += f", but that is the guest's own doing ({why}), so nothing can be said about the host"
    return Finding(
        sign=SIGN.name,
        level=level,
        claim=f"{claim}.",
        ground=ground,
        promised=vcpus(sold),
        measured=float(seen),
        unit="1",
        alternatives=()
        if level is Level.NOT_MEASURABLE
        else (
            Alternative("vCPUs that the guest's owner switched off", present is not None or None, "none is"),
            Alternative("a kernel option that limits them", ruled_out=True, because="none is set"),
        ),
    )


def _count(listed: str) -> int | None:
    """How many CPUs a kernel's list names; None for an empty one."""
    return len(cpus(listed)) if listed else None


class _Answer(NamedTuple):
    """What is said, and which of the sign's answers it is."""

    level: Level
    ground: str
    claim: str
    further: str = ""


def _together(record: Record) -> Finding:
    table = accounting.loaded(record)
    count = len(accounting.vcpus(record))
    alone = accounting.bins(record, arm="single")
    if count < 2 or not table.wall.size:
        return _finding(_nothing_to_share(record, count))
    allowed = loss_findings.limit(record.run.plan, max(LEAST, MISSING / count))
    loss = loss_findings.Loss(
        "", table, weigh(table, accounting.lost, allowed, multiplicity.bar(record)), allowed
    )
    level, delivered = loss.weighed.level, count * (1 - loss.weighed.share)
    together = (
        f"The {count} vCPUs together delivered the time of {delivered:.2f} vCPUs in "
        f"{span(loss.weighed.seconds)}"
    )
    if level in loss_findings.ACCUSING:
        answer = _shared(record, loss, together, alone)
    elif level is Level.CLEAN:
        answer = _Answer(level, "all_there", f"{together}: at most {percent(allowed)} of each was missing.")
    else:
        claim = f"{together}, which is too short or too uneven to say that they are not all there."
        answer = _Answer(level, "unsettled", claim)
    return _finding(answer, record, loss, count)


def _shared(record: Record, loss: loss_findings.Loss, together: str, alone: accounting.LoopTimes) -> _Answer:
    """What a proven loss of all together means, beside what each lost alone."""
    if own := loss_findings.own_limit(record, loss.weighed.since, loss.weighed.until):
        return _Answer(Level.NOT_MEASURABLE, own.ground, f"{together}, but {own.said}.", own.further)
    single = accounting.share(alone, accounting.lost)
    if single is None:
        return _Answer(
            Level.NOT_MEASURABLE,
            "never_alone",
            f"{together}, but none was loaded alone, so it is not known whether they share cores.",
        )
    if single > ALONE * loss.weighed.share:
        return _Answer(
            Level.CLEAN,
            "lost_alone_too",
            f"{together}, and each alone lost {percent(single)} of its time, too: others take it, not the "
            "vCPUs from each other.",
        )
    return _Answer(
        loss.weighed.level,
        "not_at_the_same_time",
        f"{together}, though each alone lost only {percent(single)} of its time: "
        "they are not all there at the same time.",
    )


def _nothing_to_share(record: Record, count: int) -> _Answer:
    plan = record.run.plan
    sold = (
        f"{vcpus(plan.vcpus)} sold, and there" if plan and plan.vcpus else "No number of vCPUs was promised"
    )
    if count == 1:
        claim = f"{sold}; only one was under test, so they cannot take time from each other."
        return _Answer(Level.CLEAN, "one_vcpu", claim)
    return _Answer(
        Level.CLEAN if count else Level.NOT_MEASURABLE,
        "never_together",
        f"{sold}; the vCPUs were never loaded together in this run, so what they deliver is not known.",
    )


def _finding(
    answer: _Answer,
    record: Record | None = None,
    loss: loss_findings.Loss | None = None,
    count: int = 0,
) -> Finding:
    said = Finding(
        sign=SIGN.name,
        level=answer.level,
        ground=answer.ground,
        claim=answer.claim,
        further=answer.further,
        series=loss_findings.SERIES,
    )
    if record is None or loss is None:
        return said
    weighed = loss.weighed
    low, high = weighed.interval or (0.0, 1.0)
    return replace(
        said,
        promised=f"{count} vCPUs at the same time",
        measured=count * (1 - weighed.share),
        interval=(count * (1 - high), count * (1 - low)),
        unit="1",
        since=weighed.since,
        until=weighed.until,
        alternatives=loss_findings.alternatives(record, loss.table, answer.level),
    )


SIGN = Sign(
    name="missing_vcpu",
    question="Are all the vCPUs there that were sold, also at the same time?",
    promise="cpu",
    needs=(),
    look=look,
    decides=("vcpus",),
    speaks_of=("cpu",),
)
