"""How much weight evidence has: proven is a notice, and strong is what comes back hours later.

Batches, rounds and single proofs are weighed by the same rule, whichever sign they belong to.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final

from vpsbench.analyzer.multiplicity import Bar
from vpsbench.analyzer.statistics import e_values
from vpsbench.analyzer.statistics.sessions import sessions
from vpsbench.model import Level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpsbench.model import Floats

SHORTEST_BATCH: Final = 5.0  # s
BATCH_MEMORIES: Final = 10.0  # a batch lasts that many autocorrelation times
FEWEST_BATCHES: Final = 20  # below which nobody is accused


def of_batches(times: Floats, values: Floats, limit: float, bar: Bar) -> Level:
    """CLEAN; NOTICE when the whole or one session proves it; STRONG when it is there in two, hours apart.

    The proof bounds the chance of being wrong; coming back tells a habit from a neighbour's bad evening.
    So a session that repeats what is proven need only refute the limit at 95 % by itself.
    """
    parts = sessions(times)[: bar.sessions]
    proven = any(
        of.size >= FEWEST_BATCHES and e_values.proves(of, limit, bar.capital)
        for of in (values, *(values[part] for part in parts))
    )
    return of_proofs(proven, sum(e_values.proves(values[part], limit, e_values.REFUTED) for part in parts))


def of_proofs(proven: bool, in_sessions: int) -> Level:  # noqa: FBT001  the first of two facts, not a switch
    """How much weight evidence has: it must come back hours later to be strong."""
    if not proven:
        return Level.CLEAN
    return Level.STRONG if in_sessions >= 2 else Level.NOTICE


def of_rounds(times: Sequence[float], standing: Sequence[bool], fewest: int, part: float) -> Level:
    """The same for rounds that each stand or not: at least ``fewest``, and ``part`` of them, must stand."""

    def proven(places: Sequence[int]) -> bool:
        stood = sum(standing[i] for i in places)
        return stood >= max(fewest, ceil(part * len(places) - 1e-9))

    proofs = [proven(places) for places in sessions(times)]
    return of_proofs(any(proofs) or proven(range(len(times))), sum(proofs))
