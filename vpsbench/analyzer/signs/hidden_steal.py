"""Time that a busy vCPU lost outside the guest, and that no counter of the guest shows.

Hidden = lost less reported, over windows long enough for the coarse ticks of steal.
"""

from __future__ import annotations

from typing import Final

from vpsbench.analyzer import ledger
from vpsbench.analyzer.signs import Sign, _cpu
from vpsbench.analyzer.weigh import SHORTEST
from vpsbench.analyzer.words import percent, span
from vpsbench.model import Finding, Record

THRESHOLD: Final = 0.01
# Steal comes in ticks of 10 ms and a little late: 30 s make that small. Where less than half of the threshold
# is reported at all, its timing cannot matter and short batches do.
COARSE: Final = 30.0


def look(record: Record) -> list[Finding]:
    """Weighs the hidden part of all loops."""
    table = ledger.loaded(record)
    total, shown = ledger.share(table, ledger.lost) or 0.0, ledger.share(table, ledger.reported) or 0.0
    allowed = _cpu.limit(record.run.plan, THRESHOLD, shown)
    shortest = COARSE if shown > THRESHOLD / 2 else SHORTEST
    loss = _cpu.heaviest(record, ledger.hidden, allowed, shortest)
    return [
        _cpu.finding(
            SIGN.name,
            record,
            loss,
            promised=f"at most {percent(allowed)} of a busy vCPU's time lost without being shown",
            claim=_claim(record, loss),
            beside=f"Busy vCPUs lost {percent(total)} of their time",
        )
    ]


def _claim(record: Record, loss: _cpu.Loss) -> str:
    weighed, who, load = loss.weighed, loss.who, _cpu.load(record)
    share, allowed = percent(weighed.share), percent(loss.allowed)
    if weighed.level in _cpu.ACCUSING:
        return (
            f"In {span(weighed.seconds)} of {load} {who} lost {share} of the time to something outside "
            f"this guest that no counter shows ({_beside(record, loss)}); more than {allowed} is proven."
        )
    if weighed.needed is not None:
        return (
            f"Busy vCPUs lost {share} of their time unseen in {span(weighed.seconds)} of measuring, "
            f"{_cpu.unsettled(weighed, loss.allowed)}"
        )
    return (
        f"In {span(weighed.seconds)} of {load} {share} of the vCPUs' time was lost unseen "
        f"({_beside(record, loss)}), within the {allowed} allowed; {_cpu.excluded(weighed)}."
    )


def _beside(record: Record, loss: _cpu.Loss) -> str:
    clock, shown = record.run.guest.steal_clock.value, ledger.share(loss.table, ledger.reported) or 0.0
    if clock is False:
        return "there is no steal counter here that could show it"
    if clock is None and not shown:
        return "whether there is a steal counter here that could show it is not known"
    return f"the guest's steal counter showed {percent(shown)}"


SIGN = Sign(
    name="hidden_steal",
    question="Does the host take CPU time from this machine without showing it?",
    promise="cpu",
    needs=("cpu.loop.wall", "cpu.loop.gap"),
    look=look,
    claims=_cpu.claims,
)
