"""Memory that is held, and yet has to be brought back by the host when it is touched again.

A page that the host had swapped out comes back far slower than one that is there, and no counter of the
guest moves (``touches`` tells what is slow). For an accusation, slow touches that the guest's own faults
and swap, its run queue or reported steal could explain are taken away in full, and what the control arm
shows, too. The estimate of how much was missing takes away faults and swap only: waits mostly meet touches
that are slow anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, isinf, isnan, nan
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.analyzer import touches
from vpsbench.analyzer.signs import Sign
from vpsbench.analyzer.stats import share_difference, wilson
from vpsbench.analyzer.weigh import strength_of
from vpsbench.analyzer.words import percent, size, span
from vpsbench.model import Alternative, Finding, Level, Record, Status

if TYPE_CHECKING:
    from vpsbench.analyzer.touches import Round

EXCESS: Final = 0.005  # of the held pages, beyond the control's share
Z: Final = 3.66  # one side at 0.00013; as two rounds must show it, less than a claim's share of the family
ROUNDS: Final = 2  # that must show it
PART: Final = 0.5  # of all rounds must, too: it may set in late
HOLD: Final = 240.0  # s; some hosts take pages only after they lay idle for two minutes
FEWEST_TOUCHES: Final = 30  # a round and arm: a slow disk leaves no time for more
DISK: Final = 20e-6  # s; no disk brings a page back faster, compressed memory does
LIKELY: Final = 1.96  # the estimate's interval is one of 95 %


@dataclass(frozen=True, slots=True)
class Share:
    """A share of pages with its interval."""

    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run shows: the first slow bin, whether a slow mode stands there, and what each round says."""

    border: int
    apart: bool
    rounds: list[Round]
    excess: list[Share]  # of the held pages over the control's, after all that explains it
    missing: list[Share]  # of all pages, the control's with them
    younger: float = nan  # s, the age of the oldest round that is left out

    @property
    def standing(self) -> list[bool]:
        """Which rounds accuse."""
        return [one.low > EXCESS for one in self.excess]

    @property
    def first(self) -> int:
        """The first round that accuses; 0 where none does."""
        return int(np.argmax(self.standing))

    @property
    def estimate(self) -> Share:
        """The median over the rounds since the loss set in."""
        of = (self.missing if self.apart else self.excess)[self.first :]
        share, low, high = np.median([(one.share, one.low, one.high) for one in of], axis=0).tolist()
        return Share(share, low, high)


def look(record: Record) -> list[Finding]:
    """Weighs each round by itself; a finding needs half of them."""
    rounds = [r for r in touches.rounds(record) if min(r.held.sum(), r.hot.sum()) >= FEWEST_TOUCHES]
    if len(rounds) < ROUNDS:
        claim = f"Full rounds in which held memory was touched again: {len(rounds)}; {ROUNDS} are the least"
        claim += f"{_ended(record)}."
        needed = _needed(record, len(rounds))
        return [
            Finding(sign=SIGN.name, level=Level.NOT_MEASURABLE, claim=claim, series=SERIES, needed=needed)
        ]
    seen = _seen(record, rounds)
    level, young = _level(seen), [r.age for r in rounds if not r.age > touches.LONG]
    if level is Level.CLEAN and 0 < len(young) <= len(rounds) - ROUNDS:
        late = _seen(record, [r for r in rounds if r.age > touches.LONG], max(young))
        if (found := _level(late)) in {Level.NOTICE, Level.STRONG}:
            seen, level = late, found
    if level is Level.CLEAN and seen.apart and seen.standing[-1]:
        level = Level.NOT_MEASURABLE  # it may have just begun: neither proven nor clean
    return [_finding(record, seen, level)]


def _seen(record: Record, rounds: list[Round], younger: float = nan) -> Seen:
    border, apart = touches.border(record, rounds)
    excess, missing = [_excess(r, border) for r in rounds], [_missing(r, border) for r in rounds]
    return Seen(border, apart, rounds, excess, missing, younger)


def _level(seen: Seen) -> Level:
    level = strength_of([r.t for r in seen.rounds], seen.standing, ROUNDS, PART)
    if level is not Level.CLEAN and not seen.apart:
        return Level.NOT_MEASURABLE
    if level is Level.STRONG and _typical(seen) < DISK:
        return Level.NOTICE  # the host compresses, or has slower memory: less grave than a disk
    return level


def _typical(seen: Seen) -> float:
    """How long most of the slow touches took, s."""
    slow = np.cumsum(np.sum([r.held for r in seen.rounds], axis=0)[seen.border :])
    return touches.edge(seen.border + int(np.searchsorted(slow, slow[-1] / 2)))


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


def _excess(one: Round, border: int) -> Share:
    """What is left of the slow held touches once all other causes have had theirs."""
    calm, left = float(one.hot[border:].sum()), _left(one, border)
    low, high = share_difference(left, float(one.held.sum()), calm, float(one.hot.sum()), Z)
    return Share(left / one.held.sum() - calm / one.hot.sum(), low, high)


def _left(one: Round, border: int) -> float:
    """Slow held touches that no fault, swap, steal or waiting of the guest's own can explain.

    A task that takes the vCPU away slows one touch each time, however long we wait for it then. A wait after
    a page had to be brought back (a task sleeps meanwhile, in KVM's guests too) is no loss of the vCPU.
    """
    slow = float(one.held[border:].sum())
    low_edges = np.array([touches.edge(place) for place in range(one.held.size)])
    spent = float(((one.held + one.hot) * low_edges)[border:].sum())
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
    if level is Level.NOT_MEASURABLE and seen.apart:
        return (
            f"In the last round {percent(seen.excess[-1].share)} of {what} came back beyond {limit}, and too "
            "little before it to tell: held for longer it would show whether the host takes it away."
        )
    if level is Level.NOT_MEASURABLE:
        return (
            f"{percent(share)} more of {what} than of the control came back beyond {limit}, but no slow "
            "group of pages stands apart: caches can do that too."
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
        over += f", at most {percent(max(e.share for e in seen.excess))}; half of them would accuse"
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
    limit, estimate = _microseconds(seen.border), seen.estimate
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
        alternatives=_alternatives(record, seen, limit) if accuses else (),
    )


def _microseconds(border: int) -> str:
    edge = 1e6 * touches.edge(border)
    return f"{edge:.0f} µs" if edge >= 10 else f"{edge:.1f} µs"


def _held(record: Record) -> str:
    most = max((float(s.values.max()) for s in record.named("memory.held") if s.values.size), default=0.0)
    return f" ({size(most)})" if most else ""


def _alternatives(record: Record, seen: Seen, limit: str) -> tuple[Alternative, ...]:
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
        _unmapped(record, seen, limit),
        Alternative(
            "free page reporting",
            ruled_out=True,
            because="it gives back only free memory; these pages were held",
        ),
    )


def _unmapped(record: Record, seen: Seen, limit: str) -> Alternative:
    cause = "the host only unmapped the pages for a moment (NUMA balancing, migration, a snapshot)"
    if seen.border >= touches.fresh_bin(record, np.sum([r.hot for r in seen.rounds], axis=0)):
        because = f"such a page costs less than a fresh one, and these took longer ({limit} and more)"
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
