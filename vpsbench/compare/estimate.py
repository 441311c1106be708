"""A mean with its doubt, from readings that depend on each other; how steady they were; their worst hour."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, expm1, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.analyzer.statistics.autocorrelation import correlation_time
from vpsbench.model import Better

if TYPE_CHECKING:
    from vpsbench.model import Floats

MEMORIES: Final = 5.0  # a batch is at least that many autocorrelation times long
FEWEST: Final = 4  # batches below which no error is given
MOST: Final = (
    30  # batches: more would be shorter, and tell little more (Schmeiser, Operations Research 30, 1982)
)
PAUSE: Final = 5.0  # times the usual spacing end a stretch of readings
HOUR: Final = 3600.0
_LEAST_OF_AN_HOUR: Final = 0.2  # of the readings that the usual hour has; with fewer it is no hour to judge
_LEAST_HOURS: Final = 3
_LEAST_SPREAD: Final = 10  # readings; a tenth and nine tenths of fewer are just two of them


@dataclass(frozen=True, slots=True)
class Readings:
    """One figure over time: rising times in s since the run began, and as many values."""

    times: Floats
    values: Floats


@dataclass(frozen=True, slots=True)
class Hour:
    """The mean of one hour of the run that began at ``since``, s."""

    since: float
    value: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """What readings come down to.

    Args:
        value: their mean.
        error: standard error of the mean; None: too few readings, or they depend too long on each other.
        batches: on which the error rests, 0 where there is none.
        readings: how many there were.
        spread: between a tenth and nine tenths of the readings, in their own unit; None: too few.
        worst: the worst hour; None: the figure was read in fewer than three hours, or no way is worse.
    """

    value: float
    error: float | None
    batches: int
    readings: int
    spread: float | None
    worst: Hour | None

    def interval(self, chance: float = 0.05) -> tuple[float, float] | None:
        """The confidence interval of the mean; ``chance`` is that of missing it."""
        if self.error is None:
            return None
        half = student(chance, self.batches - 1) * self.error
        return self.value - half, self.value + half


def estimate(readings: Readings, better: Better) -> Estimate:
    """Brings readings down to figures.

    The error is that of batch means (Law and Kelton, Simulation Modeling and Analysis, 9.5.3): readings in
    the order of time, in batches of at least five autocorrelation times each. What wanders from turn to turn
    counts as memory and makes batches longer, or the error unknown.

    Args:
        readings: at least one.
        better: which way is better.
    """
    values = readings.values
    memory = correlation_time(_stretches(readings))
    count = min(values.size // ceil(MEMORIES * memory), MOST)
    known = count >= FEWEST
    return Estimate(
        value=float(values.mean()),
        error=_error(values, count, memory) if known else None,
        batches=count if known else 0,
        readings=values.size,
        spread=_spread(values),
        worst=_worst_hour(readings, better),
    )


def _error(values: Floats, count: int, memory: float) -> float:
    """The standard error by ``count`` batches.

    Neighbouring batches still depend on each other a little, so their spread is too small: by the factor
    below for an autoregressive series of that memory. It brings the misses of a 95 % interval
    from 8 % to 5 to 7 % (``tests/compare/test_estimate.py``).
    """
    means = np.array([part.mean() for part in np.array_split(values, count)])
    shrunk = 1 - (memory * memory - 1) / (2 * memory * (values.size / count))
    return float(means.std(ddof=1)) / sqrt(count * shrunk)


def _stretches(readings: Readings) -> list[Floats]:
    steps = np.diff(readings.times)
    if not steps.size:
        return [readings.values]
    return np.split(readings.values, np.flatnonzero(steps > PAUSE * np.median(steps)) + 1)


def _spread(values: Floats) -> float | None:
    if values.size < _LEAST_SPREAD:
        return None
    low, high = np.quantile(values, (0.1, 0.9))
    return float(high - low)


def _worst_hour(readings: Readings, better: Better) -> Hour | None:
    hours, place = np.unique(readings.times // HOUR, return_inverse=True)
    count = np.bincount(place)
    fair = count >= _LEAST_OF_AN_HOUR * np.median(count)
    if better == "neither" or fair.sum() < _LEAST_HOURS:
        return None
    means = np.where(fair, np.bincount(place, readings.values) / count, np.nan)
    worst = int(np.nanargmin(means) if better == "higher" else np.nanargmax(means))
    return Hour(float(hours[worst]) * HOUR, float(means[worst]))


def student(chance: float, freedom: float) -> float:
    """What a Student t variable exceeds, on either side, with this chance.

    Hill's expansion (Algorithm 396, Communications of the ACM 13, 1970), good to six digits from three
    degrees of freedom on.

    Args:
        chance: of both tails together, above 0 and below 1.
        freedom: degrees of freedom, at least 3.
    """
    n = freedom
    a = 1 / (n - 0.5)
    b = 48 / (a * a)
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * sqrt(a * np.pi / 2) * n
    y = float((d * chance) ** (2 / n))
    if y <= 0.05 + a:
        y = ((1 / (((n + 6) / (n * y) - 0.089 * d - 0.822) * (n + 2) * 3) + 0.5 / (n + 4)) * y - 1) * (
            n + 1
        ) / (n + 2) + 1 / y
        return float(sqrt(n * y))
    x = NormalDist().inv_cdf(chance / 2)
    y = x * x
    c += 0.3 * (n - 4.5) * (x + 0.6) if n < 5 else 0
    c += (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b
    y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
    return float(sqrt(n * expm1(a * y * y)))
