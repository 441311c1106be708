"""How long a series remembers itself."""

from __future__ import annotations

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
