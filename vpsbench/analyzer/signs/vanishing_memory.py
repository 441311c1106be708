"""Memory that is held, and yet has to be brought back by the host when it is touched again.

A page that the host had swapped out comes back far slower than one that is there, and no counter of the
guest moves. ``memory.page_touches`` says what is slow, ``memory.missing_pages`` what that proves.
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
    from vpsbench.analyzer.memory.missing_pages import Evidence

HOLD: Final = 240.0  # s; some hosts take pages only after they lay idle for two minutes
GIVEN_BACK: Final = "memory.given_back"  # the probe's event
FEWEST_TOUCHES: Final = 30  # a round and arm: a slow disk leaves no time for more


def look(record: Record) -> list[Finding]:
    """Weighs all rounds together and each by itself. A finding needs half of those since the loss set in."""
    rounds = [r for r in page_touches.rounds(record) if min(r.held.sum(), r.hot.sum()) >= FEWEST_TOUCHES]
    if len(rounds) < ROUNDS:
        return [_too_few(record, len(rounds))]
    bar = multiplicity.bar(record)
    level, shown = weighed(record, rounds, bar)
    young = [r.age for r in rounds if not r.age > page_touches.LONG]
    if level is Level.CLEAN and 0 < len(young) <= len(rounds) - ROUNDS:
        found, late = weighed(record, [r for r in rounds if r.age > page_touches.LONG], bar, max(young))
        if found in {Level.NOTICE, Level.STRONG}:
            shown, level = late, found
    return [_finding(record, shown, level)]


def _too_few(record: Record, full: int) -> Finding:
    complete = "Only one complete round" if full else "No complete round"
    return Finding(
        sign=SIGN.name,
        level=Level.NOT_MEASURABLE,
        claim=f"{complete} of re-reading held memory{_ended(record)}; at least two are needed.",
        ground="given_back" if _gave_back(record) else "too_few_rounds",
        series=SERIES,
        needed=_needed(record, full),
    )


def _gave_back(record: Record) -> bool:
    """Whether the guest needed its memory itself."""
    return any(event.kind == GIVEN_BACK for event in record.events)


def _ended(record: Record) -> str:
    """Why there were no more rounds, as far as the turns tell."""
    said = [t.detail for t in record.turns if t.probe == "memory" and t.status is not Status.OK]
    said += [e.detail for e in record.events if e.kind == GIVEN_BACK]
    return f" ({said[0]})" if said else ""


def _needed(record: Record, full: int) -> float | None:
    """How long to hold, s, for enough rounds at this pace; None where the guest needs its memory itself."""
    if _gave_back(record):
        return None
    spent = sum(t.elapsed for t in record.turns if t.probe == "memory")
    return max(HOLD, spent * ROUNDS / max(full, 1))


def _claim(level: Level, what: str, limit: str, shown: Evidence) -> tuple[str, str]:
    """The first sentence, and those that follow."""
    share, standing = shown.estimate.share, f"{sum(shown.standing)} of {len(shown.rounds)} rounds"
    if level is Level.NOT_MEASURABLE:
        return _doubt(what, limit, shown)
    if level is not Level.CLEAN:
        claim = f"{percent(share)} of {what} was not there when it was touched again: in {standing} it took "
        claim += f"more than {limit} to come back."
        return claim, f"The guest itself swapped nothing out meanwhile: the host had taken it.{_onset(shown)}"
    more = float(np.median([one.share for one in shown.excess]))
    over = f"{standing[0].upper()}{standing[1:]} were over {percent(shown.border.least)}"
    if any(shown.standing):
        over += f", at most {percent(max(one.share for one in shown.excess))}"
        over += "; half of those since the first would accuse"
    claim = (
        f"When touched again, {percent(max(more, 0))} more of {what} than of the control came back slowly "
    )
    claim += f"(in more than {limit})."
    return claim, f"{over}. Pages that the host compressed, or swaps at other hours, are not excluded."


def _doubt(what: str, limit: str, shown: Evidence) -> tuple[str, str]:
    """Likewise, where it cannot be told."""
    if shown.doubt == "only_last_round":
        claim = (
            f"In the last round {percent(shown.excess[-1].share)} of {what} took more than {limit} to come "
        )
        claim += "back, and too little did in the rounds before to tell."
        return claim, "Held for longer, it would show whether the host takes it away."
    text = f"{percent(shown.estimate.share)} more of {what} than of the control took more than {limit} to "
    if shown.doubt == "too_few_touches":
        return f"{text}come back, but in too few touches to prove it.", "Held for longer, it would show."
    caches = "cold caches could make each page a few times slower than the control, which explains as much"
    return f"{text}come back, but {caches}.", ""


def _onset(shown: Evidence) -> str:
    """When the loss set in: between the last round of its turn that saw none and the first that did."""
    age = shown.rounds[shown.first].age
    before = shown.rounds[shown.first - 1].age if shown.first else shown.younger
    if isnan(age):
        return ""
    if before < age:
        return f" That first showed {span(age)} after it was written, and not yet after {span(before)}."
    return f" It was gone {span(age)} after it was written, at the latest."


def _ground(level: Level, shown: Evidence) -> str:
    """Which answer it is."""
    if level is Level.NOT_MEASURABLE:
        return shown.doubt
    return "present" if level is Level.CLEAN else "taken"


def _finding(record: Record, shown: Evidence, level: Level) -> Finding:
    accuses = level in (Level.NOTICE, Level.STRONG)
    limit, estimate = _microseconds(shown.border.group if accuses else shown.border.slow), shown.estimate
    claim, further = _claim(level, f"the memory held{_held(record)}", limit, shown)
    return Finding(
        sign=SIGN.name,
        level=level,
        claim=claim,
        further=further,
        ground=_ground(level, shown),
        promised="memory that stays in memory",
        measured=estimate.share,
        interval=(estimate.low, estimate.high),
        unit="1",
        since=shown.rounds[shown.first].t,
        until=shown.rounds[-1].t,
        series=SERIES,
        alternatives=_alternatives(record, shown, level) if accuses else (),
    )


def _microseconds(border: int) -> str:
    edge = 1e6 * page_touches.edge(border)
    return f"{edge:.0f} µs" if edge >= 10 else f"{edge:.1f} µs"


def _held(record: Record) -> str:
    most = max((float(s.values.max()) for s in record.named(held.HELD) if s.values.size), default=0.0)
    return f" ({size(most)})" if most else ""


def _alternatives(record: Record, shown: Evidence, level: Level) -> tuple[Alternative, ...]:
    faults, steal, waits, times = (
        sum(getattr(r, name) for r in shown.rounds)
        for name in ("faults", "steal", "run_queue_delay", "preempted")
    )
    own = f"{waits:.2f} s in the run queue" if isinf(times) else f"{times:.0f} interruptions by own tasks"
    return (
        Alternative(
            "the guest's own faults and swap",
            ruled_out=True,
            because=f"{faults:.0f} pages in all rounds; each was subtracted from the slow ones",
        ),
        Alternative(
            "the vCPU was taken away or busy at that moment",
            ruled_out=True,
            because=f"{steal:.2f} s of steal and {own} are subtracted, and the control arm felt it too",
        ),
        _unmapped(record, shown),
        _aside(record, shown),
        _one_event(shown, level),
        Alternative(
            "free page reporting",
            ruled_out=True,
            because="it gives back only free memory; these pages were held",
        ),
    )


def _unmapped(record: Record, shown: Evidence) -> Alternative:
    cause = "the host only unmapped the pages for a moment (NUMA balancing, migration, a snapshot)"
    because = "such a page costs less than a fresh one, or 30 µs, and many of these took longer"
    if _in_memory(record, shown):
        because = "that meets pages in use as well, and those were spared; only idle ones came back late"
    return Alternative(cause, ruled_out=True, because=because)


def _aside(record: Record, shown: Evidence) -> Alternative:
    near = _in_memory(record, shown)
    because = "a page that is still in memory comes back sooner than most of these"
    if near:
        because = "such a page comes back as fast as from compressed memory; seldom are they more than 3 %"
    cause = "the host had set idle pages aside, to take them, and still had them"
    return Alternative(cause, ruled_out=None if near else True, because=because)


def _in_memory(record: Record, shown: Evidence) -> bool:
    """Whether what was slow was so quick that it may have come from the host's own memory."""
    return shown.border.slow < page_touches.fresh_bin(record, page_touches.pooled(shown.rounds)[1])


def _one_event(shown: Evidence, level: Level) -> Alternative:
    first, last = shown.rounds[shown.first].t, shown.rounds[-1].t
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
    decides=("memory_held",),
    idle=held.AGE,
)
