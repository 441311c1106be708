"""Evidence by betting: whether a mean exceeds what was promised, and in which interval it lies.

A gambler starts with 1 and, before each batch, bets that the next value exceeds the promised mean.
While the promise is kept nobody can expect to win, so a capital of 1/alpha is reached with a chance of
at most alpha, however often one looks (Ville 1939). The capital is the evidence; the means against
which no capital could be won make the interval. Method: Waudby-Smith and Ramdas, "Estimating means of
bounded random variables by betting", JRSS B 2024. All values are shares in [0, 1]; capital is kept as a
logarithm.
"""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# Bets, as parts of the largest that cannot ruin the gambler (1 / mean), and how the first capital is divided
# among them; their mixture is a fair bet too. The best stake is about excess / (variance + excess squared),
# in parts of the mean: 0.5 to 0.95 at twice the promise, with batches that vary by a third to a half. A
# dozen stakes down to 0.005 take 3 batches more of 21 for that, and 10 of 55 at 1.5 times the promise.
STAKES: Final = np.array((0.05, 0.2, 0.45, 0.7, 0.95))
WEIGHTS: Final = np.array((0.1, 0.2, 0.25, 0.25, 0.2))
# A batch counts for at most this many times the promised mean. Cutting values off at the top can only lower
# a mean, so the bet stays fair, and one event (a live migration) cannot win it all.
CAP: Final = 5.0
REFUTED: Final = 20.0  # a capital that refutes a mean at 95 %


def log_capital(values: Floats, mean: float) -> Floats:
    """The course of the logarithm of the capital won against "the mean is at most ``mean``".

    Args:
        values: shares in [0, 1], one a batch, in the order of time.
        mean: the promised mean, above 0.
    """
    ratio = np.minimum(values / mean, CAP) - 1
    courses = np.cumsum(np.log1p(STAKES[:, None] * ratio[None, :]), axis=1)
    top = courses.max(axis=0)
    return np.asarray(top + np.log(WEIGHTS @ np.exp(courses - top)), dtype=np.float64)


def proves(values: Floats, mean: float, bar: float) -> bool:
    """Whether the values prove a mean above ``mean``.

    The capital must have reached ``bar`` at some time, must still refute ``mean`` at 95 % at the end (so that
    the lower bound of the whole stretch lies above it), and both also without the largest batch and
    its larger neighbour: one isolated event, even over a border of batches, proves nothing.
    """
    without = np.delete(values, _largest_pair(values)) if values.size else values
    return all(_wins(v, mean, bar) for v in (values, without))


def _wins(values: Floats, mean: float, bar: float) -> bool:
    if values.size == 0:
        return False
    course = log_capital(values, mean)
    return bool(course.max() >= log(bar) and course[-1] >= log(REFUTED))


def _largest_pair(values: Floats) -> list[int]:
    worst = int(values.argmax())
    beside = [i for i in (worst - 1, worst + 1) if 0 <= i < values.size]
    return [worst, *sorted(beside, key=lambda i: values[i])[-1:]]


def interval(values: Floats, alpha: float = 0.05) -> tuple[float, float]:
    """The means that the values do not refute, each side at ``alpha`` / 2; (0, 1) without values."""
    return _lowest_mean(values, alpha / 2), 1 - _lowest_mean(1 - values, alpha / 2)


def _lowest_mean(values: Floats, alpha: float) -> float:
    """The smallest mean not refuted; the capital falls as the mean rises, so halving finds it."""
    low, high = 0.0, float(values.mean()) if values.size else 0.0
    for _ in range(40):
        middle = (low + high) / 2
        if middle > 0 and log_capital(values, middle)[-1] >= log(1 / alpha):
            low = middle
        else:
            high = middle
    return low
