"""A rate that falls once and for good: where its change point lies, and whether it is more than noise.

The best single step is placed by least squares. How much of the variance it explains is compared with
what the best step explains in a random walk of the same length: the longest memory that noise can
have. Noise of any shorter memory, a steady drift and a sine stay below that, so nothing about the
noise has to be estimated. Critical values were simulated (docs/method/bursts.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.analyzer.statistics import bootstrap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEWEST: Final = 3  # bins on each side of a change point
LEAST_BINS: Final = 15  # below that nothing is said
# Series are averaged into this many bins at most: fine ones place the change, coarse ones see through noise.
MOST_BINS: Final = (120, 30)
# A small bucket is used up in the first moments of a long load: so these parts of it are searched, too.
PARTS: Final = (1, 4, 16)
ASTRAY: Final = 0.1  # of what follows such a part may differ from the low rate
LEAST_DROP: Final = 0.2
LEAST_TAIL: Final = 0.2  # of the time, for which the low rate must last to the end: a dip is no throttle
# The share of variance that the best step explains in a random walk whose blips were taken out, at about
# 1 in 10,000 (1 in 3,000 for 20 bins).
EXPLAINED: Final = 0.96
# Only a limit makes a low rate so flat; then what came before may be as uneven as it likes.
FLAT: Final = 0.1  # of the low rate, by which nine in ten of its bins differ at most
EVEN: Final = 0.03  # likewise, by which their middle half does
LEAST_FLAT: Final = 15  # bins
STRAY: Final = 2  # bins that jitter may take from or give to the next ones
MOSTLY: Final = 0.9  # of the bins before it lie above it, and of its own within that
BLIP: Final = 10  # a disturbance of up to a twentieth of the time, half of this part, hides no step
RESAMPLES: Final = 400


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """A step down. Rates as the series; ``bucket`` in rate times s; ``at`` s since the series began."""

    at: float
    high: float
    low: float
    bucket: float
    interval: tuple[float, float]
    explained: float
    flat: bool = False  # found by its low rate's evenness

    @property
    def drop(self) -> float:
        """The part of the first rate that is gone after the change point."""
        return 1 - self.low / self.high if self.high > 0 else 0.0


def throttled(rates: Floats, width: float) -> ChangePoint | None:
    """Where a rate that was flat falls once and stays low to the end; None where it does not.

    Args:
        rates: one value a bin, at least ``LEAST_BINS`` of them.
        width: length of a bin, s.
    """
    parts = (rates[: -(-rates.size // part)] for part in PARTS)
    found = (
        _change_point(*_averaged(part, width, most), rates[part.size :])
        for part in parts
        for most in MOST_BINS
        if part.size >= LEAST_BINS
    )
    return next((one for one in found if one), None)


def _change_point(values: Floats, width: float, rest: Floats) -> ChangePoint | None:
    """The change point of a part of the load; in the ``rest`` after it the rate must stay as low."""
    place, explained = _step(_calmed(values))
    ceiling = _ceiling(values)
    place = ceiling or place
    high, low = _levels(values, place)
    tail = (values.size - place) / values.size
    if tail < LEAST_TAIL or high <= 0 or 1 - low / high < LEAST_DROP or not _stays(rest, high, low):
        return None
    if explained < EXPLAINED and not ceiling:
        return None
    size = bucket(values, place, width)
    least, most = _interval(values, place, width, moves=not ceiling)
    return ChangePoint(
        place * width, high, low, size, (min(least, size), max(most, size)), explained, flat=bool(ceiling)
    )


def _ceiling(values: Floats) -> int | None:
    """Where a rate falls at once to a level that it then keeps, having been above it nearly all the time."""
    level = float(np.median(values[-max(LEAST_FLAT, int(LEAST_TAIL * values.size)) :]))
    off = np.abs(_median(values, STRAY) - level) > FLAT * level
    strays = np.flatnonzero(off[: -FEWEST - 1])  # the last bins may hold the load's end
    place = int(strays[-1]) + 1 if strays.size else 0
    before, after = values[:place], off[place:]
    if place < FEWEST or after.size < LEAST_FLAT or level <= 0:
        return None
    even = np.subtract(*np.quantile(values[place:], (0.75, 0.25))) <= EVEN * level
    above = even and (before > (1 + FLAT) * level).mean() >= MOSTLY and after.mean() <= 1 - MOSTLY
    return place if above and np.median(before[-FEWEST:]) >= level / (1 - LEAST_DROP) else None


def _stays(rest: Floats, high: float, low: float) -> bool:
    """Whether what follows is the low level, nearly always and in the end: within a quarter of the step."""
    if not rest.size:
        return True
    off = np.abs(rest - low) > (high - low) / 4
    last = np.median(rest[-max(1, rest.size // 5) :])
    return bool(off.mean() <= ASTRAY and abs(last - low) <= (high - low) / 4)


def _averaged(rates: Floats, width: float, most: int) -> tuple[Floats, float]:
    """The rates in at most ``most`` bins, and the length of one."""
    factor = -(-rates.size // most)
    kept = rates[: rates.size // factor * factor]
    return kept.reshape(-1, factor).mean(axis=1), width * factor


def _calmed(values: Floats) -> Floats:
    """The running median over a tenth of the values: a neighbour's short visit is no part of a step."""
    return _median(values, values.size // BLIP // 2)


def _median(values: Floats, half: int) -> Floats:
    """The running median over ``half`` on each side."""
    padded = np.pad(values, half, mode="reflect")  # the edge itself may be an outlier
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=1)


def _step(values: Floats) -> tuple[int, float]:
    """The first place after the best step, and the share of variance that the step explains."""
    n = values.size
    counts = np.arange(FEWEST, n - FEWEST + 1)
    sums = np.cumsum(values - values.mean())
    gain = sums[counts - 1] ** 2 * n / (counts * (n - counts))
    best = int(gain.argmax())
    total = float(((values - values.mean()) ** 2).sum())
    return int(counts[best]), float(gain[best]) / total if total > 1e-12 * float((values**2).sum()) else 0.0


def _levels(values: Floats, place: int) -> tuple[float, float]:
    return float(np.median(values[:place])), float(np.median(values[place:]))


def bucket(values: Floats, place: int, seconds: float) -> float:
    """What the first stretch delivered above the second one's rate, with the bin in which it ended.

    And with one more, as the calmed values may place the end a bin too early.
    """
    low = float(np.median(values[place:]))
    return float((values[: place + 2] - low).sum()) * seconds


def _interval(values: Floats, place: int, seconds: float, *, moves: bool) -> tuple[float, float]:
    """95 % of the buckets found after each of the two stretches was drawn anew."""
    random = np.random.default_rng(0)  # the same record gives the same report
    found = []
    for _ in range(RESAMPLES):
        drawn = np.concatenate([bootstrap.redrawn(part, random) for part in (values[:place], values[place:])])
        found.append(bucket(drawn, _step(_calmed(drawn))[0] if moves else place, seconds))
    low, high = np.quantile(found, (0.025, 0.975))
    return float(low), float(high)
