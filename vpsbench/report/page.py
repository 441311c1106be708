"""What a report says, without any markup: the same sentences go to the browser and to the terminal.

Two people read it: one who is tired and has money at stake, and one who would rather dismiss it. So the
first screen answers three questions (what was found, on what grounds, what could not be told), and
every sentence names what it rests on.
"""

from __future__ import annotations

from dataclasses import dataclass

from vpsbench.model import Finding, Judgement, Level, Run, RunState, Word
from vpsbench.report.account import Section, sections
from vpsbench.report.wording import duration, figure, listed, moment, plain, sentence

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
    """A line of the promise table; ``word`` is one of ``Word``."""

    promised: str
    found: str
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

    sign: str
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
    grounds: tuple[str, ...]
    untold: tuple[str, ...]
    promises: tuple[Promise, ...]
    claims: tuple[Claim, ...]
    sections: tuple[Section, ...]


def build(judgement: Judgement) -> Page:
    """Say what a run has shown."""
    run = judgement.record.run
    claims = sorted(judgement.findings, key=lambda f: _ORDER.index(f.level))
    return Page(
        title=f"vpsbench report: {plain(run.guest.hostname, 80)}, {moment(run.started)[:10]}",
        subtitle=_subtitle(run),
        word=judgement.verdict.word,
        headline=headline(judgement),
        grounds=_grounds(judgement),
        untold=_untold(judgement),
        promises=tuple(Promise(plain(p.text), plain(p.because), p.word) for p in judgement.verdict.promises),
        claims=tuple(_claim(f, run.started) for f in claims),
        sections=sections(judgement),
    )


def headline(judgement: Judgement) -> str:
    """The verdict in one plain sentence."""
    verdict = judgement.verdict
    meant = [f"the {_meant(p.promise)}" for p in verdict.promises if p.word == verdict.word]
    what = listed(list(dict.fromkeys(meant))) or "something"
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


def _grounds(judgement: Judgement) -> tuple[str, ...]:
    """Why the verdict is what it is: its own reason, and the findings that weigh."""
    weighty = [f for level in (Level.STRONG, Level.NOTICE) for f in judgement.findings if f.level == level]
    clean = [_sign(f) for f in judgement.findings if f.level == Level.CLEAN]
    verdict = judgement.verdict
    said = [
        f"{_meant(p.promise)}: {p.because}"
        for p in verdict.promises
        if p.word == verdict.word and p.word != Word.KEPT  # what was kept stands in the table just below
    ]
    said += [f.claim for f in weighty if f.claim not in "".join(said)]
    if judgement.record.run.plan is None:
        said.append("No plan was given, so only what every seller promises could be checked.")
    if clean:
        checks = "One check" if len(clean) == 1 else f"{len(clean)} checks"
        said.append(f"{checks} found nothing wrong: {listed(clean)}.")
    return _short(said)


def _untold(judgement: Judgement) -> tuple[str, ...]:
    """What the reader must not take from this report."""
    run = judgement.record.run
    said = []
    if run.state != RunState.FINISHED:
        measured = f"{duration(run.elapsed)} of {duration(run.profile.duration)} were measured"
        said.append(f"The run did not end as planned ({run.state}): {measured}.")
    said += [f.claim for f in judgement.findings if f.level == Level.DOUBT]
    said += [
        f"{p.text}: {p.because}"
        for p in judgement.verdict.promises
        if p.word == Word.INCONCLUSIVE and p.because not in judgement.verdict.because
    ]
    said += [
        f"{a.cause} could not be excluded as a cause of “{_sign(f)}”: {a.because}"
        for f in judgement.findings
        if f.level in {Level.STRONG, Level.NOTICE}
        for a in f.alternatives
        if a.ruled_out is not True
    ]
    told = "\n".join([judgement.verdict.because, *said])  # promises quote the findings that decide them
    unknown = [f for f in judgement.findings if f.level == Level.NOT_MEASURABLE and f.claim not in told]
    said += [f.claim for f in sorted(unknown, key=lambda f: f.promised is None)]  # promises first
    if judgement.skipped:
        said.append(f"Not measured: {listed([s.probe for s in judgement.skipped])}; the reasons are below.")
    return _short(said)


def _short(said: list[str]) -> tuple[str, ...]:
    """Each sentence once, and no more of them than the first screen holds."""
    once = list(dict.fromkeys(sentence(plain(s)) for s in said if s))
    rest = len(once) - FIRST_SCREEN
    return (*once[:FIRST_SCREEN], f"And {rest} more, below.") if rest > 0 else tuple(once)


def _sign(finding: Finding) -> str:
    return plain(finding.sign, 80).replace("_", " ")


def _claim(finding: Finding, started: float) -> Claim:
    return Claim(
        sign=_sign(finding),
        level=finding.level,
        label=_LEVELS[finding.level],
        claim=plain(finding.claim),
        promised=plain(finding.promised or ""),
        measured=plain(figure(finding.measured, finding.interval, finding.unit)),
        period=_period(finding, started),
        series=tuple(plain(s, 120) for s in finding.series),
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
