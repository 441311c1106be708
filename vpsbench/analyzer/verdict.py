"""From findings to a verdict, for each promise and for the run.

- BROKEN: a strong finding against something that the plan promises.
- SUSPECT: a notice, or a strong finding where no plan promises it.
- INCONCLUSIVE: nothing was found, but a sign that decides on the promise could not be measured, a sign of the
  promise failed, or a doubt covers more than a tenth of the time of the turns that the promise rests on. A
  doubt without a time range is told and touches nothing.
- KEPT: otherwise. Missing is not a pass: it never makes a promise kept.

The run's word is the worst of its promises' words, in the order above.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from vpsbench.analyzer.signs import Promise, Sign
from vpsbench.analyzer.words import percent, size, vcpus
from vpsbench.model import Finding, Level, Plan, PromiseVerdict, Record, Verdict, Word

PROMISES: Final[tuple[Promise, ...]] = ("cpu", "memory", "disk", "virtualization")
WORST_FIRST: Final = (Word.BROKEN, Word.SUSPECT, Word.INCONCLUSIVE, Word.KEPT)
# The signs without which nothing can be said of a promise, and the probe whose turns it rests on.
DECISIVE: Final[Mapping[str, frozenset[str]]] = {
    "cpu": frozenset({"hidden_steal", "reported_steal"}),
    "memory": frozenset({"vanishing_memory", "missing_memory"}),
    "disk": frozenset({"disk_burst"}),
    "virtualization": frozenset({"virtualization_mismatch"}),
}
PROBES: Final = {"cpu": "cpu", "memory": "memory", "disk": "disk"}
TOUCHED: Final = 0.1
IMPLICIT: Final = {
    "cpu": "no plan: the vCPUs that the guest sees are really there",
    "memory": "no plan: the memory that the guest sees is really there",
    "disk": "no plan: the disk keeps its speed",
}


def verdict(record: Record, findings: Sequence[Finding], signs: Mapping[str, Sign]) -> Verdict:
    """The verdict on a run, from the findings of all its signs."""
    promises = tuple(
        _judge(promise, record, [f for f in findings if signs[f.sign].promise == promise], findings)
        for promise in PROMISES
        if promise != "virtualization" or (record.run.plan and record.run.plan.virtualization)
    )
    word = next(w for w in WORST_FIRST if any(p.word is w for p in promises))
    because = " ".join(f"{p.promise}: {p.because}" for p in promises if p.word is word)
    return Verdict(word, because, promises)


def _judge(promise: Promise, record: Record, ours: list[Finding], all_: Sequence[Finding]) -> PromiseVerdict:
    promised = promised_text(promise, record.run.plan)
    text = promised or IMPLICIT[promise].replace(
        "no plan:", "not in the plan:" if record.run.plan else "no plan:"
    )
    word, because = _word(promise, record, ours, all_, in_plan=promised is not None)
    return PromiseVerdict(promise, text, word, because)


def _word(
    promise: Promise, record: Record, ours: list[Finding], all_: Sequence[Finding], *, in_plan: bool
) -> tuple[Word, str]:
    strong = [f for f in ours if f.level is Level.STRONG]
    if strong:
        return (Word.BROKEN if in_plan else Word.SUSPECT), strong[0].claim
    if notices := [f for f in ours if f.level is Level.NOTICE]:
        return Word.SUSPECT, notices[0].claim
    if open_ := [f for f in ours if f.level is Level.DOUBT or _undecided(promise, f, record)]:
        return Word.INCONCLUSIVE, open_[0].claim
    if doubts := [f for f in all_ if f.level is Level.DOUBT and _touches(f, promise, record)]:
        return Word.INCONCLUSIVE, doubts[0].claim
    deciding = [f for f in ours if f.sign in DECISIVE[promise] and f.level is Level.CLEAN]
    return Word.KEPT, " ".join(f.claim for f in deciding)


def _undecided(promise: Promise, finding: Finding, record: Record) -> bool:
    """Whether a sign that decides on the promise said nothing, though it could have been expected to."""
    if finding.level is not Level.NOT_MEASURABLE or finding.sign not in DECISIVE[promise]:
        return False
    plan = record.run.plan
    if finding.sign == "reported_steal":
        # Without a steal clock whatever is lost is hidden, and the other sign has seen it.
        return record.run.guest.steal_clock.value is True
    return finding.sign != "missing_memory" or bool(plan and plan.memory)


def _touches(doubt: Finding, promise: Promise, record: Record) -> bool:
    """Whether a doubt's time range covers more than a tenth of the promise's turns."""
    if doubt.since is None or doubt.until is None:
        return False
    since, until = doubt.since, doubt.until
    turns = [(t.started, t.started + t.elapsed) for t in record.turns if t.probe == PROBES.get(promise)]
    covered = sum(max(0.0, min(end, until) - max(start, since)) for start, end in turns)
    return covered > TOUCHED * sum(end - start for start, end in turns)


def promised_text(promise: Promise, plan: Plan | None) -> str | None:
    """What the plan promises, in words; None where it says nothing of it."""
    if plan is None:
        return None
    parts: list[str | None]
    match promise:
        case "cpu":
            parts = [
                vcpus(plan.vcpus) if plan.vcpus else None,
                plan.cpu,
                "a core of its own for each" if plan.whole_cores else None,
                f"{percent(plan.cpu_share)} of each always there" if plan.cpu_share is not None else None,
                "full speed for a while" if plan.cpu_burst else None,
            ]
        case "memory":
            parts = [f"{size(plan.memory)} of memory" if plan.memory else None]
        case "disk":
            parts = [
                f"{size(plan.disk)} of disk" if plan.disk else None,
                f"{plan.disk_iops:,.0f} I/O a second" if plan.disk_iops else None,
                "full speed for a while" if plan.disk_burst else None,
            ]
        case _:
            parts = [f"a {plan.virtualization} machine" if plan.virtualization else None]
    return ", ".join(part for part in parts if part) or None
