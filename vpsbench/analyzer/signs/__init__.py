"""The signs of overselling, one file each; each module defines ``SIGN``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from vpsbench.analyzer.statistics import sessions
from vpsbench.model import Finding, Guest, Metric, Plan, Profile, Record

Promise = Literal["cpu", "memory", "disk", "virtualization", "measurement"]
# The lines of a promise, as a buyer would list them (``verdict.promises``).
Line = Literal[
    "vcpus",
    "cpu",
    "whole_cores",
    "cpu_burst",
    "cpu_model",
    "memory",
    "memory_held",
    "disk",
    "disk_iops",
    "disk_burst",
    "virtualization",
]
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

    All that the verdict and the next step need to know of a sign stands here; no other code names it.

    Args:
        name: the module's name, as in the JSON contract.
        question: what a buyer would ask, in plain words.
        promise: the part of the machine that its findings weigh on.
        needs: metrics without which nothing can be said. Where one of them has no series, the analyzer
            answers "not measurable" with the reason, and does not call ``look``.
        look: pure. It gives at least one finding, also when all is well: silence is never "clean".
        accuses: False where it only describes, and never finds anything worse than "clean".
        claims: how many claims it may make, told before the run; 0 where it cannot accuse (``multiplicity``).
        decides: lines of which nothing can be said without it.
        speaks_of: other lines that its findings weigh on. A sign that names no line weighs on what goes
            without saying in its part of the machine.
        expected: whether it can be expected to say something on such a guest. Elsewhere its silence leaves
            no line open.
        bounds_loss: its interval bounds the share of vCPU time that others took.
        bucket: what it counts a burst allowance in, where it looks for one: "reads".
        idle: the metric that tells for how long its memory was left alone, where that limits what it sees.
    """

    name: str
    question: str
    promise: Promise
    needs: tuple[Metric, ...]
    look: Callable[[Record], list[Finding]]
    accuses: bool = True
    claims: Claims = one_each_look
    decides: tuple[Line, ...] = ()
    speaks_of: tuple[Line, ...] = ()
    expected: Callable[[Guest], bool] = lambda _guest: True
    bounds_loss: bool = False
    bucket: str = ""
    idle: Metric | None = None
