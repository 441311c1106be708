"""Counts what signs said of simulated days, and bounds the rate behind a count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import exp, fsum, lgamma, log
from typing import Final

from vpsbench import plugins
from vpsbench.analyzer import signs
from vpsbench.analyzer.signs import Sign
from vpsbench.analyzer.verdict.judge import ask
from vpsbench.model import Level, Record

ACCUSING: Final = (Level.NOTICE, Level.STRONG)
WEIGHT: Final = (Level.NOT_MEASURABLE, Level.CLEAN, Level.DOUBT, Level.NOTICE, Level.STRONG)
ANY: Final = "any of them"  # the worst that a whole report says


@cache
def accusing() -> dict[str, Sign]:
    """All signs that can accuse."""
    known = plugins.collect(signs, "SIGN", Sign)
    return {name: sign for name, sign in known.items() if sign.accuses and sign.promise != "measurement"}


def gravest(sign: Sign, record: Record) -> Level:
    """What a sign says of a run, at the worst."""
    return max((finding.level for finding in ask(sign, record)), key=WEIGHT.index)


@dataclass(slots=True)
class Tally:
    """How often each level was said."""

    levels: Counter[Level] = field(default_factory=Counter)

    @property
    def days(self) -> int:
        """All of them."""
        return self.levels.total()

    @property
    def judged(self) -> int:
        """Those on which the sign could tell anything."""
        return self.days - self.levels[Level.NOT_MEASURABLE]

    @property
    def accused(self) -> int:
        """Days with a notice or worse."""
        return sum(self.levels[level] for level in ACCUSING)

    @property
    def strong(self) -> int:
        """Days with strong evidence."""
        return self.levels[Level.STRONG]


Said = tuple[str, str, Level]  # sign, condition, level


def tallies(said: Iterable[Said]) -> dict[str, dict[str, Tally]]:
    """By sign, then by condition, in the order of first mention."""
    found: dict[str, dict[str, Tally]] = {}
    for sign, condition, level in said:
        found.setdefault(sign, {}).setdefault(condition, Tally()).levels[level] += 1
    return found


def together(parts: Iterable[Tally]) -> Tally:
    """All conditions as one."""
    return Tally(sum((part.levels for part in parts), Counter()))


def upper(count: int, days: int, confidence: float = 0.95) -> float:
    """The highest rate that so few leave possible, one-sided (Clopper and Pearson, Biometrika 26, 1934)."""
    low, high = count / days if days else 0.0, 1.0
    if count >= days:
        return 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _at_most(count, days, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(count: int, days: int, rate: float) -> float:
    """The chance of ``count`` or fewer of ``days``, each with a chance of ``rate``."""
    terms: Sequence[float] = [
        lgamma(days + 1) - lgamma(k + 1) - lgamma(days - k + 1) + k * log(rate) + (days - k) * log(1 - rate)
        for k in range(count + 1)
    ]
    return fsum(exp(term) for term in terms)
