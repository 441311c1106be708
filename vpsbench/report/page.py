"""What a report says, without any markup: the same sentences go to the browser and to the terminal.

Two people read it: one who is tired and has money at stake, and one who would rather dismiss it. So the
first screen answers the question, promise by promise, with the strongest picture; what could not be told
comes next, and every sentence names what it rests on.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from vpsbench.analyzer.verdict.judge import NOTHING
from vpsbench.model import Check, Finding, Judgement, Level, PromiseVerdict, Run, RunState, Word
from vpsbench.report.account import Section, sections
from vpsbench.wording.figures import duration, figure, moment
from vpsbench.wording.text import listed, plain, sentence

OURS = 2000  # characters of a text of our own, which may quote several from outside
FIRST_SCREEN = 6  # lines of a list that the first screen has room for
_ORDER = (Level.STRONG, Level.NOTICE, Level.DOUBT, Level.NOT_MEASURABLE, Level.CLEAN)
_LEVELS = {
    Level.STRONG: "strong",
    Level.NOTICE: "notice",
    Level.DOUBT: "doubt about the measurement",
    Level.NOT_MEASURABLE: "not measurable",
    Level.CLEAN: "clean",
}


@dataclass(frozen=True, slots=True)
class Promise:
    """A line of the promise table; ``word`` is one of ``Word``, ``more`` what follows the first sentence."""

    promised: str
    found: str
    more: str
    word: str


@dataclass(frozen=True, slots=True)
class Cause:
    """What else could explain a finding, and what became of that."""

    cause: str
    answer: str
    because: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A finding, ready to be read; empty texts stand for what it does not have."""

    key: str  # the sign's own name
    sign: str
    question: str  # of the sign, as a buyer would ask
    about: str  # the promise that it weighs on; "measurement": the run itself
    level: str  # a Level
    label: str  # the level in words
    claim: str
    promised: str
    measured: str
    period: str
    series: tuple[str, ...]
    beside: str  # what the causes are to the claim
    causes: tuple[Cause, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A whole report."""

    title: str
    subtitle: str
    word: str
    headline: str
    lead: str
    untold: tuple[str, ...]
    promises: tuple[Promise, ...]
    claims: tuple[Claim, ...]
    sections: tuple[Section, ...]

    def of(self, *levels: Level) -> tuple[Claim, ...]:
        """The findings about the machine at these levels."""
        return tuple(c for c in self.claims if c.level in levels and c.about != "measurement")

    @property
    def weighty(self) -> tuple[Claim, ...]:
        """What a seller would have to explain, the weightiest first."""
        return self.of(Level.STRONG, Level.NOTICE)

    @property
    def doubts(self) -> tuple[Claim, ...]:
        """Findings about the measurement itself."""
        about = "measurement"
        return tuple(c for c in self.claims if c.about == about or c.level == Level.DOUBT)

    def section(self, name: str) -> Section:
        """A part of the account."""
        return next(s for s in self.sections if s.name == name)


def build(judgement: Judgement) -> Page:
    """Say what a run has shown."""
    run = judgement.record.run
    checks = {c.sign: c for c in judgement.checks}
    claims = sorted(judgement.findings, key=lambda f: _ORDER.index(f.level))
    return Page(
        title=f"vpsbench report: {plain(run.guest.hostname, 80)}, {moment(run.started)[:10]}",
        subtitle=_subtitle(run),
        word=judgement.verdict.word,
        headline=headline(judgement),
        lead=_lead(judgement),
        untold=_untold(judgement),
        promises=tuple(_promise(p) for p in sorted(judgement.verdict.promises, key=_weight)),
        claims=tuple(_claim(f, checks.get(f.sign), run.started) for f in claims),
        sections=sections(judgement),
    )


def headline(judgement: Judgement) -> str:
    """The verdict in one plain sentence."""
    verdict = judgement.verdict
    meant = dict.fromkeys(f"the {_meant(p.promise)}" for p in verdict.promises if p.word == verdict.word)
    what = listed(list(meant)) or "something"
    if verdict.word == Word.BROKEN:
        return f"No: {what} {'were' if len(meant) > 1 else 'was'} not delivered as promised in this run."
    if verdict.word == Word.SUSPECT:
        are = "are" if len(meant) > 1 else "is"
        return f"Perhaps not: there are signs, but no proof, that {what} {are} not delivered as promised."
    if verdict.word == Word.INCONCLUSIVE:
        return "This run cannot tell whether the promises were kept."
    if judgement.record.run.plan is None:
        return "Nothing was found in this run that a seller would have to explain."
    return "Yes, as far as this run can tell: the promises that it could check were kept."


def _meant(promise: str) -> str:
    return "CPU" if promise == "cpu" else plain(promise)


def _subtitle(run: Run) -> str:
    plan = "no plan given"
    if run.plan is not None:
        seller = f" of {plain(run.plan.seller, 80)}" if run.plan.seller else ""
        plan = f"plan {plain(run.plan.name, 80)}{seller}"
    return (
        f"{plan} · machine {plain(run.guest.hostname, 80)} · {moment(run.started)}"
        f" · measured for {duration(run.elapsed)} with profile {plain(run.profile.name, 80)}"
    )


def _lead(judgement: Judgement) -> str:
    """How many checks there were and how they came out; where nothing was promised, what that means."""
    worst: dict[str, Level] = {}
    for finding in sorted(judgement.findings, key=lambda f: _ORDER.index(f.level), reverse=True):
        worst[finding.sign] = finding.level
    count = Counter(worst.values())
    said = [
        f"{number} {how}"
        for number, how in (
            (count[Level.STRONG] + count[Level.NOTICE], "found something"),
            (count[Level.CLEAN], "found nothing wrong"),
            (count[Level.DOUBT], "cast doubt on the measurement itself"),
            (count[Level.NOT_MEASURABLE], "could not be decided"),
        )
        if number
    ]
    parts = [f"Of {len(worst)} checks, {listed(said)}."] if said else []
    if judgement.record.run.plan is None:
        parts.append("No plan was given, so only what every seller promises could be checked.")
    return " ".join(parts)


def _weight(verdict: PromiseVerdict) -> int:
    return (Word.BROKEN, Word.SUSPECT, Word.KEPT, Word.INCONCLUSIVE).index(verdict.word)


def _promise(verdict: PromiseVerdict) -> Promise:
    """What was found, its first sentence apart: the table shows that first."""
    first, more = _found(verdict)
    more = f"{more} {verdict.settle}".strip()
    return Promise(plain(verdict.text), sentence(plain(first, OURS)), plain(more, OURS), verdict.word)


def _found(verdict: PromiseVerdict) -> tuple[str, str]:
    """What a promise's verdict rests on: the first finding's claim, and all that is said beside it."""
    if not verdict.grounds:
        return verdict.because, ""
    first = verdict.grounds[0]
    others = [said for said in dict.fromkeys(f.said for f in verdict.grounds) if said != first.said]
    return first.claim, " ".join(filter(None, [first.further, *others]))


def _untold(judgement: Judgement) -> tuple[str, ...]:
    """What the reader must not take from this report, beside the checks that could not be made."""
    run = judgement.record.run
    said = []
    if run.state != RunState.FINISHED:
        measured = f"{duration(run.elapsed)} of {duration(run.profile.duration)} were measured"
        planned = f"did not end as planned ({run.state})"
        said.append(f"The run {'has not ended' if run.state == RunState.RUNNING else planned}: {measured}.")
    said += [f.said for f in judgement.findings if f.level == Level.DOUBT]
    said += [
        f"“{a.cause}” could not be excluded as a cause of “{_sign(f)}”: {a.because}"
        for f in judgement.findings
        if f.level in {Level.STRONG, Level.NOTICE}
        for a in f.alternatives
        if a.ruled_out is not True
    ]
    ran = {turn.probe for turn in judgement.record.turns if turn.status not in NOTHING}
    if never := list(dict.fromkeys(s.probe for s in judgement.skipped if s.probe not in ran)):
        said.append(f"Not measured: {listed(never)}; the reasons are below.")
    return _short(said)


def _short(said: list[str]) -> tuple[str, ...]:
    """Each sentence once, and no more of them than the first screen holds."""
    once = list(dict.fromkeys(sentence(plain(s)) for s in said if s))
    rest = len(once) - FIRST_SCREEN
    return (*once[:FIRST_SCREEN], f"And {rest} more, below.") if rest > 0 else tuple(once)


def _sign(finding: Finding) -> str:
    return plain(finding.sign, 80).replace("_", " ")


def _claim(finding: Finding, check: Check | None, started: float) -> Claim:
    return Claim(
        key=finding.sign,
        sign=_sign(finding),
        question=plain(check.question) if check else "",
        about=check.promise if check else "",
        level=finding.level,
        label=_LEVELS[finding.level],
        claim=plain(finding.said, OURS),
        promised=plain(finding.promised or ""),
        measured=plain(figure(finding.measured, finding.interval, finding.unit)),
        period=_period(finding, started),
        series=tuple(plain(str(s), 120) for s in finding.series),
        beside="Taken into account:" if finding.level == Level.CLEAN else "What else could explain it:",
        causes=tuple(
            Cause(plain(a.cause), _ANSWERS[a.ruled_out], sentence(plain(a.because)))
            for a in finding.alternatives
        ),
    )


_ANSWERS = {True: "ruled out", False: "not ruled out", None: "could not be decided here"}


def _period(finding: Finding, started: float) -> str:
    """When it was seen, in the run and in the world."""
    if finding.since is None:
        return ""
    begin = moment(started + finding.since)
    if finding.until is None:
        return f"from {duration(finding.since)} into the run on ({begin})"
    end = moment(started + finding.until)
    between = f"{begin[:-4]} to {end.removeprefix(begin[:11])}"
    return f"{duration(finding.since)} to {duration(finding.until)} into the run ({between})"
