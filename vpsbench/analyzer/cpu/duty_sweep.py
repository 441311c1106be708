"""The sweep of duty cycles: what a vCPU loses when it demands little, half, or all of its time.

Under a cap nothing is lost below the ceiling; under contention little is lost less, but it is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.analyzer.cpu import accounting
from vpsbench.probes.cpu_loop import metrics as loop

if TYPE_CHECKING:
    from vpsbench.model import Record

CYCLE: Final = 0.020  # s, of the probe's duty cycle
PERIODS: Final = 100  # of a quota that are tried, in each of as many phases to the duty cycle


@dataclass(frozen=True, slots=True)
class Sweep:
    """What was lost at each duty cycle, shares of the demanded time, and the time demanded, s."""

    lost: dict[float, float]
    demanded: dict[float, float]

    def excess(self, period: float, share: float) -> float:
        """What was lost below full load beyond what a quota takes; a share of the time demanded there."""
        low = [duty for duty in self.lost if duty < 1]
        beyond = sum(self.demanded[d] * (self.lost[d] - under_quota(period, share, d)) for d in low)
        return beyond / sum(self.demanded[d] for d in low)


def sweep(record: Record) -> Sweep | None:
    """The sweeps of a run added up; None where none had full load and less."""
    lost, demanded = {}, {}
    for duty in {s.labels["duty"] for s in record.named(loop.WALL, arm="sweep") if "duty" in s.labels}:
        table = accounting.bins(record, arm="sweep", duty=duty)
        if (share := accounting.share(table, accounting.lost)) is not None:
            lost[float(duty)], demanded[float(duty)] = share, float(table.demanded.sum())
    return Sweep(dict(sorted(lost.items())), demanded) if len(lost) > 1 and 1.0 in lost else None


def under_quota(period: float, share: float, duty: float) -> float:
    """The share of the demanded time that a quota takes from a loop with this duty cycle.

    1 - share / duty above the ceiling and 0 below it, where the quota's period is that of the duty or longer;
    shorter ones cut single bursts as well.

    Args:
        period: of the quota, s.
        share: of each period that the quota leaves.
        duty: the share of each cycle in which the loop demands to run, above 0.
    """
    refills = np.arange(PERIODS + 1) * period + np.arange(PERIODS)[:, None] * CYCLE / PERIODS
    so_far = np.floor(refills / CYCLE) * duty * CYCLE + np.minimum(refills % CYCLE, duty * CYCLE)
    demanded = np.diff(so_far)
    return float(1 - np.minimum(demanded, share * period).sum() / demanded.sum())
