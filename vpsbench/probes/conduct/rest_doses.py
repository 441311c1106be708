"""Dose and response of a burst bucket: rests of 1, 2 and 4 times a step, each with a load after it. Pure.

What a bucket takes back in a rest is its rate times the rest; neighbours, heat and caches do otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median
from typing import Final

RESTS: Final = (1, 2, 4)
RELOAD: Final = 1.5  # of the rest: enough to use up what came back, if a bucket fills at 60 % of full speed
_FALL: Final = 0.8  # what is left, of what there was at first, below which a bucket is suspected
_FIRST: Final = 3  # readings that count as the first ones, besides a tenth of all: buckets are small or large
_FILLED: Final = 0.8  # of the bucket, that the longest rest may fill
_TAIL: Final = 3  # s of a load after it has drained the bucket again, to see that it has
_LEAST: Final = 1.0  # s, of a rest: below that the start of a job is longer
_SHARE: Final = 0.85  # of the time that is left, at most, for all of this
_DRAINED: Final = (4, 15)  # s of larger reads: until there were
_ENOUGH: Final = 640  # of the small ones, which make 40 where bandwidth is capped, within these bounds


def fell(delivered: Sequence[float]) -> bool:
    """Whether the last tenth delivered clearly less than the first readings: reason enough for a rest."""
    part = max(1, len(delivered) // 10)
    firsts = [median(delivered[:count]) for count in (_FIRST, part) if len(delivered) > 2 * count]
    return bool(firsts) and median(delivered[-part:]) < _FALL * max(firsts)


@dataclass(frozen=True, slots=True)
class Doses:
    """What follows a burst that fell.

    Args:
        drained: s of larger reads.
        doses: each rest, s, and the load after it, whole s.
    """

    drained: int
    doses: tuple[tuple[float, int], ...]


def plan(rates: Sequence[float], shortest: float, left: float, overhead: float) -> Doses | None:
    """The doses for a bucket that was just drained; None where there is no time for them.

    Args:
        rates: of the load that drained it, one a second.
        shortest: of the rests, s, where the bucket is not too small for it.
        left: of the turn, s.
        overhead: of each load, s.
    """
    low, first = median(rates[-max(1, len(rates) // 10) :]), median(rates[:_FIRST])
    step = shortest
    if low > 0:  # the longest rest must not fill the bucket
        step = min(step, _FILLED * sum(max(0.0, rate - low) for rate in rates) / low / RESTS[-1])
    emptying = min(max(low / (first - low), 0.5), 2 * RELOAD) if first > low else RELOAD
    drained = min(max(_DRAINED[0], ceil(_ENOUGH / low)), _DRAINED[1]) if low > 0 else _DRAINED[1]
    fixed = drained + overhead + len(RESTS) * (_TAIL + 0.5 + overhead)
    step = min(step, (_SHARE * left - fixed) / sum(RESTS) / (1 + emptying))
    if step < _LEAST:
        return None
    return Doses(drained, tuple((step * n, ceil(step * n * emptying) + _TAIL) for n in RESTS))


def shortened(length: int, left: float, shortest: float, overhead: float) -> int:
    """How many s of its length a burst job may last, so that doses fit into the s that are left."""
    doses = sum(RESTS) * shortest * (1 + RELOAD) + _DRAINED[0] + overhead + len(RESTS) * (_TAIL + overhead)
    return max(0, min(length, int(left - min(doses / _SHARE, left * 0.6))))
