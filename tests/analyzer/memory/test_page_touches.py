"""Where the border between present and vanished pages lies, on simulated histograms."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.builders.sign_records import build
from vpsbench.analyzer.memory.page_touches import STEPS, Round, borders, threshold
from vpsbench.model import Record

Floats = NDArray[np.float64]
BINS = 40 * STEPS


def histogram(latencies: Floats) -> Floats:
    bins = np.ceil(STEPS * np.log2(latencies)).astype(int)
    return np.bincount(bins, minlength=BINS).astype(float)


def latencies(
    random: np.random.Generator, count: int, usual: float, spread: float, slow: float = 0.0
) -> Floats:
    """ns; ``slow``: the share of pages that take 80 µs instead."""
    middle = np.where(random.random(count) < slow, 80_000, usual)
    return middle * np.exp(spread * random.normal(size=count))


def bin_of(ns: float) -> int:
    return int(np.ceil(STEPS * np.log2(ns))) + 1


def touched(held: list[Floats], hot: Floats, warm: Floats, again: Floats | None = None) -> list[Round]:
    """Rounds with 4000 hot pages."""
    kept = histogram(hot), histogram(warm), histogram(np.zeros(0) if again is None else again)
    return [Round(100.0, histogram(one), *kept, 0.0, 0.0, 0.0, 0.0, 60.0, 0.05, 4000.0) for one in held]


def fresh(ns: float) -> Record:
    return build({"series": [{"metric": "memory.first_touch", "values": [ns * 1e-9]}]})


@pytest.mark.parametrize("spread", [0.2, 0.4, 0.6])
@pytest.mark.parametrize("fault", [1, 2, 5])
def test_pages_that_are_only_cold_are_never_called_slow(spread: float, fault: float) -> None:
    """On a machine so slow that a present page takes as long as a disk."""
    random = np.random.default_rng(5)
    for _ in range(40):
        control = random.uniform(15_000, 60_000)
        cold = control * random.uniform(1, 4)
        hot = latencies(random, 12_000, control, spread)
        rounds = touched([latencies(random, 60_000, cold, spread)], hot, hot)
        assert all(one.gain(rounds) < 0.005 for one in borders(fresh(cold * fault), rounds))
        border = threshold(rounds[0].held, rounds[0].hot, bin_of(cold * max(fault, 2)))
        assert border is None or rounds[0].held[border:].sum() / 60_000 < 0.005


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("taken", [0.0, 0.4])
def test_vanished_pages_are_told_apart_whatever_their_share(share: float, taken: float) -> None:
    random = np.random.default_rng(7)
    held = latencies(random, 60_000, 500, 0.3, share)
    hot = latencies(random, 12_000, 300, 0.3, taken * share)
    rounds = touched([held], hot, hot)
    border = borders(fresh(2000), rounds)[0]
    assert border.gain(rounds) == pytest.approx((1 - taken) * share, rel=0.1)
    assert rounds[0].held[border.group :].sum() / 60_000 == pytest.approx(share, rel=0.1)
    valley = threshold(rounds[0].held, rounds[0].hot, bin_of(2000))
    assert valley is not None
    assert rounds[0].held[valley:].sum() / 60_000 == pytest.approx(share, rel=0.1)


def test_a_slow_disk_needs_no_valley_before_it() -> None:
    """Some pages come from the host's own memory, others wait for each other: 8 µs to 90 ms without a gap."""
    random = np.random.default_rng(2)
    usual, spread = latencies(random, 5000, 1500, 0.4), 10 ** random.uniform(3.9, 7.95, 5000)
    held = np.where(random.random(5000) < 0.1, spread, usual)
    rounds = touched([held] * 4, latencies(random, 4000, 1400, 0.4), usual)
    border = borders(fresh(14_000), rounds)[0]
    assert border.gain(rounds) == pytest.approx(0.09, abs=0.02)


@pytest.mark.parametrize("times", [1.5, 2.5, 3.0, 4.0])
def test_below_a_fresh_pages_cost_pages_that_are_all_slower_are_there(times: float) -> None:
    random = np.random.default_rng(3)
    for spread in (0.15, 0.3, 0.5):
        held = [latencies(random, 5000, 300 * times, spread) for _ in range(4)]
        hot, warm = latencies(random, 4000, 300, spread), latencies(random, 40_000, 280, spread)
        rounds = touched(held, hot, warm)
        for one in borders(fresh(9000), rounds):
            assert sum(r.held[one.slow :].sum() for r in rounds) < 100


@pytest.mark.parametrize("period", [5.0, 40.0, 150.0])
def test_a_host_that_unmaps_all_pages_for_a_moment_took_none(period: float) -> None:
    """Every page is met once a period; 30 s lie between two rounds, hot pages are read in each."""
    random = np.random.default_rng(3)

    def met(count: int, share: float) -> Floats:
        return np.where(random.random(count) < share, 3000, 300) * np.exp(0.2 * random.normal(size=count))

    held = [met(5000, min(1.0, 30 / period)) for _ in range(4)]
    again = latencies(random, 120_000, 280, 0.2)
    rounds = touched(held, met(4000, 1 / period), met(120_000, 1 / period), again)
    assert len(borders(fresh(4000), rounds)) == 1


@pytest.mark.parametrize("noise", [0.0, 0.004])
def test_a_host_that_took_only_idle_pages_is_seen_below_a_fresh_pages_cost(noise: float) -> None:
    """Also where reads are interrupted as often, over a long rest, as a page was taken."""
    random = np.random.default_rng(3)

    def read(count: int) -> Floats:
        return latencies(random, count, 280, 0.2) * np.where(random.random(count) < noise, 12, 1)

    held = [np.where(random.random(5000) < 0.1, 3000, 300) * np.exp(0.2 * random.normal(size=5000))] * 4
    rounds = touched(held, read(4000), read(120_000), read(120_000))
    early = borders(fresh(4000), rounds)[-1]
    assert rounds[0].held[early.slow :].sum() / 5000 == pytest.approx(0.1, abs=0.02)
