"""Doubt: pyperf itself calls some of the scores unstable.

It reads what ``pyperf check`` printed after each turn, and adds no threshold. No promise rests on scores, so
the doubt has no time range: it is reported and touches no verdict.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from typing import Final

from vpsbench.analyzer.signs import Sign
from vpsbench.model import Finding, Level, Record
from vpsbench.probes.score import TIME

CHECK: Final = "pyperf check"  # the name under which the score probe keeps the output
UNTITLED: Final = "the only score of its turn"  # pyperf names scores only where there are several
_PERCENT: Final = re.compile(r"\d+%")
_ASIDE: Final = re.compile(r" \(.*?\)")


def objections(text: str) -> list[tuple[str, str]]:
    """(score, pyperf's objection without its asides) for each objection in a ``pyperf check``'s output."""
    found: list[tuple[str, str]] = []
    score = UNTITLED
    lines = text.splitlines()
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if line and below == "-" * len(line):
            score = line
        elif line.startswith("* "):
            found.append((score, _ASIDE.sub("", line[2:])))
    return found


def look(record: Record) -> list[Finding]:
    """What pyperf objects to, over all turns; or that it does not; or that it was not asked."""
    checks = [turn.raw[CHECK] for turn in record.turns if CHECK in turn.raw]
    if not checks:
        claim = "This run did not keep pyperf's own checks, so it is not known whether the scores are stable."
        return [_finding(Level.NOT_MEASURABLE, "not_checked", claim)]
    scores = {(s.labels["benchmark"], s.labels["arm"]) for s in record.named(TIME)}
    found = [objection for text in checks for objection in objections(text)]
    if not found:
        return [_finding(Level.CLEAN, "steady", f"pyperf has no objection to the {len(scores)} scores.", 0)]
    unstable = len({score for score, _ in found})
    claim = f"pyperf calls {unstable} of {len(scores)} scores unstable."
    said = _finding(Level.DOUBT, "unstable", claim, unstable)
    return [replace(said, further=" ".join(f"{reason}." for reason in _reasons(found)))]


def _reasons(found: list[tuple[str, str]]) -> list[str]:
    """Each kind of objection once, with its largest figure and the scores that it is about."""
    kinds: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for score, words in found:
        figure = _PERCENT.search(words)
        kinds[_PERCENT.sub("{}", words, count=1)].append((int(figure[0][:-1]) if figure else 0, score))
    return [_reason(kind, about) for kind, about in kinds.items()]


def _reason(kind: str, about: list[tuple[int, str]]) -> str:
    figures = {figure for figure, _ in about}
    most = f"{'up to ' if len(figures) > 1 else ''}{max(figures)} %"
    words = kind.replace("{}", most)
    return f"{words[0].upper()}{words[1:]} ({_where([score for _, score in about])})"


def _where(scores: list[str]) -> str:
    """``float and json on one vCPU, hashing on all vCPUs``."""
    arms: dict[str, list[str]] = defaultdict(list)
    for score in dict.fromkeys(scores):
        work, _, arm = score.partition(" on ")
        arms[arm].append(work)
    return ", ".join(_listed(works) + (f" on {arm}" if arm else "") for arm, works in arms.items())


def _listed(words: list[str]) -> str:
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def _finding(level: Level, ground: str, claim: str, measured: int | None = None) -> Finding:
    return Finding(
        sign=SIGN.name,
        level=level,
        ground=ground,
        claim=claim,
        measured=measured,
        unit="1",
        series=(TIME,),
    )


SIGN = Sign(
    name="score_stability",
    question="Are the scores steady enough to be compared?",
    promise="measurement",
    needs=(TIME,),
    look=look,
)
