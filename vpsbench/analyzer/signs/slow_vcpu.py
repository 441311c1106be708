"""Less work without a gap: vCPUs that share a core, its cache or its clock do less in each second they run.

It compares the loop's iterations a second of delivered CPU: all vCPUs together against each alone. Siblings
on one core get 0.5 to 0.65 of a core each. Clocks that fall when all cores are busy, and caches, cost a part
of that. It is a fact to report, and a broken promise only where whole cores were sold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from vpsbench.analyzer.cpu import accounting, loss_findings
from vpsbench.analyzer.signs import Sign, one_if
from vpsbench.model import Alternative, Finding, Level, Record
from vpsbench.probes.cpu_loop import metrics as loop
from vpsbench.wording.figures import percent

if TYPE_CHECKING:
    from vpsbench.model import Floats

SHARED: Final = 0.75  # below this a lower clock under full load no longer explains it
FEWEST: Final = 20  # bins of each arm
TAIL: Final = 0.05  # of the bins that are left out on either side
EDGE: Final = (TAIL, 1 - TAIL)


@dataclass(frozen=True, slots=True)
class _Rates:
    """Iterations a second of CPU of one vCPU, bin by bin; ``alone`` may be empty."""

    vcpu: str
    together: Floats
    alone: Floats

    @property
    def ratio(self) -> tuple[float, float, float]:
        """Together against alone: at the medians, and with the tails against each other."""
        low, high = np.quantile(self.together, EDGE)
        slow, fast = np.quantile(self.alone, EDGE)
        middle = np.median(self.together) / np.median(self.alone)
        return float(middle), float(low / fast), float(high / slow)


class _Answer(NamedTuple):
    """What is said, and which of the sign's answers it is."""

    level: Level
    ground: str
    claim: str
    further: str = ""


def look(record: Record) -> list[Finding]:
    """Tells the work rates; accuses only where whole cores were promised."""
    names = accounting.vcpus(record)
    found = [
        _Rates(
            name,
            _rates(accounting.loaded(record, vcpu=name)),
            _rates(accounting.bins(record, vcpu=name, arm="single")),
        )
        for name in names
    ]
    found = [one for one in found if one.together.size >= FEWEST]
    if not found:
        claim = "The loops ran too short to tell how fast they work."
        return [_finding(record, _Answer(Level.NOT_MEASURABLE, "too_short", claim))]
    both = [one for one in found if one.alone.size >= FEWEST]
    if len(both) < len(found) or len(found) == 1:
        return [_finding(record, _unpaired(record, found))]
    return [_compared(record, both)]


def _rates(table: accounting.LoopTimes) -> Floats:
    return accounting.work_rates(table)[1]


def _spread(found: list[_Rates]) -> str:
    """How much the rates of each vCPU scatter, at the worst."""
    spreads = [np.ptp(np.quantile(one.together, EDGE)) / np.median(one.together) for one in found]
    share = percent(float(max(spreads)))
    return f"A vCPU's work per second of CPU time varied by {share} in the middle nine tenths of readings."


def _unpaired(record: Record, found: list[_Rates]) -> _Answer:
    scatter = _spread(found)
    if len(found) == 1:
        claim = "With one vCPU under test there is no other to share a core with."
        return _Answer(Level.CLEAN, "one_vcpu", claim, scatter)
    level = Level.NOT_MEASURABLE if _promised(record) else Level.CLEAN
    ran = "long enough to tell" if any(one.alone.size for one in found) else "in this run"
    claim = f"Not each vCPU was loaded alone {ran}, so it is not known whether vCPUs share cores."
    return _Answer(level, "never_alone", claim, scatter)


def _promised(record: Record) -> bool:
    return bool(record.run.plan and record.run.plan.whole_cores)


def _compared(record: Record, both: list[_Rates]) -> Finding:
    worst = min(both, key=lambda one: one.ratio[0])
    ratio, _, high = worst.ratio
    fact = (
        f"With all {len(both)} vCPUs busy each did {percent(ratio)} or more of the work per second of CPU "
        "time that it does alone"
    )
    scatter = _spread(both)
    if high >= SHARED:
        answer = _Answer(Level.CLEAN, "as_fast_together", f"{fact}.", scatter)
        return _finding(record, answer, worst.ratio)
    siblings = f"{fact}, as threads of one core do, or vCPUs that share its cache."
    answer = (
        _Answer(Level.NOTICE, "whole_cores_promised", siblings, f"{scatter} Whole cores were promised.")
        if _promised(record)
        else _Answer(Level.CLEAN, "slower_together", siblings, f"{scatter} No plan promises whole cores.")
    )
    return _finding(record, answer, worst.ratio)


def _finding(record: Record, answer: _Answer, ratio: tuple[float, float, float] | None = None) -> Finding:
    table = accounting.bins(record)
    return Finding(
        sign=SIGN.name,
        level=answer.level,
        ground=answer.ground,
        claim=answer.claim,
        further=answer.further,
        promised="a whole core for each vCPU" if _promised(record) else None,
        measured=ratio[0] if ratio else None,
        interval=ratio[1:] if ratio else None,
        unit="1" if ratio else None,
        since=float(table.start.min()) if table.wall.size else None,
        until=float(table.end.max()) if table.wall.size else None,
        series=(loop.ITERATIONS, *loss_findings.SERIES),
        alternatives=_alternatives(record) if answer.level in loss_findings.ACCUSING else (),
    )


def _alternatives(record: Record) -> tuple[Alternative, ...]:
    told = record.run.guest.facts.get("threads")
    return (
        Alternative("stolen time", ruled_out=True, because="only the time in which the loops ran is counted"),
        Alternative(
            "a lower clock while all cores are busy",
            ruled_out=True,
            because=f"that costs less than {percent(1 - SHARED)}",
        ),
        Alternative(
            "a neighbour's load at that time",
            ruled_out=None,
            because="only measuring again hours later would tell",
        ),
        Alternative(
            "the guest's own topology",
            ruled_out=None,
            because=f"the guest is told that these share a core: {told}"
            if told
            else "the guest is told nothing of it",
        ),
    )


SIGN = Sign(
    name="slow_vcpu",
    question="Is each vCPU a core of its own, or do they slow each other down?",
    promise="cpu",
    needs=(loop.WALL, loop.ITERATIONS),
    look=look,
    claims=one_if(lambda plan: plan.whole_cores),
    decides=("whole_cores",),
    speaks_of=("cpu",),
)
