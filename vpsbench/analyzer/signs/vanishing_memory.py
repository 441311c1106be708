"""Memory that is held, and yet has to be brought back by the host when it is touched again.

A page that the host had swapped out comes back far slower than one that is there, and no counter of the
guest moves (``touches`` tells what is slow). For an accusation, slow touches that the guest's own faults
and swap, its run queue or reported steal could explain are taken away in full, and what the control arm
shows, too. The estimate of how much was missing takes away faults and swap only: waits mostly meet touches
that are slow anyway.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import hypot, isinf, isnan, nan
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.analyzer import family, stats, touches
from vpsbench.analyzer.signs import Sign
from vpsbench.analyzer.stats import share_difference, wilson
from vpsbench.analyzer.weigh import strength
from vpsbench.analyzer.words import percent, size, span
from vpsbench.model import Alternative, Finding, Level, Record, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpsbench.analyzer.family import Bar
    from vpsbench.analyzer.touches import Border, Round

EXCESS: Final = 0.005  # of the held pages, beyond the control's share
REFUTED: Final = (
    1.645  # one side at 5 %: what each round must show by itself; the proof is all of them together
)
ROUNDS: Final = 2  # that must show it
PART: Final = 0.5  # of the rounds since the first that shows it must, too
LOOKS: Final = 4  # at a run: two borders, and once more at what lay idle for long
HOLD: Final = 240.0  # s; some hosts take pages only after they lay idle for two minutes
FEWEST_TOUCHES: Final = 30  # a round and arm: a slow disk leaves no time for more
LIKELY: Final = 1.96  # the estimate's interval is one of 95 %
LOW_EDGES: Final = np.array([touches.edge(place) for place in range(touches.STEPS * touches.OCTAVES)])  # s


@dataclass(frozen=True, slots=True)
class Share:
    """A share of pages with its interval."""

    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What rounds show.

    Args:
        border: what was slow.
        rounds: all that were weighed.
        excess: of each round's held pages over the control's, after all that explains it.
        younger: the age of the oldest round that is left out, s; NaN: none is.
        cold: whether caches could explain it all.
    """

    border: Border
    rounds: list[Round]
    excess: list[Share]
    younger: float = nan
    cold: bool = False

    @property
    def standing(self) -> list[bool]:
        """Which rounds show a loss by themselves."""
        return [one.low > EXCESS for one in self.excess]

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
        return bool(places) and _excess([self.rounds[n] for n in places], self.border, z).low > EXCESS

    @property
    def estimate(self) -> Share:
        """The median over the rounds since the loss set in; of all pages, where they had been taken."""
        of = self.excess if self.cold else [_missing(one, self.border.group) for one in self.rounds]
        share, low, high = np.median([(s.share, s.low, s.high) for s in of[self.first :]], axis=0).tolist()
        return Share(share, low, high)


def look(record: Record) -> list[Finding]:
    """Weighs all rounds together and each by itself; a finding needs half of those since the loss set in."""
    rounds = [r for r in touches.rounds(record) if min(r.held.sum(), r.hot.sum()) >= FEWEST_TOUCHES]
    if len(rounds) < ROUNDS:
        claim = f"Full rounds in which held memory was touched again: {len(rounds)}; {ROUNDS} are the least"
        claim += f"{_ended(record)}."
        needed = _needed(record, len(rounds))
        return [
            Finding(sign=SIGN.name, level=Level.NOT_MEASURABLE, claim=claim, series=SERIES, needed=needed)
        ]
    bar = family.bar(record)
    level, seen = _weighed(record, rounds, bar)
    young = [r.age for r in rounds if not r.age > touches.LONG]
    if level is Level.CLEAN and 0 < len(young) <= len(rounds) - ROUNDS:
        found, late = _weighed(record, [r for r in rounds if r.age > touches.LONG], bar, max(young))
        if found in {Level.NOTICE, Level.STRONG}:
            seen, level = late, found
    return [_finding(record, seen, level)]


