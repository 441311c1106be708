"""A draft to the seller's support: the promises that were broken, and how to see that for oneself.

It says what the findings say and nothing more, doubts included: a letter that claims too much is the
easiest to dismiss.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from vpsbench.model import Alternative, Finding, Judgement, Level, PromiseVerdict, Run, Word
from vpsbench.report.account import sections
from vpsbench.wording.figures import duration, figure, moment
from vpsbench.wording.text import listed, plain, sentence

_WIDTH = 76  # columns, as mail has them


def letter(judgement: Judgement) -> str:
    """The letter; empty where no promise was broken."""
    broken = [p for p in judgement.verdict.promises if p.word is Word.BROKEN]
    return "\n".join(_lines(judgement, broken)) + "\n" if broken else ""


def _lines(judgement: Judgement, broken: list[PromiseVerdict]) -> Iterator[str]:
    run = judgement.record.run
    yield f"Subject: {_machine(run)}: {_what(broken)} not as promised"
    yield from _paragraph("Dear support team,")
    yield from _paragraph(_opening(run, len(broken)))
    for number, promise in enumerate(broken, 1):
        yield from _promise(number, promise, judgement)
    if doubts := [f.said for f in judgement.findings if f.level is Level.DOUBT]:
        yield from _paragraph("Doubts about the measurement itself:")
        for doubt in doubts:
            yield from _point(sentence(plain(doubt)))
    yield from _repeat(judgement)
    yield from _paragraph(
        "I may have overlooked something. Could you please look at it from the host's side, tell me what "
        "you find, and set right what is not as promised? If that cannot be, what do you offer instead?"
    )
    yield from ("", "Kind regards,", "[your name, your customer or contract number]")


def _machine(run: Run) -> str:
    plan = f"{plain(run.plan.name, 80)}, " if run.plan else ""
    return f"{plan}host name {plain(run.guest.hostname, 80)}"


def _what(broken: list[PromiseVerdict]) -> str:
    return listed(list(dict.fromkeys({"cpu": "CPU"}.get(p.promise, plain(p.promise)) for p in broken)))


def _opening(run: Run, count: int) -> str:
    plan = run.plan
    rented = f"the plan {plain(plan.name, 80)}" if plan else "a virtual server"
    seller = f" from {plain(plan.seller, 80)}" if plan and plan.seller else ""
    source = f" What was promised stands here: {plain(plan.source)}." if plan and plan.source else ""
    found = "one thing was" if count == 1 else f"{count} things were"
    return (
        f"I rent {rented}{seller}.{source} From {moment(run.started)} on I measured it "
        f"for {duration(run.elapsed)} with vpsbench {plain(run.guest.vpsbench, 20)}, a program that keeps "
        f"every reading. In that measurement {found} not as promised."
    )


def _promise(number: int, promise: PromiseVerdict, judgement: Judgement) -> Iterator[str]:
    yield from _paragraph(f"{number}. Promised: {sentence(plain(promise.text))}", "   ")
    yield from _point(f"Found: {sentence(plain(promise.because, 2000))}")
    for finding in judgement.findings:
        if finding.level is Level.STRONG and finding in promise.grounds:
            yield from _ground(finding, judgement.record.run)


def _ground(finding: Finding, run: Run) -> Iterator[str]:
    """The figures of one finding, and what else could explain it."""
    if said := figure(finding.measured, finding.interval, finding.unit):
        yield from _point(f"Measured: {plain(said)}.")
    if finding.since is not None:
        until = f" to {moment(run.started + finding.until)}" if finding.until is not None else " on"
        yield from _point(f"Seen from {moment(run.started + finding.since)}{until}.")
    for cause in finding.alternatives:
        yield from _point(_cause(cause))


def _cause(cause: Alternative) -> str:
    answers = {True: "was ruled out", False: "was not ruled out", None: "could not be decided from within"}
    return (
        f"Another cause, {plain(cause.cause)}, {answers[cause.ruled_out]}: {sentence(plain(cause.because))}"
    )


def _repeat(judgement: Judgement) -> Iterator[str]:
    """How the seller can measure the same."""
    repeat = next(section for section in sections(judgement) if section.name == "repeat")
    [command] = next(fact for fact in repeat.facts if fact.name == "command").lines
    yield from _paragraph(
        "You can repeat the measurement on this machine, or on another one of the same host:"
    )
    yield from ("", f"    {command}")
    yield from _paragraph(
        "PLAN.toml holds the promises above. All readings are kept, and I can send them as one file. You "
        "can check it with vpsbench verify, or with openssl and sha256sum alone. That shows that no reading "
        "was changed since it was stored. To see whether the readings themselves are true, please measure "
        "again."
    )


def _paragraph(text: str, indent: str = "") -> Iterator[str]:
    yield ""
    yield from textwrap.wrap(text, _WIDTH, subsequent_indent=indent, break_on_hyphens=False)


def _point(text: str) -> Iterator[str]:
    return iter(
        textwrap.wrap(text, _WIDTH, initial_indent="   - ", subsequent_indent="     ", break_on_hyphens=False)
    )
