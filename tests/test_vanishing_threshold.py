"""Where the border between present and vanished pages lies, on simulated histograms."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.sign_records import build
from vpsbench.analyzer.touches import STEPS, Round, border, threshold
from vpsbench.model import Record

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


def touched(held: list[Floats], hot: Floats, warm: Floats) -> list[Round]:
    """Rounds with 4000 hot pages."""
    arms = (histogram(hot), histogram(warm))
    return [Round(100.0, histogram(one), *arms, 0.0, 0.0, 0.0, 0.0, 60.0, 0.05, 4000.0) for one in held]


def fresh(ns: float) -> Record:
    return build({"series": [{"metric": "memory.first_touch", "values": [ns * 1e-9]}]})


@pytest.mark.parametrize("times", [1.5, 2.5, 3.0, 4.0])
def test_below_a_fresh_pages_cost_pages_that_are_all_slower_are_there(times: float) -> None:
    random = np.random.default_rng(3)
    for spread in (0.15, 0.3, 0.5):
        held = [latencies(random, 5000, 300 * times, spread) for _ in range(4)]
        hot, warm = latencies(random, 4000, 300, spread), latencies(random, 40_000, 280, spread)
        first, apart = border(fresh(9000), touched(held, hot, warm))
        assert not apart or sum(histogram(one)[first:].sum() for one in held) < 100


@pytest.mark.parametrize("period", [5.0, 40.0, 150.0])
def test_a_host_that_unmaps_all_pages_for_a_moment_took_none(period: float) -> None:
    """Every page is met once a period; 30 s lie between two rounds, hot pages are read in each."""
    random = np.random.default_rng(3)

    def met(count: int, share: float) -> Floats:
        return np.where(random.random(count) < share, 3000, 300) * np.exp(0.2 * random.normal(size=count))

    held = [met(5000, min(1.0, 30 / period)) for _ in range(4)]
    _, apart = border(fresh(4000), touched(held, met(4000, 1 / period), met(120_000, 1 / period)))
    assert not apart


def test_a_host_that_took_only_idle_pages_is_seen_below_a_fresh_pages_cost() -> None:
    random = np.random.default_rng(3)
    held = [np.where(random.random(5000) < 0.3, 3000, 300) * np.exp(0.2 * random.normal(size=5000))] * 4
    hot, warm = latencies(random, 4000, 300, 0.2), latencies(random, 120_000, 280, 0.2)
    first, apart = border(fresh(4000), touched(held, hot, warm))
    assert apart
    assert histogram(held[0])[first:].sum() / 5000 == pytest.approx(0.3, abs=0.02)
