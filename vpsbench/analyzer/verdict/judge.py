"""Judges a run: asks every sign, then draws the verdict. Pure: no database, no clock, no files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from vpsbench import metrics, plugins
from vpsbench.analyzer import signs
from vpsbench.analyzer.cpu import unseen_losses
from vpsbench.analyzer.signs import Sign
from vpsbench.analyzer.verdict import declaration
from vpsbench.analyzer.verdict.conclusion import verdict
from vpsbench.metrics import Owner
from vpsbench.model import Check, Finding, Judgement, Level, Metric, Record, Skipped, Status, Turn

NOT_MEASURED: Final = "not_measured"  # the grounds of what the judge itself answers for a sign
FAILED: Final = "failed"
NOTHING: Final = {Status.UNAVAILABLE, Status.FAILED, Status.TIMED_OUT, Status.SKIPPED}


def judge(record: Record) -> Judgement:
    """All findings of all signs, the verdict that they lead to, and each skipped probe and monitor."""
    record = completed(record)
    known = plugins.collect(signs, "SIGN", Sign)
    findings = tuple(finding for sign in known.values() for finding in ask(sign, record))
    checks = tuple(Check(sign.name, sign.question, sign.promise) for sign in known.values())
    return Judgement(record, verdict(record, findings, known), findings, tuple(skipped(record)), checks)


def completed(record: Record) -> Record:
    """The record as signs look at it: with its declared claims, and estimates of losses that no loop saw."""
    return replace(unseen_losses.assuming_equal_shares(record), claims=declaration.of(record))


def ask(sign: Sign, record: Record) -> list[Finding]:
    """A sign's findings on a completed record, or one finding that says why it has none.

    A sign that fails must neither end the report nor pass for clean: its failure is a doubt.
    """
    missing = [metric for metric in sign.needs if not any(s.values.size for s in record.named(metric))]
    if missing:
        return [
            Finding(
                sign=sign.name,
                level=Level.NOT_MEASURABLE,
                claim=f"Not measured: {why_missing(record, missing[0])}.",
                ground=NOT_MEASURED,
                series=tuple(missing),
            )
        ]
    try:
        return sign.look(record)
    except Exception as error:  # noqa: BLE001  whatever failed in one sign, the others still speak; it is reported
        claim = (
            f"The sign {sign.name} itself failed ({type(error).__name__}: {error}). It says "
            "nothing about this run."
        )
        return [Finding(sign=sign.name, level=Level.DOUBT, claim=claim, ground=FAILED)]


def why_missing(record: Record, metric: Metric) -> str:
    """Why a metric has no series in this run, in words: its owners are asked, one after the other."""
    reasons = {_why(record, metric, owner) for owner in metrics.owners()[metric]}
    return "; ".join(sorted(reasons))


def _why(record: Record, metric: Metric, owner: Owner) -> str:
    if owner.kind == "probe":
        return _why_probe(record, metric, owner.name)
    reasons = [s.reason for s in _monitors(record) if s.probe == owner.name]
    if owner.kind == "monitor" and reasons:
        return f"the {owner.name} monitor: {reasons[0]}"
    return f"the {owner.name} gave no {metric.name} in this run"


def _why_probe(record: Record, metric: Metric, probe: str) -> str:
    turns = [turn for turn in record.turns if turn.probe == probe]
    if not turns and any(spec.probe == probe for spec in record.run.profile.turns):
        return f"the run ended before the {probe} probe did"
    if not turns:
        return f"this run's profile had no {probe} probe"
    reasons = [_ended(turn) for turn in turns if turn.status is not Status.OK]
    told = {f"{probe}.cached", f"{probe}.given_back"}
    reasons += [event.detail for event in record.events if event.kind in told]
    return (
        f"the {probe} probe: {reasons[0]}" if reasons else f"the {probe} probe ran, but gave no {metric.name}"
    )


def _ended(turn: Turn) -> str:
    return f"{turn.status.replace('_', ' ')}: {turn.detail}"


def skipped(record: Record) -> list[Skipped]:
    """Every probe's turn and every monitor that measured nothing, with its reason."""
    turns = [Skipped(turn.probe, _ended(turn)) for turn in record.turns if turn.status in NOTHING]
    return [*turns, *_monitors(record)]


def _monitors(record: Record) -> Iterable[Skipped]:
    """Monitors that could not read at all."""
    for event in record.events:
        if event.kind == "monitor_unavailable":
            yield Skipped(event.source, event.detail)
