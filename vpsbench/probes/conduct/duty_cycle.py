"""Rests between pieces of work, so that a probe loads the machine for no more than its share of the time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from itertools import accumulate
from typing import Final

from vpsbench.probes.conduct.clock import now

SOON: Final = 0.25  # of the time between two rounds


class DutyCycle:
    """Keeps busy time at or under ``duty`` of all time, from one rest to the next.

    All time between rests counts as busy, also what was spent waiting for others. A rest never lasts
    beyond the end of the turn, which begins when this is made.

    Args:
        duty: above 0 and up to 1.
        seconds: of the turn.
        clock: in s.
        sleep: sleeps so many s.
    """

    def __init__(
        self,
        duty: float,
        seconds: float = math.inf,
        clock: Callable[[], float] = now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._per_busy = 1 / duty - 1  # s of rest for a s of work
        self._clock, self._sleep = clock, sleep
        self._since = clock()
        self.until = self._since + seconds  # when the turn ends, by the same clock

    def rest(self, planned: float = 0.0) -> None:
        """Sleeps as long as the work since the last rest asks for.

        Args:
            planned: s that nothing is to be done in any case; they count as rest.
        """
        now = self._clock()
        seconds = min(max((now - self._since) * self._per_busy, planned), self.until - now)
        if seconds > 0:
            self._sleep(seconds)
        self._since = self._clock()


def moments(rounds: int, span: float, rest: float = 0.0) -> list[float]:
    """When rounds begin, s after the pages were written, within ``span`` s.

    Without a ``rest`` of its own between rounds, half of the time passes before the first one: some hosts
    take pages only after they lay idle for a minute or more (seen on a real one), and most rounds
    should come after that. The last comes soon after the one before it: what has just begun shows twice.
    """
    gaps = [1.0] * (rounds - 2) + [SOON] * (rounds > 1)
    gap = rest or span / 2 / max(sum(gaps), SOON)
    return list(accumulate([rest or span / 2, *(gap * part for part in gaps)]))