def _weighed(record: Record, rounds: list[Round], bar: Bar, younger: float = nan) -> tuple[Level, Seen]:
    """The gravest that one of the borders shows. As any round may be the first to show it, each is a look."""
    z = -NormalDist().inv_cdf(bar.chance / (LOOKS * len(rounds)))
    borders = touches.borders(record, rounds)
    for border in borders:
        seen = _seen(border, rounds, younger)
        if (level := _level(seen, z, bar.sessions)) is not Level.CLEAN:
            return level, seen
        if seen.standing[-1] and seen.proves([len(rounds) - 1], z):
            return Level.NOT_MEASURABLE, seen  # it may have just begun: neither proven nor clean
    bare = replace(borders[0], control=borders[0].slow)
    seen = replace(_seen(bare, rounds, younger), cold=True)
    cold = _level(seen, z, bar.sessions) is not Level.CLEAN
    return Level.NOT_MEASURABLE if cold else Level.CLEAN, seen


def _seen(border: Border, rounds: list[Round], younger: float) -> Seen:
    return Seen(border, rounds, [_excess([one], border, REFUTED) for one in rounds], younger)


def _level(seen: Seen, z: float, sessions: int) -> Level:
    """All together prove it; sessions that repeat it need only show it round by round."""
    parts = [seen.since(places) for places in stats.sessions([r.t for r in seen.rounds])[:sessions]]
    proven = any(seen.proves(places, z) for places in (seen.since(range(len(seen.rounds))), *parts))
    level = strength(proven, sum(map(bool, parts)))
    if level is Level.STRONG and _typical(seen) < touches.DISK:
        return Level.NOTICE  # the host compresses, or has slower memory: less grave than a disk
    return level


def _typical(seen: Seen) -> float:
    """How long most of the slow touches took, s."""
    slow = np.cumsum(touches.pooled(seen.rounds)[0][seen.border.slow :])
    return touches.edge(seen.border.slow + int(np.searchsorted(slow, slow[-1] / 2)))


def _ended(record: Record) -> str:
    """Why there were no more rounds, as far as the turns tell."""
    said = [t.detail for t in record.turns if t.probe == "memory" and t.status is not Status.OK]
    said += [e.detail for e in record.events if e.kind == "memory.given_back"]
    return f" ({said[0]})" if said else ""


def _needed(record: Record, full: int) -> float | None:
    """How long to hold, s, for enough rounds at this pace; None where the guest needs its memory itself."""
    if any(e.kind == "memory.given_back" for e in record.events):
        return None
    spent = sum(t.elapsed for t in record.turns if t.probe == "memory")
    return max(HOLD, spent * ROUNDS / max(full, 1))


def _excess(rounds: Sequence[Round], border: Border, z: float) -> Share:
    """What is left of the slow held touches once all other causes have had theirs."""
    left, calm = (
        sum(_left(r, border.slow) for r in rounds),
        float(sum(r.hot[border.control :].sum() for r in rounds)),
    )
    held, hot = (float(counts.sum()) for counts in touches.pooled(rounds))
    low, high = share_difference(left, held, calm, hot, z)
    return Share(left / held - calm / hot, low, high)


def _left(one: Round, border: int) -> float:
    """Slow held touches that no fault, swap, steal or waiting of the guest's own can explain.

    A task that takes the vCPU away slows one touch each time, however long we wait for it then. A wait after
    a page had to be brought back (a task sleeps meanwhile, in KVM's guests too) is no loss of the vCPU.
    """
    slow = float(one.held[border:].sum())
    spent = float(((one.held + one.hot) * LOW_EDGES)[border:].sum())
    stolen, waited = (slow * min(1.0, s / spent) if spent else 0.0 for s in (one.steal, one.own_wait))
    return max(0.0, slow - stolen - min(waited, one.preempted) - one.faults)


def _missing(one: Round, border: int) -> Share:
    """The share of all pages that was slow, each arm by its size; the low end leaves waits their part."""
    control = 0.0 if isnan(one.control) else one.control
    held, hot = float(one.held.sum()), float(one.hot.sum())
    slow, calm = max(0.0, float(one.held[border:].sum()) - one.faults), float(one.hot[border:].sum())
    share = (1 - control) * slow / held + control * calm / hot
    (low, high), (low_hot, high_hot) = wilson(slow, held, LIKELY), wilson(calm, hot, LIKELY)
    explained = (1 - control) * max(0.0, slow - _left(one, border)) / held
    below = hypot((1 - control) * (slow / held - low), control * (calm / hot - low_hot)) + explained
    above = hypot((1 - control) * (high - slow / held), control * (high_hot - calm / hot))
    return Share(share, max(0.0, share - below), min(1.0, share + above))


