"""The signs of overselling, one file each; each module defines ``SIGN``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from vpsbench.analyzer.statistics import sessions
from vpsbench.model import Finding, Guest, Metric, Plan, Profile, Record

Promise = Literal["cpu", "memory", "disk", "virtualization", "measurement"]
Claims = Callable[[Profile, Guest, Plan | None], int]


def one_claim(profile: Profile, guest: Guest, plan: Plan | None) -> int:  # noqa: ARG001  one of many ``Claims``
    """One claim, however long the run: a fact, or a notice at most."""
    return 1


def one_if(promised: Callable[[Plan], object]) -> Claims:
    """One claim where the plan makes this promise."""
    return lambda _profile, _guest, plan: int(bool(plan and promised(plan)))


def one_each_look(profile: Profile, guest: Guest, plan: Plan | None) -> int:  # noqa: ARG001  likewise
    """One about the whole run, and one about each of its sessions: what can become strong by coming back."""
    return sessions.looks(profile.duration)


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign of overselling (or, for the promise "measurement", one doubt about the run itself).

    Args:
        name: the module's name, as in the JSON contract.
        question: what a buyer would ask, in plain words.
        promise: which promise a finding weighs on.
        needs: metrics without which nothing can be said; where one of them has no series the
            analyzer answers "not measurable" with the reason, and does not call ``look``.
        look: pure; at least one finding, also when all is well: silence is never "clean".
        accuses: False where it only describes, and never finds anything worse than "clean".
        claims: how many claims it may make, told before the run; 0 where it cannot accuse (``family``).
    """

    name: str
    question: str
    promise: Promise
    needs: tuple[Metric, ...]
    look: Callable[[Record], list[Finding]]
    accuses: bool = True
    claims: Claims = one_each_look
