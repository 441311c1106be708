"""Where the border between present and vanished pages lies, on simulated histograms."""

import numpy as np
import pytest
from numpy.typing import NDArray

from vpsbench.analyzer.touches import STEPS, threshold

Floats = NDArray[np.float64]
BINS = 40 * STEPS


def histogram(latencies: Floats) -> Floats:
    bins = np.ceil(STEPS * np.log2(latencies)).astype(int)
    return np.bincount(bins, minlength=BINS).astype(float)


def latencies(
    random: np.random.Generator, count: int, usual: float, spread: float, slow: float = 0.0
) -> Floats:
    """ns; ``slow``: the share of pages that take 40 µs instead."""
    middle = np.where(random.random(count) < slow, 40_000, usual)
    return middle * np.exp(spread * random.normal(size=count))


def bin_of(ns: float) -> int:
    return int(np.ceil(STEPS * np.log2(ns))) + 1


@pytest.mark.parametrize("spread", [0.2, 0.4, 0.6])
@pytest.mark.parametrize("fault", [2, 3, 5])
def test_pages_that_are_only_cold_are_never_called_slow(spread: float, fault: float) -> None:
    random = np.random.default_rng(5)
    for _ in range(40):
        control = random.uniform(150, 600)
        cold = control * random.uniform(1, 4)
        held = histogram(latencies(random, 60_000, cold, spread))
        hot = histogram(latencies(random, 12_000, control, spread))
        border = threshold(held, hot, bin_of(cold * fault))
        assert border is None or held[border:].sum() / held.sum() < 0.005


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("taken", [0.0, 0.4])
def test_vanished_pages_are_told_apart_whatever_their_share(share: float, taken: float) -> None:
    random = np.random.default_rng(7)
    held = histogram(latencies(random, 60_000, 500, 0.3, share))
    hot = histogram(latencies(random, 12_000, 300, 0.3, taken * share))
    border = threshold(held, hot, bin_of(2000))
    assert border is not None
    assert held[border:].sum() / held.sum() == pytest.approx(share, rel=0.1)
