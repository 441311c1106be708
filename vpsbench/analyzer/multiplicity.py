"""What evidence must reach, as many claims are looked at together.

Who looks in many places finds something somewhere. So each sign says before the run how many claims it may
make (``verdict.declaration``). Evidence must reach their number over ``ALPHA``. That keeps the chance that
the whole report accuses wrongly below ``ALPHA`` (Bonferroni's bound, for e-values: Vovk and Wang, Annals of
Statistics 49, 2021).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from vpsbench.analyzer.statistics import sessions
from vpsbench.model import Record

ALPHA: Final = 0.001  # the chance that an honest seller's run is accused, over all claims together


@dataclass(frozen=True, slots=True)
class Bar:
    """What evidence must reach: a capital won from 1, or a chance of at most ``chance``.

    Args:
        capital: claims declared over ``ALPHA``.
        sessions: how many sessions were declared as looks of their own; later ones are no evidence.
    """

    capital: float
    sessions: int

    @property
    def chance(self) -> float:
        """The chance that one claim may have of being wrong."""
        return 1 / self.capital


def bar(record: Record) -> Bar:
    """What every claim about this run has to reach.

    Raises:
        ValueError: the record is not completed, so its claims are not known.
    """
    if record.claims is None:
        raise ValueError("the record's claims are not known: complete it first (verdict.judge.completed)")
    most = sessions.most_sessions(record.run.profile.duration)
    return Bar(sum(record.claims.values()) / ALPHA, most)
