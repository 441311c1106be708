"""The evidence that held memory was not there when it was touched again.

Slow touches that the guest's own faults and swap, its run queue or reported steal could explain are
subtracted in full. So is what the control arm shows. The estimate of how much was missing subtracts faults
and swap only, as waits mostly meet touches that are slow anyway.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import hypot, isnan, nan
from statistics import NormalDist
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from vpsbench.analyzer import strength
from vpsbench.analyzer.memory import page_touches
from vpsbench.analyzer.memory.page_touches import Border
from vpsbench.analyzer.statistics.proportions import share_difference, wilson
from vpsbench.analyzer.statistics.sessions import sessions as in_sessions
from vpsbench.model import Level, Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpsbench.analyzer.memory.page_touches import Round
    from vpsbench.analyzer.multiplicity import Bar

REFUTED: Final = 1.645  # one side at 5 %: what a round must show by itself; the proof is all of them
ROUNDS: Final = 2  # that must show it
PART: Final = 0.5  # of the rounds since the first that shows it must, too
LOOKS: Final = 4  # at a run: two borders, and once more at what lay idle for long
LIKELY: Final = 1.96  # the estimate's interval is one of 95 %
LOW_EDGES: Final = np.array(
    [page_touches.edge(place) for place in range(page_touches.STEPS * page_touches.OCTAVES)]
)  # s


@dataclass(frozen=True, slots=True)
class Share:
    """A share of pages with its interval."""

    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What rounds show.

    Args:
        border: what was slow.
        rounds: all that were weighed.
        excess: of each round's held pages over the control's, after all that explains it.
        younger: the age of the oldest round that is left out, s; NaN: none is.
        doubt: why it cannot be told: caches could explain it, too few touches show it to prove it, or it may
            have just begun.
    """

    border: Border
    rounds: list[Round]
    excess: list[Share]
    younger: float = nan
    doubt: Literal["", "like_cold_caches", "too_few_touches", "only_last_round"] = ""

    @property
    def standing(self) -> list[bool]:
        """Which rounds show a loss by themselves."""
        return [one.low > self.border.least for one in self.excess]

    @property
    def first(self) -> int:
        """The round with which it set in, or which alone shows it; 0 where none does."""
        found = self.since(range(len(self.rounds)))
        return found[0] if found else int(np.argmax(self.standing))

    def since(self, places: Sequence[int]) -> Sequence[int]:
        """Of some rounds those since the loss set in, from where on enough show it; none: it did not."""
        standing = self.standing
        for begin, place in enumerate(places):
            rest = places[begin:]
            if standing[place] and sum(standing[n] for n in rest) >= max(ROUNDS, PART * len(rest)):
                return rest
        return ()

    def proves(self, places: Sequence[int], z: float) -> bool:
        """Whether these rounds together show it, by ``z`` standard deviations."""
        together = [self.rounds[place] for place in places]
        return bool(together) and _excess(together, self.border, z).low > self.border.least

    @property
    def estimate(self) -> Share:
        """The median over the rounds since the loss set in; of all pages, where they had been taken."""
        of = self.excess[self.first :]
        if self.doubt != "like_cold_caches":
            of = [_missing(one, self.border.group) for one in self.rounds[self.first :]]
        share, low, high = np.median([(s.share, s.low, s.high) for s in of], axis=0).tolist()
        return Share(share, low, high)


def weighed(record: Record, rounds: list[Round], bar: Bar, younger: float = nan) -> tuple[Level, Evidence]:
    """The gravest that one of the borders shows. As any round may be the first to show it, each is a look."""
    z = -NormalDist().inv_cdf(bar.chance / (LOOKS * len(rounds)))
    found = [_evidence(border, rounds, younger) for border in page_touches.borders(record, rounds)]
    for shown in found:
        if (level := _level(shown, z, bar.sessions)) is not Level.CLEAN:
            return level, shown
    for shown in found:
        if shown.since(range(len(rounds))):
            return Level.NOT_MEASURABLE, replace(shown, doubt="too_few_touches")
        if shown.standing[-1] and shown.proves([len(rounds) - 1], z):
            return Level.NOT_MEASURABLE, replace(shown, doubt="only_last_round")
    fresh = page_touches.fresh_bin(record, page_touches.pooled(rounds)[1])
    shown = replace(
        _evidence(Border(fresh, fresh, fresh, page_touches.EXCESS), rounds, younger), doubt="like_cold_caches"
    )
    cold = _level(shown, z, bar.sessions) is not Level.CLEAN
    return Level.NOT_MEASURABLE if cold else Level.CLEAN, shown


