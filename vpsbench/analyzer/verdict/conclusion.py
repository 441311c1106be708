"""From findings to a verdict, for each promise and for the run.

- BROKEN: a strong finding against something that the plan promises.
- SUSPECT: a notice, or a strong finding where no plan promises it.
- INCONCLUSIVE: nothing was found, but a sign that decides on the promise could not be measured, a sign of the
  promise failed, or a doubt covers more than a tenth of the time of the turns that the promise rests on. A
  doubt without a time range is told and touches nothing.
- KEPT: otherwise. Missing is not a pass: it never makes a promise kept. A limit that the plan discloses is
  kept, unless a sign says that even less is given.

The run's word is the worst of its promises' words, in the order above; what no sign looks at is listed as
inconclusive and leaves the run's word to the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from vpsbench.analyzer.signs import Sign
from vpsbench.analyzer.verdict import promises
from vpsbench.analyzer.verdict.next_steps import settle
from vpsbench.analyzer.verdict.promises import Item
from vpsbench.model import Finding, Level, PromiseVerdict, Record, Verdict, Word

WORST_FIRST: Final = (Word.BROKEN, Word.SUSPECT, Word.INCONCLUSIVE, Word.KEPT)
UNCHECKED: Final = "No check of this version looks at it."
DISCLOSED: Final = "What a plan discloses is not held against anyone."
TOUCHED: Final = 0.1  # of the time of the turns that a promise rests on


def verdict(record: Record, findings: Sequence[Finding], signs: Mapping[str, Sign]) -> Verdict:
    """The verdict on a run, from the findings of all its signs."""
    lines = promises.listed(record.run.plan)
    items = [item for item, _ in lines]
    ours: dict[str, list[Finding]] = {item.name: [] for item in items}
    for finding in findings:
        if line := promises.line_of(finding.sign, signs[finding.sign].promise, items):
            ours[line.name].append(finding)
    found = {item.name: _judge(item, text, record, ours[item.name], findings) for item, text in lines}
    looked_at = [found[item.name] for item in items if item.deciding & signs.keys() or ours[item.name]]
    word = next(w for w in WORST_FIRST if any(p.word is w for p in looked_at))
    because = " ".join(f"{p.promise}: {p.because}" for p in looked_at if p.word is word)
    return Verdict(word, because, tuple(found.values()))


def _judge(
    item: Item, text: str, record: Record, ours: list[Finding], all_: Sequence[Finding]
) -> PromiseVerdict:
    word, ground = _word(item, record, ours, all_)
    if item.name == "cpu_model":
        word, because = _model(record)
    else:
        nothing = DISCLOSED if item.limit(record.run.plan) else UNCHECKED
        because = " ".join(dict.fromkeys(f.claim for f in ground)) or nothing
    return PromiseVerdict(item.promise, text, word, because, item.name, settle(item, word, ground, record))


def _word(
    item: Item, record: Record, ours: list[Finding], all_: Sequence[Finding]
) -> tuple[Word, list[Finding]]:
    """The word on a line, and the findings that it rests on."""
    if strong := [f for f in ours if f.level is Level.STRONG]:
        return (Word.BROKEN if item.promised(record.run.plan) else Word.SUSPECT), strong[:1]
    if notices := [f for f in ours if f.level is Level.NOTICE]:
        return Word.SUSPECT, notices[:1]
    if item.limit(record.run.plan):
        return Word.KEPT, [f for f in ours if f.level is Level.CLEAN]
    if open_ := [f for f in ours if f.level is Level.DOUBT or _undecided(item, f, record)]:
        return Word.INCONCLUSIVE, open_[:1]
    if doubts := [f for f in all_ if f.level is Level.DOUBT and _touches(f, item, record)]:
        return Word.INCONCLUSIVE, doubts[:1]
    deciding = [f for f in ours if f.sign in item.deciding and f.level is Level.CLEAN]
    return (Word.KEPT if deciding else Word.INCONCLUSIVE), deciding


def _undecided(item: Item, finding: Finding, record: Record) -> bool:
    """Whether a sign that decides on the line said nothing, though it could have been expected to."""
    if finding.level is not Level.NOT_MEASURABLE or finding.sign not in item.deciding:
        return False
    # Without a steal clock whatever is lost is hidden, and the other sign has seen it.
    return finding.sign != "reported_steal" or record.run.guest.steal_clock.value is True


def _touches(doubt: Finding, item: Item, record: Record) -> bool:
    """Whether a doubt's time range covers more than a tenth of the turns that the promise rests on."""
    if doubt.since is None or doubt.until is None:
        return False
    since, until = doubt.since, doubt.until
    turns = [(t.started, t.started + t.elapsed) for t in record.turns if t.probe == item.promise]
    covered = sum(max(0.0, min(end, until) - max(start, since)) for start, end in turns)
    return covered > TOUCHED * sum(end - start for start, end in turns)


def _model(record: Record) -> tuple[Word, str]:
    """The processor's name, which a host may mask: it accuses nobody."""
    told, plan = record.run.guest.cpu_model, record.run.plan
    wanted = (plan.cpu_model if plan else None) or ""
    if all(word in told.casefold() for word in wanted.casefold().split()):
        return Word.KEPT, f"The guest is told “{told}”."
    return (
        Word.INCONCLUSIVE,
        f"The guest is told “{told}”; a host may show another name, so it accuses nobody.",
    )
