"""The daily rhythm of a figure: its values by hour of the day (UTC), and whether the days are alike.

The unit is one hour of one day. All bins in it meet the same neighbours, so however many there are they count
as one value, and an interval for an hour of the day rests on as many values as there were days.

The test is by frequency. A rhythm puts its power exactly at one and two cycles a day; noise, however long it
remembers itself, a level that shifts and one bad evening put as much just beside. The power at each of the
two against that of its nearest neighbours (Fourier frequencies of whole days), both taken together as Fisher
combines tests, is compared with draws from noise whose spectrum is flat there. Shifting the days' profiles
against each other would assume that a day's end joins its beginning, and finds a rhythm in every trend;
permuting hours would assume that they forget each other. And two days can be shifted in only 24 ways.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import sqrt
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

DAY: Final = 24  # h
QUARTER: Final = 6  # h; what is called a busy or a quiet time of the day
CYCLES: Final = (1, 2)  # a day
NEAR: Final = 3  # neighbours on either side; fewer in less than four days
DRAWS: Final = 9_999
ALPHA: Final = 0.01  # the chance that a machine without a rhythm is said to have one
SWING: Final = 0.01  # the least difference between quarters of the day that is worth a word
COVERED: Final = 0.75  # of the hours must have been seen; the others are interpolated for the test
# Student's t for an interval of 95 %, by the number of values less one; more values use the last.
STUDENT: Final = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45)


@dataclass(frozen=True, slots=True)
class HourlyValues:
    """One figure for each hour by the clock from the first on, NaN where there is none.

    ``first`` counts hours since 1970, UTC. ``values`` has NaN where nothing was measured.
    """

    first: int
    values: Floats

    @property
    def days(self) -> int:
        """How many times each hour of the day was passed."""
        return self.values.size // DAY

    @property
    def covered(self) -> float:
        """The part of the hours in which something was measured."""
        return float(np.isfinite(self.values).mean()) if self.values.size else 0.0

    def at(self, hour: int) -> Floats:
        """The values of one hour of the day, one a day."""
        found = self.values[(hour - self.first) % DAY :: DAY]
        return found[np.isfinite(found)]

    def quarter(self, start: int) -> Floats:
        """The mean over the six hours from ``start`` on, for each whole day; NaN where none was seen."""
        hours = (self.first + np.arange(self.values.size)) % DAY
        inside = np.where((hours - start) % DAY < QUARTER, self.values, np.nan)
        rows = inside[: DAY * self.days].reshape(self.days, DAY)
        seen = np.isfinite(rows).sum(axis=1)
        mean: Floats = np.nansum(rows, axis=1) / np.where(seen > 0, seen, np.nan)
        return mean


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How the quarters of the day differ, over whole days.

    ``worst`` and ``best`` are the hours (UTC) at which they begin, ``shares`` their means; ``swing`` is the
    difference, with what the days leave possible (95 %). ``chance``: how often noise alone looks as regular.
    """

    days: int
    worst: int
    best: int
    shares: tuple[float, float]  # lost in the worst, in the best
    interval: tuple[float, float]
    chance: float

    @property
    def swing(self) -> float:
        """The difference between the worst and the best quarter of the day."""
        return self.shares[0] - self.shares[1]

    @property
    def regular(self) -> bool:
        """Whether the days are alike beyond chance."""
        return self.chance < ALPHA

    @property
    def found(self) -> bool:
        """Whether they are, and the hours differ by a share that matters."""
        return self.regular and self.swing >= SWING


def mean_interval(values: Floats) -> tuple[float, float] | None:
    """The interval of a mean, where each value stands for one day; None for less than two."""
    if values.size < 2:
        return None
    half = STUDENT[min(values.size, len(STUDENT) + 1) - 2] * float(values.std(ddof=1)) / sqrt(values.size)
    return float(values.mean()) - half, float(values.mean()) + half


def rhythm(found: HourlyValues) -> Rhythm:
    """Compares the days of values of two days at least, of which enough is covered."""
    quarters = {start: found.quarter(start) for start in range(DAY)}
    means = {k: float(np.nanmean(days)) for k, days in quarters.items() if np.isfinite(days).any()}
    worst, best = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
    apart = quarters[worst] - quarters[best]
    swing = means[worst] - means[best]
    low, high = mean_interval(apart[np.isfinite(apart)]) or (0.0, 1.0)
    shares = (means[worst], means[best])
    interval = (max(0.0, min(low, swing)), min(1.0, max(high, swing)))
    return Rhythm(found.days, worst, best, shares, interval, chance(_whole(found)))


def _whole(found: HourlyValues) -> Floats:
    """The whole days without holes."""
    lost = found.values[: DAY * found.days]
    seen = np.flatnonzero(np.isfinite(lost))
    return np.interp(np.arange(lost.size), seen, lost[seen])


def chance(lost: Floats) -> float:
    """How often noise without a rhythm comes back daily as much as this (a p-value).

    Args:
        lost: hour by hour, for two or more whole days.
    """
    days = lost.size // DAY
    power = np.abs(np.fft.rfft(lost - lost.mean())) ** 2
    above = DRAWS - np.searchsorted(_by_chance(days), _daily(power, days))
    return float(1 + above) / (1 + DRAWS)


@cache
def _by_chance(days: int) -> Floats:
    """What noise gives whose spectrum is flat about each cycle, in rising order."""
    noise = np.random.default_rng(days).exponential(size=(DRAWS, CYCLES[-1] * days + NEAR + 1))
    return np.sort(_daily(noise, days))


def _daily(power: Floats, days: int) -> Floats:
    """How far the power at whole cycles a day stands out; ``power`` by Fourier frequency in the last axis."""
    reach = min(NEAR, days - 1)
    found = np.zeros(power.shape[:-1])
    least = 1e-12 * power.sum(axis=-1) + np.finfo(float).tiny  # rounding, where nothing lies beside
    for at in (cycles * days for cycles in CYCLES):
        beside = power[..., at - reach : at].sum(axis=-1) + power[..., at + 1 : at + reach + 1].sum(axis=-1)
        found += np.log1p(power[..., at] / np.maximum(beside, least))
    return found
