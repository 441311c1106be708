"""The family of claims that a run may make against anybody, declared before it begins and stored with it.

Who looks in many places finds something somewhere. So each sign says in advance how many claims it may make
in a run of this profile on this guest under this plan. Evidence must reach their number over ``ALPHA``; that
keeps the chance that the whole report accuses wrongly below ``ALPHA`` (Bonferroni's bound, for e-values:
Vovk and Wang, Annals of Statistics 49, 2021).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vpsbench import packages
from vpsbench.analyzer import signs, stats
from vpsbench.analyzer.signs import Sign
from vpsbench.model import Guest, Plan, Profile, Record

ALPHA: Final = 0.001  # the chance that an honest seller's run is accused, over all claims together
DECLARED: Final = "claims_declared"  # the kind of the event that stores them


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


def declare(profile: Profile, guest: Guest, plan: Plan | None) -> dict[str, int]:
    """How many claims each sign may make in a run; signs that can make none are left out."""
    known = packages.collect(signs, "SIGN", Sign)
    accusing = {name: sign for name, sign in known.items() if sign.accuses and sign.promise != "measurement"}
    counts = {name: sign.claims(profile, guest, plan) for name, sign in accusing.items()}
    return {name: count for name, count in counts.items() if count}


def stored(family: Mapping[str, int]) -> str:
    """A family as the detail of its event."""
    return json.dumps(family, sort_keys=True)


def of(record: Record) -> dict[str, int]:
    """The family of a run; for records that declared none: what today's signs would have declared."""
    for event in record.events:
        if event.kind == DECLARED:
            found: dict[str, int] = json.loads(event.detail)
            return found
    run = record.run
    return declare(run.profile, run.guest, run.plan)


def bar(record: Record) -> Bar:
    """What every claim about this run has to reach."""
    return Bar(sum(of(record).values()) / ALPHA, stats.most_sessions(record.run.profile.duration))
