"""From findings to a verdict, for each promise and for the run.

- BROKEN: a strong finding against something that the plan promises.
- SUSPECT: a notice, or a strong finding where no plan promises it.
- INCONCLUSIVE: nothing was found, and one of these holds. A sign that decides on the promise could not be
  measured. A sign of the promise failed. A doubt covers more than a tenth of the time of the turns that the
  promise rests on. (A doubt without a time range is reported, and leaves every promise as it is.)
- KEPT: otherwise. A missing measurement is not a pass: it never makes a promise kept. A limit that the plan
  discloses is kept, unless a sign says that even less is given.

The run's word is the worst of its promises' words, in the order above. A line that no sign looks at is listed
as inconclusive and leaves the run's word to the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from vpsbench.analyzer.signs import Sign
from vpsbench.analyzer.verdict import promises
from vpsbench.analyzer.verdict.next_steps import next_step
from vpsbench.analyzer.verdict.promises import Item
from vpsbench.model import Finding, Level, PromiseVerdict, Record, Verdict, Word

WORST_FIRST: Final = (Word.BROKEN, Word.SUSPECT, Word.INCONCLUSIVE, Word.KEPT)
UNCHECKED: Final = "No check of this version looks at it."
DISCLOSED: Final = "The plan discloses this limit, so it counts against nobody."
COVERED: Final = 0.1  # of the time of the turns that a promise rests on


@dataclass(frozen=True, slots=True)
class _Case:
    """A line, and all that its verdict may rest on.

    Args:
        item: the line.
        record: the run.
        ours: findings of signs that speak of it.
        doubts: about the run, from all signs.
        signs: by their names.
    """

    item: Item
    record: Record
    ours: Sequence[Finding]
    doubts: Sequence[Finding]
    signs: Mapping[str, Sign]

    def at(self, level: Level) -> list[Finding]:
        """Findings of a level on this line."""
        return [finding for finding in self.ours if finding.level is level]

    def decides(self, finding: Finding) -> bool:
        """Whether a finding is of a sign without which nothing can be said of the line."""
        return self.item.decided_by(self.signs[finding.sign])


def verdict(record: Record, findings: Sequence[Finding], signs: Mapping[str, Sign]) -> Verdict:
    """The verdict on a run, from the findings of all its signs."""
    lines = promises.listed(record.run.plan)
    items = [item for item, _ in lines]
    ours: dict[str, list[Finding]] = {item.name: [] for item in items}
    for finding in findings:
        if line := promises.line_of(signs[finding.sign], items):
            ours[line.name].append(finding)
    doubts = [finding for finding in findings if finding.level is Level.DOUBT]
    found = [_judge(_Case(item, record, ours[item.name], doubts, signs), text) for item, text in lines]
    checked = [any(item.decided_by(sign) for sign in signs.values()) or ours[item.name] for item in items]
    looked_at = [promise for promise, looked in zip(found, checked, strict=True) if looked]
    word = next(w for w in WORST_FIRST if any(p.word is w for p in looked_at))
    because = " ".join(f"{p.promise}: {p.because}" for p in looked_at if p.word is word)
    return Verdict(word, because, tuple(found))


def _judge(case: _Case, text: str) -> PromiseVerdict:
    item, record = case.item, case.record
    word, grounds = _word(case)
    if item.answer:
        (word, because), grounds = item.answer(record), []
    else:
        nothing = DISCLOSED if item.disclosed(record.run.plan) else UNCHECKED
        because = " ".join(dict.fromkeys(finding.said for finding in grounds)) or nothing
    step = next_step(item, word, [(finding, case.signs[finding.sign]) for finding in grounds], record)
    return PromiseVerdict(item.promise, text, word, because, item.name, step, tuple(grounds))


def _word(case: _Case) -> tuple[Word, list[Finding]]:
    """The word on a line, and the findings that it rests on."""
    plan = case.record.run.plan
    if strong := case.at(Level.STRONG):
        return (Word.BROKEN if case.item.promised(plan) else Word.SUSPECT), strong[:1]
    if notices := case.at(Level.NOTICE):
        return Word.SUSPECT, notices[:1]
    if case.item.disclosed(plan):
        return Word.KEPT, case.at(Level.CLEAN)
    if unsettled := [f for f in case.ours if f.level is Level.DOUBT or _undecided(case, f)]:
        return Word.INCONCLUSIVE, unsettled[:1]
    if doubts := [f for f in case.doubts if _covers(f, case)]:
        return Word.INCONCLUSIVE, doubts[:1]
    deciding = [f for f in case.at(Level.CLEAN) if case.decides(f)]
    return (Word.KEPT if deciding else Word.INCONCLUSIVE), deciding


def _undecided(case: _Case, finding: Finding) -> bool:
    """Whether a sign that decides on the line said nothing, though it could have been expected to."""
    if finding.level is not Level.NOT_MEASURABLE or not case.decides(finding):
        return False
    return case.signs[finding.sign].expected(case.record.run.guest)


def _covers(doubt: Finding, case: _Case) -> bool:
    """Whether a doubt's time range covers more than a tenth of the turns that the promise rests on."""
    if doubt.since is None or doubt.until is None:
        return False
    since, until = doubt.since, doubt.until
    probe = case.item.promise
    turns = [(t.started, t.started + t.elapsed) for t in case.record.turns if t.probe == probe]
    covered = sum(max(0.0, min(end, until) - max(start, since)) for start, end in turns)
    return covered > COVERED * sum(end - start for start, end in turns)