def _evidence(border: Border, rounds: list[Round], younger: float) -> Evidence:
    return Evidence(border, rounds, [_excess([one], border, REFUTED) for one in rounds], younger)


def _level(shown: Evidence, z: float, sessions: int) -> Level:
    """All together prove it; sessions that repeat it need only show it round by round."""
    parts = [shown.since(places) for places in in_sessions([r.t for r in shown.rounds])[:sessions]]
    proven = any(shown.proves(places, z) for places in (shown.since(range(len(shown.rounds))), *parts))
    level = strength.of_proofs(proven, sum(map(bool, parts)))
    if level is Level.STRONG and _typical(shown) < page_touches.DISK:
        return Level.NOTICE  # the host compresses, or has slower memory: less grave than a disk
    return level


def _typical(shown: Evidence) -> float:
    """How long most of the slow touches took, s."""
    slow = np.cumsum(page_touches.pooled(shown.rounds)[0][shown.border.slow :])
    return page_touches.edge(shown.border.slow + int(np.searchsorted(slow, slow[-1] / 2)))


def _excess(rounds: Sequence[Round], border: Border, z: float) -> Share:
    """What is left of the slow held touches once all other causes have had theirs."""
    left = sum(_left(r, border.slow) for r in rounds)
    calm = float(sum(r.hot[border.control :].sum() for r in rounds))
    held, hot = (float(counts.sum()) for counts in page_touches.pooled(rounds))
    low, high = share_difference(left, held, calm, hot, z)
    return Share(left / held - calm / hot, low, high)


def _left(one: Round, border: int) -> float:
    """Slow held touches that no fault, swap, steal or waiting of the guest's own can explain.

    A task that takes the vCPU away slows one touch each time, however long we then wait. A wait after a page
    had to be brought back is no loss of the vCPU: the task sleeps meanwhile, in KVM's guests too.
    """
    slow = float(one.held[border:].sum())
    spent = float(((one.held + one.hot) * LOW_EDGES)[border:].sum())
    stolen, waited = (slow * min(1.0, s / spent) if spent else 0.0 for s in (one.steal, one.run_queue_delay))
    return max(0.0, slow - stolen - min(waited, one.preempted) - one.faults)


def _missing(one: Round, border: int) -> Share:
    """The share of all pages that had gone, each arm by its size; the low end leaves waits their part.

    The control's share is what its reads between the rounds showed, beyond the reads that followed at once.
    What it shows beyond that, pages show that are there. Where it was not read so, all of it counts as gone.
    """
    control = 0.0 if isnan(one.control) else one.control
    held, hot = float(one.held.sum()), float(one.hot.sum())
    slow, calm = max(0.0, float(one.held[border:].sum()) - one.faults), float(one.hot[border:].sum())
    gone = min(calm / hot, _taken(one, border))
    tail = calm / hot - gone
    share = (1 - control) * max(0.0, slow / held - tail) / (1 - tail) + control * gone
    (low, high), (low_hot, high_hot) = wilson(slow, held, LIKELY), wilson(calm, hot, LIKELY)
    weight = 1 - control if tail else control
    below = hypot((1 - control) * (slow / held - low), weight * (calm / hot - low_hot))
    above = hypot((1 - control) * (high - slow / held), weight * (high_hot - calm / hot))
    explained = (1 - control) * max(0.0, slow - _left(one, border)) / held
    return Share(share, max(0.0, share - below - explained), min(1.0, share + above))


def _taken(one: Round, border: int) -> float:
    """Which share of the control had to be brought back when it was read to keep it in use; 1: not known."""
    if not one.again.any():
        return 1.0
    slow, usual = (float(counts[border:].sum() / counts.sum()) for counts in (one.warm, one.again))
    return max(0.0, slow - usual)
