"""The first minute of each full load: what the vCPUs were given, and the quota periods in their gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING, Final

from vpsbench.analyzer.cpu import accounting, alternation, quota_period
from vpsbench.analyzer.cpu.quota_period import QuotaPeriod
from vpsbench.probes.cpu_loop import metrics as loop

if TYPE_CHECKING:
    from vpsbench.model import Record

SAME_PERIOD: Final = 0.05  # how far periods may differ, as a share
SAME_SHARE: Final = 0.1  # how far what is delivered may differ from load to load: others take some besides


@dataclass(frozen=True, slots=True)
class Load:
    """The first minute of full load on all vCPUs, s: what each was given, and its quota period."""

    since: float
    until: float
    delivered: dict[str, float]
    periods: dict[str, QuotaPeriod]
    own: float  # the share of the time in which the loops waited for others of the guest
    together: float  # the share of one vCPU's gaps that lies in another's, at the least; 0 for a single one

    @property
    def mean(self) -> float:
        """The share delivered to a vCPU."""
        return fmean(self.delivered.values())

    @property
    def lossy(self) -> set[str]:
        """The vCPUs that lost enough for a quota period to be seen."""
        return {vcpu for vcpu, share in self.delivered.items() if 1 - share >= quota_period.LEAST_LOSS}

    @property
    def like_alternation(self) -> bool:
        """Whether busy threads that take turns could look like this."""
        return any(found.like_alternation for found in self.periods.values())

    def shows(self, period: float, share: float) -> bool:
        """Whether this quota held each vCPU that lost time, and together they got this share."""
        kept = all(
            vcpu in self.periods and abs(self.periods[vcpu].period / period - 1) <= SAME_PERIOD
            for vcpu in self.lossy
        )
        return kept and abs(self.mean - share) <= SAME_SHARE


def first_minutes(record: Record) -> Iterator[Load]:
    """Of all vCPUs together, in the arms that load all of them."""
    for arm in ("all", "sweep"):
        loops = [s.labels for s in record.named(loop.WALL, arm=arm, duty="1")]
        tables = [(labels, accounting.bins(record, **labels)) for labels in loops]
        for since, until in accounting.bins(record, arm=arm, duty="1").pieces():
            last = min(until, since + quota_period.LOGGED)
            if last - since >= quota_period.SHORTEST:
                yield from _load(record, tables, since, last)


def _load(
    record: Record, tables: list[tuple[dict[str, str], accounting.LoopTimes]], since: float, until: float
) -> Iterator[Load]:
    delivered, periods, gaps, own = {}, {}, [], 0.0
    for labels, table in tables:
        here, vcpu = table.within(since, until), labels["vcpu"]
        if (lost := accounting.share(here, accounting.lost)) is None:
            continue
        delivered[vcpu], own = 1 - lost, max(own, here.run_queue_share)
        if found := quota_period.of_loop(record, labels, float(here.start[0]), until):
            periods[vcpu] = found
            gaps.append(quota_period.spells(record, loop.ONE_GAP, labels, since, until))
    if delivered:
        together = min((alternation.together(*pair) for pair in pairwise(gaps)), default=0.0)
        yield Load(since, until, delivered, periods, own, together)


def mean_share(loads: Sequence[Load]) -> float:
    """The share delivered to a vCPU over all of the loads' time."""
    return fmean([load.mean for load in loads], weights=[load.until - load.since for load in loads])
