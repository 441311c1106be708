"""Doubt: the run ended early, or parts of it failed.

What is missing weighs through the signs that needed it, which say "not measurable"; here it is only reported.
"""

from __future__ import annotations

from typing import Final

from vpsbench.analyzer.signs import Sign
from vpsbench.model import Finding, Level, Record, RunState, Status
from vpsbench.wording.figures import span
from vpsbench.wording.text import sentence

GOOD: Final = {Status.OK}


def look(record: Record) -> list[Finding]:
    """What went wrong, or that nothing did."""
    run = record.run
    wrong = [t for t in record.turns if t.status not in GOOD]
    reasons: dict[str, str] = {}
    if run.state is not RunState.FINISHED:
        going = "has not ended (it goes on, or was killed)"
        state = going if run.state is RunState.RUNNING else f"was {run.state}"
        reasons["ended_early"] = f"the run {state} after {span(run.elapsed)} of {span(run.profile.duration)}"
    if wrong:
        reasons["turns_failed"] = f"{len(wrong)} of {len(record.turns)} turns gave nothing or not all"
    if not record.turns:
        reasons["no_probe_ran"] = "no probe ran"
    if reasons:
        claim = f"Not all was measured: {', and '.join(reasons.values())}."
        told = " ".join(
            sentence(f"Probe {t.probe}, {t.status.replace('_', ' ')}: {t.detail}") for t in wrong[:3]
        )
        return [_finding(Level.DOUBT, next(iter(reasons)), claim, told)]
    claim = f"Every turn of the profile {run.profile.name} ran: {len(record.turns)} in {span(run.elapsed)}."
    return [_finding(Level.CLEAN, "complete", claim)]


def _finding(level: Level, ground: str, claim: str, further: str = "") -> Finding:
    return Finding(sign=SIGN.name, level=level, ground=ground, claim=claim, further=further)


SIGN = Sign(
    name="run_incomplete",
    question="Was everything measured that was to be measured?",
    promise="measurement",
    needs=(),
    look=look,
)
