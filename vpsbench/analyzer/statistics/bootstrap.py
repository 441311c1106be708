"""The stationary bootstrap: a dependent series drawn anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vpsbench.analyzer.statistics.autocorrelation import correlation_time

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def redrawn(values: Floats, random: np.random.Generator) -> Floats:
    """As many values, drawn by the stationary bootstrap: what depends on its neighbours keeps them.

    Circular blocks of geometric length (Politis and Romano, JASA 89, 1994): on the average 1.5 times the cube
    root of the number of values, as the theory wants them to grow, and one correlation time at least.
    """
    length = max(1.5 * values.size ** (1 / 3), correlation_time([values]))
    fresh = random.random(values.size) < 1 / length
    fresh[:1] = True
    begun = np.flatnonzero(fresh)
    block = np.cumsum(fresh) - 1
    places = random.integers(0, values.size, begun.size)[block] + np.arange(values.size) - begun[block]
    return np.asarray(values[places % values.size], dtype=np.float64)
