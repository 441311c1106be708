"""What honest hosts and busy neighbours do to a share, second by second; one function each.

All keep a mean: what varies is how the share remembers itself, how heavy its tails are, what happens besides.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import ceil, log
from typing import Final

import numpy as np

from tests.builders.sign_records import Floats

DAY: Final = 86_400.0
Course = Callable[[np.random.Generator, Floats, float], Floats]


def lognormal(random: np.random.Generator, count: int, memory: float, spread: float = 1.0) -> Floats:
    """Bursty noise of mean 1 with this autocorrelation (of its logarithm) from second to second."""
    return np.asarray(np.exp(spread * _remembering(random, count, memory) - spread**2 / 2), dtype=np.float64)


def _remembering(random: np.random.Generator, count: int, memory: float) -> Floats:
    """Gaussian noise of variance 1: fresh noise, and what is left of the older, by Fourier transform."""
    if memory == 0:
        return random.normal(size=count)
    kernel = memory ** np.arange(ceil(log(1e-5) / log(memory)))
    length = count + 2 * kernel.size  # a circle so long that its end does not reach its beginning
    fresh = np.fft.rfft(random.normal(size=length)) * np.fft.rfft(kernel, length)
    found = np.fft.irfft(fresh, length)[kernel.size : kernel.size + count]
    return np.asarray(np.sqrt(1 - memory**2) * found, dtype=np.float64)


def steady(random: np.random.Generator, times: Floats, mean: float) -> Floats:  # noqa: ARG001  one of many
    """The same all the time."""
    return np.full(times.size, mean)


def autoregressive(memory: float) -> Course:
    """Lognormal bursts, as wide as e, with a memory."""
    return partial(_bursts, memory)


def _bursts(memory: float, random: np.random.Generator, times: Floats, mean: float) -> Floats:
    return mean * lognormal(random, times.size, memory)


def heavy_tails(random: np.random.Generator, times: Floats, mean: float) -> Floats:
    """Independent Lomax bursts of shape 1.5: no variance, until the share reaches 1."""
    return np.asarray(mean * 0.5 * random.pareto(1.5, times.size), dtype=np.float64)


def daily_rhythm(random: np.random.Generator, times: Floats, mean: float) -> Floats:
    """Busy evenings, whose worst hour just keeps the promise."""
    wave = 1 + 0.9 * np.sin(2 * np.pi * (times / DAY + random.random()))
    return np.asarray(mean * wave / 1.9 * lognormal(random, times.size, 0.8), dtype=np.float64)


def live_migration(random: np.random.Generator, times: Floats, mean: float) -> Floats:
    """A calm host, left once: half a minute at 40 %, then two seconds of nothing at all."""
    course = 0.3 * mean * lognormal(random, times.size, 0.5)
    at = random.uniform(times[0], times[-1])
    course[(times > at - random.uniform(10, 60)) & (times < at)] += 0.4
    course[(times >= at) & (times < at + 2)] = 1.0
    return course


def neighbour(random: np.random.Generator, times: Floats, mean: float, visit: float = 20.0) -> Floats:
    """One who is there a sixth of the time, for 20 s on the average, and takes six times the mean."""
    lengths = np.column_stack(
        [random.exponential(5 * visit, times.size), random.exponential(visit, times.size)]
    )
    edges = times[0] + np.cumsum(lengths.ravel()[: 4 + int(2 * (times[-1] - times[0]) / visit)])
    there = np.searchsorted(edges, times - random.uniform(0, visit)) % 2 == 1
    return np.asarray(6 * mean * there, dtype=np.float64)


def long_visits(random: np.random.Generator, times: Floats, mean: float) -> Floats:
    """The same for ten minutes on the average: no statistics of one session tell that from a lasting loss."""
    return neighbour(random, times, mean, 600.0)


def calm(random: np.random.Generator, times: Floats, mean: float) -> Floats:
    """A host that takes next to nothing."""
    return np.asarray(0.05 * mean * lognormal(random, times.size, 0.5), dtype=np.float64)


# Those that count as honest. Three more conditions disturb the measurement itself (``days``).
HONEST: Final[dict[str, Course]] = {
    "independent": autoregressive(0.0),
    "AR 0.5": autoregressive(0.5),
    "AR 0.8": autoregressive(0.8),
    "AR 0.95": autoregressive(0.95),
    "AR 0.99": autoregressive(0.99),
    "heavy tails": heavy_tails,
    "daily rhythm": daily_rhythm,
    "live migration": live_migration,
    "short visits": neighbour,
    "clock steps": autoregressive(0.5),
    "gaps": autoregressive(0.8),
    "busy owner": autoregressive(0.8),
}
BEYOND: Final[dict[str, Course]] = {"long visits": long_visits}
