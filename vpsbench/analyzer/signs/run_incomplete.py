"""Doubt: the run ended early, or parts of it failed.

What is missing weighs through the signs that needed it, which say "not measurable"; here it is only reported.
"""

from __future__ import annotations

from typing import Final

from vpsbench.analyzer.signs import Sign
from vpsbench.model import Finding, Level, Record, RunState, Status
from vpsbench.wording.figures import span

GOOD: Final = {Status.OK}


def look(record: Record) -> list[Finding]:
    """What went wrong, in one sentence."""
    run = record.run
    wrong = [t for t in record.turns if t.status not in GOOD]
    reasons, grounds = [], []
    if run.state is not RunState.FINISHED:
        going = "has not ended (it goes on, or was killed)"
        state = going if run.state is RunState.RUNNING else f"was {run.state}"
        reasons.append(f"the run {state} after {span(run.elapsed)} of {span(run.profile.duration)}")
        grounds.append("ended_early")
    if wrong:
        reasons.append(f"{len(wrong)} of {len(record.turns)} turns gave nothing or not all")
        grounds.append("turns_failed")
        reasons += [f"{t.probe} {t.status.replace('_', ' ')}: {t.detail}" for t in wrong[:3]]
    if not record.turns:
        reasons.append("no probe ran")
        grounds.append("no_probe_ran")
    if reasons:
        claim = f"Not all was measured: {'; '.join(reasons)}."
        return [Finding(sign=SIGN.name, level=Level.DOUBT, ground=grounds[0], claim=claim)]
    claim = f"All {len(record.turns)} turns of the profile {run.profile.name} ran, in {span(run.elapsed)}."
    return [Finding(sign=SIGN.name, level=Level.CLEAN, ground="complete", claim=claim)]


SIGN = Sign(
    name="run_incomplete",
    question="Was everything measured that was to be measured?",
    promise="measurement",
    needs=(),
    look=look,
)
