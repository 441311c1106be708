"""Time that a busy vCPU lost outside the guest, and that no counter of the guest shows.

Hidden = lost less reported, over windows long enough for the coarse ticks of steal.
"""

from __future__ import annotations

from typing import Final

from vpsbench.analyzer import ledger
from vpsbench.analyzer.signs import Sign, _cpu
from vpsbench.analyzer.weigh import SHORTEST, Weighed, weigh
from vpsbench.analyzer.words import percent, span
from vpsbench.model import Finding, Level, Record

THRESHOLD: Final = 0.01
# Steal comes in ticks of 10 ms and a little late: 30 s make that small. Where less than half of the threshold
# is reported at all, its timing cannot matter and short batches do.
COARSE: Final = 30.0


def look(record: Record) -> list[Finding]:
    """Weighs the hidden part of all loops."""
    table = ledger.bins(record)
    total, shown = _share(table, ledger.lost), _share(table, ledger.reported)
    allowed = _cpu.limit(record.run.plan, THRESHOLD, shown)
    weighed = weigh(table, ledger.hidden, allowed, COARSE if shown > THRESHOLD / 2 else SHORTEST)
    quota = _cpu.own_quota(record, weighed.since, weighed.until)
    level = weighed.level
    if quota and (level in _cpu.ACCUSING or weighed.share > allowed):
        level = Level.NOT_MEASURABLE
        claim = f"Busy vCPUs lost {percent(total)} of their time, but {_cpu.quota_in_words(record, quota)}."
    else:
        claim = _claim(record, weighed, allowed, shown)
    return [
        Finding(
            sign=SIGN.name,
            level=level,
            claim=claim,
            promised=f"at most {percent(allowed)} of a busy vCPU's time lost without being shown",
            measured=weighed.share,
            interval=weighed.interval,
            unit="1",
            since=weighed.since,
            until=weighed.until,
            series=_cpu.SERIES,
            alternatives=_cpu.alternatives(record, table, level),
        )
    ]


def _share(table: ledger.Bins, part: ledger.Part) -> float:
    """A part of all usable time in one sum."""
    whole = ledger.cut(table, table.length)
    ours = whole.lost if part is ledger.lost else whole.reported
    return float(ours.sum() / whole.usable.sum()) if whole.usable.size else 0.0


def _claim(record: Record, weighed: Weighed, allowed: float, shown: float) -> str:
    share = percent(weighed.share)
    clock = record.run.guest.steal_clock
    beside = f"the guest's steal counter showed {percent(shown)}"
    if clock.value is False:
        beside = "there is no steal counter here that could show it"
    if weighed.level in _cpu.ACCUSING:
        return (
            f"In {span(weighed.seconds)} of full load busy vCPUs lost {share} of their time to something "
            f"outside this guest that no counter shows ({beside}); more than {percent(allowed)} is proven."
        )
    if weighed.needed is not None:
        return (
            f"Busy vCPUs lost {share} of their time unseen in {span(weighed.seconds)} of "
            "measuring, which is too "
            f"short or too uneven to judge against {percent(allowed)}; about {span(weighed.needed)} would do."
        )
    return (
        f"In {span(weighed.seconds)} of full load {share} of the vCPUs' time was lost unseen "
        f"({beside}), within "
        f"the {percent(allowed)} allowed; {_cpu.excluded(weighed)}."
    )


SIGN = Sign(
    name="hidden_steal",
    question="Does the host take CPU time from this machine without showing it?",
    promise="cpu",
    needs=("cpu.loop.wall", "cpu.loop.gap"),
    look=look,
)
