"""Memory that is held, and yet has to be brought back by the host when it is touched again.

A page that the host had swapped out comes back far slower than one that is there, and no counter of the
guest moves: ``touches`` tells what is slow, ``_vanished`` what that proves.
"""

from __future__ import annotations

from math import isinf, isnan
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.analyzer import multiplicity
from vpsbench.analyzer.memory import page_touches
from vpsbench.analyzer.memory.missing_pages import ROUNDS, weighed
from vpsbench.analyzer.signs import Sign
from vpsbench.model import Alternative, Finding, Level, Record, Status
from vpsbench.probes.held_memory import metrics as held
from vpsbench.wording.figures import percent, size, span

if TYPE_CHECKING:
    from vpsbench.analyzer.memory.missing_pages import Seen

HOLD: Final = 240.0  # s; some hosts take pages only after they lay idle for two minutes
FEWEST_TOUCHES: Final = 30  # a round and arm: a slow disk leaves no time for more


def look(record: Record) -> list[Finding]:
    """Weighs all rounds together and each by itself; a finding needs half of those since the loss set in."""
    rounds = [r for r in page_touches.rounds(record) if min(r.held.sum(), r.hot.sum()) >= FEWEST_TOUCHES]
    if len(rounds) < ROUNDS:
        claim = f"Full rounds in which held memory was touched again: {len(rounds)}; {ROUNDS} are the least"
        claim += f"{_ended(record)}."
        needed = _needed(record, len(rounds))
        return [
            Finding(sign=SIGN.name, level=Level.NOT_MEASURABLE, claim=claim, series=SERIES, needed=needed)
        ]
    bar = multiplicity.bar(record)
    level, seen = weighed(record, rounds, bar)
    young = [r.age for r in rounds if not r.age > page_touches.LONG]
    if level is Level.CLEAN and 0 < len(young) <= len(rounds) - ROUNDS:
        found, late = weighed(record, [r for r in rounds if r.age > page_touches.LONG], bar, max(young))
        if found in {Level.NOTICE, Level.STRONG}:
            seen, level = late, found
    return [_finding(record, seen, level)]


def _ended(record: Record) -> str:
    """Why there were no more rounds, as far as the turns tell."""
    said = [t.detail for t in record.turns if t.probe == "memory" and t.status is not Status.OK]
    said += [e.said for e in record.events if e.kind == "memory.given_back"]
    return f" ({said[0]})" if said else ""


def _needed(record: Record, full: int) -> float | None:
    """How long to hold, s, for enough rounds at this pace; None where the guest needs its memory itself."""
    if any(e.kind == "memory.given_back" for e in record.events):
        return None
    spent = sum(t.elapsed for t in record.turns if t.probe == "memory")
    return max(HOLD, spent * ROUNDS / max(full, 1))


def _claim(level: Level, what: str, limit: str, seen: Seen) -> str:
    share, standing = seen.estimate.share, f"{sum(seen.standing)} of {len(seen.rounds)} rounds"
    if level is Level.NOT_MEASURABLE:
        return _doubt(what, limit, seen)
    if level is not Level.CLEAN:
        return (
            f"{percent(share)} of {what} was not there when touched again: it came back beyond {limit} in "
            f"{standing}, while the guest itself swapped nothing out. The host had taken it{_onset(seen)}."
        )
    more = float(np.median([one.share for one in seen.excess]))
    text = f"{percent(max(more, 0))} more of {what} than of the control came back slowly (beyond {limit})"
    over = f"{standing} were over {percent(seen.border.least)}"
    if any(seen.standing):
        over += f", at most {percent(max(one.share for one in seen.excess))}"
        over += "; half of those since the first would accuse"
    return (
        f"When touched again {text}; {over}. "
        "Pages that the host compressed, or swaps at other hours, are not excluded."
    )


def _doubt(what: str, limit: str, seen: Seen) -> str:
    if seen.doubt == "begun":
        return (
            f"In the last round {percent(seen.excess[-1].share)} of {what} came back beyond {limit}, and too "
            "little before it to tell: held for longer it would show whether the host takes it away."
        )
    text = f"{percent(seen.estimate.share)} more of {what} than of the control came back beyond {limit}, "
    if seen.doubt == "few":
        return f"{text}but in too few touches to prove it: held for longer it would show."
    return f"{text}but no more than would if caches made each page some times slower than the control."


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
        alternatives=_alternatives(record, seen, level) if accuses else (),
    )


def _microseconds(border: int) -> str:
    edge = 1e6 * page_touches.edge(border)
    return f"{edge:.0f} µs" if edge >= 10 else f"{edge:.1f} µs"


def _held(record: Record) -> str:
    most = max((float(s.values.max()) for s in record.named(held.HELD) if s.values.size), default=0.0)
    return f" ({size(most)})" if most else ""


def _alternatives(record: Record, seen: Seen, level: Level) -> tuple[Alternative, ...]:
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
        _aside(record, seen),
        _one_event(seen, level),
        Alternative(
            "free page reporting",
            ruled_out=True,
            because="it gives back only free memory; these pages were held",
        ),
    )


def _unmapped(record: Record, seen: Seen) -> Alternative:
    cause = "the host only unmapped the pages for a moment (NUMA balancing, migration, a snapshot)"
    because = "such a page costs less than a fresh one, or 30 µs, and many of these took longer"
    if _in_memory(record, seen):
        because = "that meets pages in use as well, and those were spared; only idle ones came back late"
    return Alternative(cause, ruled_out=True, because=because)


def _aside(record: Record, seen: Seen) -> Alternative:
    near = _in_memory(record, seen)
    because = "a page that is still in memory comes back sooner than most of these"
    if near:
        because = "such a page comes back as fast as from compressed memory; seldom are they more than 3 %"
    cause = "the host had set idle pages aside, to take them, and still had them"
    return Alternative(cause, ruled_out=None if near else True, because=because)


def _in_memory(record: Record, seen: Seen) -> bool:
    """Whether what was slow was so quick that it may have come from the host's own memory."""
    return seen.border.slow < page_touches.fresh_bin(record, page_touches.pooled(seen.rounds)[1])


def _one_event(seen: Seen, level: Level) -> Alternative:
    first, last = seen.rounds[seen.first].t, seen.rounds[-1].t
    return Alternative(
        "one event, such as a migration that fetches pages as they are asked for",
        ruled_out=True if level is Level.STRONG else None,
        because="it came back hours later" if level is Level.STRONG else f"seen for {span(last - first)}",
    )


SERIES: Final = (held.COUNT, held.TOTAL, held.MAJOR_FAULTS, held.MINOR_FAULTS, held.SWAP, held.STEAL)
SIGN = Sign(
    name="vanishing_memory",
    question="Is the memory that I use really in memory?",
    promise="memory",
    needs=(held.COUNT, held.TOTAL),
    look=look,
)
