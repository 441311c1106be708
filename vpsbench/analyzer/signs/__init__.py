"""The signs of overselling, one file each; each module defines ``SIGN``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from vpsbench.model import Finding, Record

Promise = Literal["cpu", "memory", "disk", "virtualization", "measurement"]


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign of overselling (or, for the promise "measurement", one doubt about the run itself).

    Args:
        name: the module's name, as in the JSON contract.
        question: what a buyer would ask, in plain words.
        promise: which promise a finding weighs on.
        needs: names of metrics without which nothing can be said; where one of them has no series the
            analyzer answers "not measurable" with the reason, and does not call ``look``.
        look: pure; at least one finding, also when all is well: silence is never "clean".
        accuses: False where it only describes, and never finds anything worse than "clean".
    """

    name: str
    question: str
    promise: Promise
    needs: tuple[str, ...]
    look: Callable[[Record], list[Finding]]
    accuses: bool = True
