"""Time that a busy vCPU lost outside the guest, and that no counter of the guest shows.

Hidden is what was lost, less what was reported, over windows long enough for the coarse ticks of steal.
"""

from __future__ import annotations

from typing import Final

from vpsbench.analyzer.cpu import accounting, loss_findings
from vpsbench.analyzer.signs import Sign
from vpsbench.analyzer.strength import SHORTEST_BATCH
from vpsbench.model import Finding, Record
from vpsbench.probes.cpu_loop import metrics as loop
from vpsbench.wording.figures import percent, span

THRESHOLD: Final = 0.01
# Steal comes in ticks of 10 ms and a little late: over 30 s that is small. Where less than half of the
# threshold is reported at all, its timing cannot matter, and short batches do.
COARSE: Final = 30.0


def look(record: Record) -> list[Finding]:
    """Weighs the hidden part of all loops."""
    table = accounting.loaded(record)
    total, shown = (
        accounting.share(table, accounting.lost) or 0.0,
        accounting.share(table, accounting.reported) or 0.0,
    )
    allowed = loss_findings.limit(record.run.plan, THRESHOLD, shown)
    shortest = COARSE if shown > THRESHOLD / 2 else SHORTEST_BATCH
    loss = loss_findings.heaviest(record, accounting.hidden, allowed, shortest)
    return [
        loss_findings.finding(
            SIGN.name,
            record,
            loss,
            promised=f"at most {percent(allowed)} of a busy vCPU's time lost without being shown",
            claim=_claim(record, loss),
            beside=f"Busy vCPUs lost {percent(total)} of their time",
        )
    ]


def _claim(record: Record, loss: loss_findings.Loss) -> str:
    weighed, who, load = loss.weighed, loss.who, loss_findings.load(record)
    share, allowed = percent(weighed.share), percent(loss.allowed)
    if weighed.level in loss_findings.ACCUSING:
        return (
            f"In {span(weighed.seconds)} of {load} {who} lost {share} of the time to something outside "
            f"this guest that no counter shows ({_beside(record, loss)}): more than {allowed} is proven."
        )
    if weighed.needed is not None:
        return (
            f"Busy vCPUs lost {share} of their time unseen in {span(weighed.seconds)} of measuring, and "
            f"{loss_findings.unsettled(weighed, loss.allowed)}"
        )
    return (
        f"In {span(weighed.seconds)} of {load} {share} of the vCPUs' time was lost unseen "
        f"({_beside(record, loss)}), within the {allowed} allowed."
    )


def _beside(record: Record, loss: loss_findings.Loss) -> str:
    clock, shown = (
        record.run.guest.steal_clock.value,
        accounting.share(loss.table, accounting.reported) or 0.0,
    )
    if clock is False:
        return "no steal counter here could show it"
    if clock is None and not shown:
        return "it is not known whether a steal counter here could show it"
    return f"the guest's steal counter showed {percent(shown)}"


SIGN = Sign(
    name="hidden_steal",
    question="Does the host take CPU time from this machine without showing it?",
    promise="cpu",
    needs=(loop.WALL, loop.GAP),
    look=look,
    claims=loss_findings.claims,
    decides=("cpu",),
    bounds_loss=True,
)
