"""Robust statistics of short, dependent series: memory length, batches, sessions, proportions."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def correlation_time(pieces: Sequence[Floats]) -> float:
    """Integrated autocorrelation time in samples, at least 1, pooled over separate stretches.

    Geyer's initial monotone positive sequence (Statistical Science 7, 1992): sums of neighbouring lags are
    added up as long as they are positive. The mean is that of all stretches together, so that a level which
    wanders from stretch to stretch counts as memory. A constant series has none.
    """
    mean = np.concatenate(pieces).mean() if pieces else 0.0
    longest = max((p.size for p in pieces), default=0)
    covariance = np.zeros(longest + longest % 2)
    for piece in pieces:
        covariance[: piece.size] += _autocovariance(piece - mean)
    if covariance.size == 0 or covariance[0] <= 1e-12 * max(mean * mean, 1e-12) * sum(p.size for p in pieces):
        return 1.0
    pairs = np.minimum.accumulate(covariance[0::2] + covariance[1::2]) / covariance[0]
    positive = pairs[: int(np.argmax(pairs <= 0))] if (pairs <= 0).any() else pairs
    return max(1.0, 2.0 * float(positive.sum()) - 1.0)


def _autocovariance(centred: Floats) -> Floats:
    """Sums of products at lags 0 to n - 1, by Fourier transform."""
    spectrum = np.fft.rfft(centred, 2 * centred.size)
    found = np.fft.irfft(spectrum * spectrum.conj(), 2 * centred.size)[: centred.size]
    return np.asarray(found, dtype=np.float64)


SESSION = 3600.0  # s, the longest stretch that counts as one session
APART = 7200.0  # s between the end of one session and the start of the next: hours, not one busy evening


def sessions(times: Sequence[float] | Floats) -> list[list[int]]:
    """Groups rising times into sessions that are hours apart, as places in ``times``.

    A session is at most an hour long; what falls into the two hours after it belongs to none, so that
    two sessions of one continuous run are separate looks and not one event seen twice.
    """
    found: list[list[int]] = []
    for place, time in enumerate(times):
        if found and time < times[found[-1][0]] + SESSION:
            found[-1].append(place)
        elif not found or time >= times[found[-1][-1]] + APART:
            found.append([place])
    return found


def most_sessions(duration: float) -> int:
    """How many sessions a run of this length (s) can have at the most: known before it begins."""
    return 1 + int(duration // APART)


def looks(duration: float) -> int:
    """How often a run of this length (s) can be looked at: as a whole, and session by session if several."""
    return 1 if (most := most_sessions(duration)) == 1 else 1 + most


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


def share_difference(k1: float, n1: float, k2: float, n2: float, z: float) -> tuple[float, float]:
    """Newcombe's score interval of k1/n1 - k2/n2 (Statistics in Medicine 17, 1998, method 10).

    Args:
        k1: hits among ``n1`` tries; fractions are fine.
        n1: above 0.
        k2: likewise for the control.
        n2: above 0.
        z: normal quantile, such as 1.96 for 95 % two-sided.
    """
    (l1, u1), (l2, u2) = wilson(k1, n1, z), wilson(k2, n2, z)
    p1, p2 = k1 / n1, k2 / n2
    below, above = sqrt((p1 - l1) ** 2 + (u2 - p2) ** 2), sqrt((u1 - p1) ** 2 + (p2 - l2) ** 2)
    return p1 - p2 - below, p1 - p2 + above


def wilson(k: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's score interval of k/n (Journal of the American Statistical Association 22, 1927)."""
    p, scale = k / n, 1 + z * z / n
    middle = (p + z * z / (2 * n)) / scale
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / scale
    return max(0.0, middle - half), min(1.0, middle + half)