def _claim(level: Level, what: str, limit: str, seen: Seen) -> str:
    share, standing = seen.estimate.share, f"{sum(seen.standing)} of {len(seen.rounds)} rounds"
    if level is Level.NOT_MEASURABLE and not seen.cold:
        return (
            f"In the last round {percent(seen.excess[-1].share)} of {what} came back beyond {limit}, and too "
            "little before it to tell: held for longer it would show whether the host takes it away."
        )
    if level is Level.NOT_MEASURABLE:
        return (
            f"{percent(share)} more of {what} than of the control came back beyond {limit}, but no more than "
            "would if caches made each page some times slower than the control."
        )
    if level is not Level.CLEAN:
        return (
            f"{percent(share)} of {what} was not there when touched again: it came back beyond {limit} in "
            f"{standing}, while the guest itself swapped nothing out. The host had taken it{_onset(seen)}."
        )
    more = float(np.median([one.share for one in seen.excess]))
    text = f"{percent(max(more, 0))} more of {what} than of the control came back slowly (beyond {limit})"
    over = f"{standing} were over {percent(EXCESS)}"
    if any(seen.standing):
        over += f", at most {percent(max(one.share for one in seen.excess))}"
        over += "; half of those since the first would accuse"
    return (
        f"When touched again {text}; {over}. "
        "Pages that the host compressed, or swaps at other hours, are not excluded."
    )


def _onset(seen: Seen) -> str:
    """When the loss set in: between the last round of its turn that saw none and the first that did."""
    age = seen.rounds[seen.first].age
    before = seen.rounds[seen.first - 1].age if seen.first else seen.younger
    if isnan(age):
        return ""
    if before < age:
        return f", first seen {span(age)} after it was written, and not yet after {span(before)}"
    return f", at the latest {span(age)} after it was written"


def _finding(record: Record, seen: Seen, level: Level) -> Finding:
    accuses = level in (Level.NOTICE, Level.STRONG)
    limit, estimate = _microseconds(seen.border.group if accuses else seen.border.slow), seen.estimate
    return Finding(
        sign=SIGN.name,
        level=level,
        claim=_claim(level, f"the memory held{_held(record)}", limit, seen),
        promised="memory that stays in memory",
        measured=estimate.share,
        interval=(estimate.low, estimate.high),
        unit="1",
        since=seen.rounds[seen.first].t,
        until=seen.rounds[-1].t,
        series=SERIES,
        alternatives=_alternatives(record, seen) if accuses else (),
    )


def _microseconds(border: int) -> str:
    edge = 1e6 * touches.edge(border)
    return f"{edge:.0f} µs" if edge >= 10 else f"{edge:.1f} µs"


def _held(record: Record) -> str:
    most = max((float(s.values.max()) for s in record.named("memory.held") if s.values.size), default=0.0)
    return f" ({size(most)})" if most else ""


def _alternatives(record: Record, seen: Seen) -> tuple[Alternative, ...]:
    faults, steal, waits, times = (
        sum(getattr(r, name) for r in seen.rounds) for name in ("faults", "steal", "own_wait", "preempted")
    )
    own = f"{waits:.2f} s of own waiting" if isinf(times) else f"{times:.0f} interruptions by own tasks"
    return (
        Alternative(
            "the guest's own faults and swap",
            ruled_out=True,
            because=f"{faults:.0f} pages in all rounds; each was taken away from the slow ones",
        ),
        Alternative(
            "the vCPU was taken away or busy at that moment",
            ruled_out=True,
            because=f"{steal:.2f} s of steal and {own} are taken away, and the control arm felt it too",
        ),
        _unmapped(record, seen),
        Alternative(
            "free page reporting",
            ruled_out=True,
            because="it gives back only free memory; these pages were held",
        ),
    )


def _unmapped(record: Record, seen: Seen) -> Alternative:
    cause = "the host only unmapped the pages for a moment (NUMA balancing, migration, a snapshot)"
    if seen.border.slow >= touches.fresh_bin(record, np.sum([r.hot for r in seen.rounds], axis=0)):
        because = "such a page costs less than a fresh one, or 30 µs, and many of these took longer"
    else:
        because = "that meets pages in use as well, and those were spared; only idle ones came back late"
    return Alternative(cause, ruled_out=True, because=because)


SERIES: Final = tuple(
    f"memory.touch.{name}" for name in ("count", "total", "majflt", "minflt", "swap", "steal")
)
SIGN = Sign(
    name="vanishing_memory",
    question="Is the memory that I use really in memory?",
    promise="memory",
    needs=("memory.touch.count", "memory.touch.total"),
    look=look,
)
