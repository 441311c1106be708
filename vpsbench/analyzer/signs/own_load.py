"""Doubt: the guest's own other work was in the way of the measurement.

The loops' run-queue delay is known and taken out, so a moderate load is only reported. A finding has a time
range, which it spoils, where the loops were left too little, or where the guest swapped in the memory test.
"""

from __future__ import annotations

from typing import Final

from vpsbench.analyzer.cpu import accounting
from vpsbench.analyzer.signs import Sign
from vpsbench.model import Finding, Level, Record
from vpsbench.probes.cpu_loop import metrics as loop
from vpsbench.probes.held_memory import metrics as held
from vpsbench.wording.figures import percent

TOLD: Final = 0.1  # of the loops' time
SPOILT: Final = 0.6
SWAPPED: Final = 0.001  # of the pages touched


def look(record: Record) -> list[Finding]:
    """One finding for the vCPUs and one for memory, or one that says that nothing was in the way."""
    table = accounting.bins(record)
    return [f for f in (_cpu(table), _memory(record)) if f] or [_nothing(table)]


def _nothing(table: accounting.LoopTimes) -> Finding:
    share = table.run_queue_share
    return Finding(
        sign=SIGN.name,
        level=Level.CLEAN if table.wall.size else Level.NOT_MEASURABLE,
        claim=(
            f"Other work of this guest took {percent(share)} of the vCPUs under test."
            if table.wall.size
            else "No vCPU was under test in this run, so the guest's own work is not known."
        ),
        ground="little" if table.wall.size else "nothing_measured",
        measured=share if table.wall.size else None,
        unit="1",
        series=SERIES,
    )


def _cpu(table: accounting.LoopTimes) -> Finding | None:
    share = table.run_queue_share
    if share <= TOLD:
        return None
    spoilt = share > SPOILT
    effect = "too much to judge the host" if spoilt else "which was taken out"
    return Finding(
        sign=SIGN.name,
        level=Level.DOUBT,
        claim=f"Other processes of this guest took {percent(share)} of the vCPUs under test, {effect}.",
        ground="spoilt" if spoilt else "taken_out",
        measured=share,
        unit="1",
        since=float(table.start.min()) if spoilt else None,
        until=float(table.end.max()) if spoilt else None,
        series=SERIES,
    )


def _memory(record: Record) -> Finding | None:
    swapped = sum(float(s.values.sum()) for s in record.named(held.SWAP))
    touched = sum(float(s.values.sum()) for s in record.named(held.TOTAL, arm="held"))
    if touched == 0 or swapped <= SWAPPED * touched:
        return None
    times = [float(t) for s in record.named(held.SWAP) for t in s.times[s.values > 0]]
    began = [turn.started for turn in record.turns if turn.probe == "memory" and turn.started <= min(times)]
    return Finding(
        sign=SIGN.name,
        level=Level.DOUBT,
        claim=f"The guest itself swapped {swapped:.0f} pages in the memory test: close programs and repeat.",
        ground="swapped",
        measured=swapped,
        unit="1",
        since=max(began, default=min(times)),
        until=max(times),
        series=(held.SWAP,),
    )


SERIES: Final = (loop.RUN_QUEUE_DELAY, loop.WALL)
SIGN = Sign(
    name="own_load",
    question="Was this machine's own work in the way?",
    promise="measurement",
    needs=(),
    look=look,
)
