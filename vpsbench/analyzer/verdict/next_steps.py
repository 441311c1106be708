"""What would settle a promise that stays open, and how far a kept one was tested: computed from the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vpsbench.analyzer.memory import page_touches
from vpsbench.analyzer.signs import Sign
from vpsbench.analyzer.statistics import sessions
from vpsbench.analyzer.verdict.promises import Item
from vpsbench.model import Finding, Level, Record, Status, Word
from vpsbench.wording.figures import percent, span

LONGER: Final = "`vpsbench run --profile standard`"
FULL_LOAD: Final = 45 * 60.0  # s: most buckets that sellers document are empty by then
# What `standard` gives of each probe at least, without a pause.
STANDARD: Final = {"cpu": "75 min of full load", "memory": "8 min twice", "disk": "12 min twice"}
ALLOWED: Final = 0.05  # of a vCPU's time, on a shared plan
MILLION: Final = 1e6
Grounds = Sequence[tuple[Finding, Sign]]  # what a verdict rests on, each with the sign that found it


def next_step(item: Item, word: Word, grounds: Grounds, record: Record) -> str:
    """What the buyer can do next, or how far the promise was tested; empty where nothing is open.

    Args:
        item: the line.
        word: the verdict on it.
        grounds: what the verdict rests on.
        record: the run.
    """
    if word is Word.KEPT:
        return _burst_seen(grounds) or _loss_bound(grounds, record) or _left_alone(grounds, record)
    if word is Word.SUSPECT:
        return _repeat(item, grounds, record)
    if word is Word.BROKEN:
        return ""
    return _decide(item, grounds, record)


def _burst_seen(grounds: Grounds) -> str:
    """Up to which burst allowance this run looked, and how far three quarters of an hour would."""
    for found, sign in grounds:
        seconds = (found.until or 0.0) - (found.since or 0.0)
        if sign.bucket and found.measured and 0 < seconds < FULL_LOAD:
            return (
                f"This {span(seconds)} test would have noticed a burst allowance of up to "
                f"{_about(found.measured * seconds)} {sign.bucket}; {span(FULL_LOAD)} at full rate would "
                f"cover {_about(found.measured * FULL_LOAD)}."
            )
    return ""


def _loss_bound(grounds: Grounds, record: Record) -> str:
    """How much load would exclude what a shared plan may lose: the bound falls as load grows."""
    bounds = [found.interval[1] for found, sign in grounds if sign.bounds_loss and found.interval]
    bound = max(bounds, default=0.0)
    load = sum(t.elapsed for t in record.turns if t.probe == "cpu")
    if bound <= ALLOWED or not load:
        return ""
    needed = span(load * bound / ALLOWED)
    return f"About {needed} of load would exclude a mean loss above {percent(ALLOWED)} over a longer time."


def _left_alone(grounds: Grounds, record: Record) -> str:
    """For how long held pages lay idle, where that was short: some hosts take only what does for long."""
    metrics = [sign.idle for _, sign in grounds if sign.idle]
    ages = [float(s.values.max()) for metric in metrics for s in record.named(metric) if s.values.size]
    if not ages or max(ages) > page_touches.LONG:
        return ""
    return (
        f"It was left alone for {span(max(ages))} at the longest. Some hosts take only what lies idle for "
        "long; `vpsbench run --profile overnight` leaves it alone for an hour."
    )


def _about(amount: float) -> str:
    """Two digits, as a bound needs no more."""
    if amount >= MILLION:
        return f"{float(f'{amount / MILLION:.2g}'):,g} million"
    return f"{float(f'{amount:.2g}'):,.0f}"


def _repeat(item: Item, grounds: Grounds, record: Record) -> str:
    if any(found.level is Level.STRONG for found, _ in grounds):
        return "" if record.run.plan else "A plan that says what was sold (`--plan`) would settle it."
    if sessions.most_sessions(record.run.profile.duration) > 1:
        return "Measure again on another day: what stays comes back in two sessions hours apart."
    return f"{LONGER} looks in two sessions hours apart ({STANDARD.get(item.promise, 'four hours')})."


def _decide(item: Item, grounds: Grounds, record: Record) -> str:
    """What would decide on a line of which nothing could be said."""
    if not grounds:
        return item.otherwise
    first, _ = grounds[0]
    if first.level is Level.DOUBT:
        return "Measure again, with nothing else at work in this guest."
    turns = [t for t in record.turns if t.probe == item.promise]
    if item.promise in STANDARD and not any(t.status is Status.OK for t in turns):
        return f"Measure again once the {item.promise} probe works: `vpsbench doctor` says what it needs."
    if item.name == "memory_held" and any(e.kind == "memory.given_back" for e in record.events):
        return "Measure again while the guest's own programs leave more memory free."
    if first.needed:
        longer = f": {LONGER} has {STANDARD[item.promise]}" if item.promise in STANDARD else ""
        return f"About {span(first.needed)} of measuring would be enough{longer}."
    return ""
