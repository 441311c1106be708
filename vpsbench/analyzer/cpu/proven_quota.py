"""A quota that was proven, and whether the sweep of duty cycles confirms it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from vpsbench.analyzer.cpu.duty_sweep import Sweep
from vpsbench.analyzer.cpu.full_loads import SAME_SHARE, Load

# A cap is confirmed where less than full load loses what it takes, to half of the loss at full load. It is
# contradicted beyond that, and beyond this share: late wake-ups and passing neighbours cost something, too.
CONTRADICTS: Final = (0.5, 0.1)


@dataclass(frozen=True, slots=True)
class Quota:
    """A quota that was proven.

    Args:
        period: s.
        share: of each vCPU's time that it leaves.
        loads: that it held.
        free: loads that lost nothing.
        sweep: of duty cycles; None where there was none.
    """

    period: float
    share: float
    loads: list[Load]
    free: list[Load]
    sweep: Sweep | None

    @property
    def excess(self) -> float | None:
        """What was lost below full load beyond what a quota takes; None where no sweep met the loss."""
        if self.sweep is None or abs(1 - self.sweep.lost[1.0] - self.share) > SAME_SHARE:
            return None
        return abs(self.sweep.excess(self.period, self.share))

    @property
    def confirmed(self) -> bool:
        """Whether the sweep shows the losses of a cap, and not those of a neighbour."""
        return self.excess is not None and self.excess <= CONTRADICTS[0] * (1 - self.share)

    @property
    def contradicted(self) -> bool:
        """Whether it shows losses that no cap makes."""
        return self.excess is not None and not self.confirmed and self.excess > CONTRADICTS[1]
