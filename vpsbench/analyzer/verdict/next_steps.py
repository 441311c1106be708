"""What would settle a promise that stays open, and how far a kept one was tested: computed from the run."""

from __future__ import annotations

from typing import Final

from vpsbench.analyzer.memory import page_touches
from vpsbench.analyzer.statistics.sessions import most_sessions
from vpsbench.analyzer.verdict.promises import Item
from vpsbench.model import Finding, Level, Record, Status, Word
from vpsbench.probes.held_memory import metrics as held
from vpsbench.wording.figures import percent, span

LONGER: Final = "`vpsbench run --profile standard`"
FULL_LOAD: Final = 45 * 60.0  # s: most buckets that sellers document are empty by then
# What `standard` gives of each probe at least, without a pause.
STANDARD: Final = {"cpu": "75 min of full load", "memory": "8 min twice", "disk": "12 min twice"}
ALLOWED: Final = 0.05  # of a vCPU's time, on a shared plan
WEIGHED: Final = {"hidden_steal", "reported_steal"}
OUTSIDE: Final = {
    "disk": "`lsblk` in the guest shows how large the disk is.",
    "disk_iops": "The report's figures for the disk stand beside it.",
    "cpu_model": "Only the seller can say which processor it is.",
}


def settle(item: Item, word: Word, ground: list[Finding], record: Record) -> str:
    """One sentence, empty where nothing is open.

    Args:
        item: the line.
        word: the verdict on it.
        ground: the findings that the verdict rests on.
        record: the run.
    """
    if word is Word.KEPT:
        return _bucket(ground) or _long_run(ground, record) or _left_alone(ground, record)
    if word is Word.SUSPECT:
        return _repeat(item, ground, record)
    if word is Word.BROKEN:
        return ""
    return _open(item, ground, record)


def _bucket(ground: list[Finding]) -> str:
    """Up to which bucket three quarters of an hour would look, at the rate that was measured."""
    for found in ground:
        seen = (found.until or 0.0) - (found.since or 0.0)
        if found.sign in {"cpu_burst", "disk_burst"} and found.measured and 0 < seen < FULL_LOAD:
            stuff = "s of full speed" if found.sign == "cpu_burst" else "reads"
            return (
                f"{span(seen)} were enough for buckets up to {_about(found.measured * seen)} {stuff}; "
                f"{span(FULL_LOAD)} at full rate would be for {_about(found.measured * FULL_LOAD)}."
            )
    return ""


def _long_run(ground: list[Finding], record: Record) -> str:
    """How much load would exclude what a shared plan may lose: the bound falls as load grows."""
    bound = max((f.interval[1] for f in ground if f.sign in WEIGHED and f.interval), default=0.0)
    load = sum(t.elapsed for t in record.turns if t.probe == "cpu")
    if bound <= ALLOWED or not load:
        return ""
    needed = span(load * bound / ALLOWED)
    return f"About {needed} of load would exclude more than {percent(ALLOWED)} on the long run."


def _left_alone(ground: list[Finding], record: Record) -> str:
    """For how long held pages lay idle, where that was short: some hosts take only what does for long."""
    ages = [float(s.values.max()) for s in record.named(held.AGE) if s.values.size]
    if not ages or max(ages) > page_touches.LONG or all(f.sign != "vanishing_memory" for f in ground):
        return ""
    return (
        f"It was left alone for {span(max(ages))} at the longest; `vpsbench run --profile overnight` does "
        "for an hour, as some hosts take only what lies idle for long."
    )


def _about(amount: float) -> str:
    """Two digits, as a bound needs no more."""
    return f"{float(f'{amount:.2g}'):,.0f}"


def _repeat(item: Item, ground: list[Finding], record: Record) -> str:
    if any(f.level is Level.STRONG for f in ground):
        return "" if record.run.plan else "A plan that says what was sold (`--plan`) would settle it."
    if most_sessions(record.run.profile.duration) > 1:
        return "Measure again on another day: what is there to stay comes back in two sessions hours apart."
    return f"{LONGER} looks in two sessions hours apart ({STANDARD.get(item.promise, 'four hours')})."


def _open(item: Item, ground: list[Finding], record: Record) -> str:
    if not ground:
        return OUTSIDE.get(item.name, "")
    if ground[0].level is Level.DOUBT:
        return "Measure again, with nothing else at work in this guest."
    turns = [t for t in record.turns if t.probe == item.promise]
    if item.promise in STANDARD and not any(t.status is Status.OK for t in turns):
        return f"A run in which the {item.promise} probe works: `vpsbench doctor` says what it needs."
    if item.name == "memory_held" and any(e.kind == "memory.given_back" for e in record.events):
        return "Measure again while the guest's own programs leave more memory free."
    if needed := ground[0].needed:
        longer = f": {LONGER} has {STANDARD[item.promise]}" if item.promise in STANDARD else ""
        return f"About {span(needed)} of measuring would do{longer}."
    return ""
