"""Evidence, batches and change points: right on noise, and found where there is something."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tests.builders.sign_records import Floats, wander
from vpsbench.analyzer import strength
from vpsbench.analyzer.cpu import accounting
from vpsbench.analyzer.cpu.weighing import weigh
from vpsbench.analyzer.multiplicity import ALPHA, Bar
from vpsbench.analyzer.statistics import (
    autocorrelation,
    bootstrap,
    change_point,
    e_values,
    proportions,
    sessions,
)
from vpsbench.model import Level

BAR = Bar(40 / ALPHA, 2)  # about what `standard` declares for two vCPUs
ACCUSING = {Level.NOTICE, Level.STRONG}


def bursty(
    random: np.random.Generator, count: int, mean: float, memory: float, spread: float = 1.0
) -> Floats:
    return np.clip(mean * np.exp(spread * wander(random, count, memory) - spread**2 / 2), 0, 1)


def loop(shares: Floats, start: float = 0.0, length: float = 1.0) -> accounting.LoopTimes:
    """A loop on one vCPU that loses these shares, one a bin."""
    end = np.linspace(start + length, start + length * shares.size, shares.size, dtype=np.float64)
    none = np.zeros(shares.size)
    wall = np.full(shares.size, length)
    return accounting.LoopTimes(np.asarray(end - length), end, wall, wall, shares * length, *[none] * 7)


class TestEProcess:
    def test_capital_is_the_mixture_of_the_bets(self) -> None:
        values = np.array([0.02, 0.0, 0.04])
        fortunes = [np.prod(1 + stake * (np.minimum(values / 0.02, 5) - 1)) for stake in e_values.STAKES]
        assert np.exp(e_values.log_capital(values, 0.02)[-1]) == pytest.approx(
            np.average(fortunes, weights=e_values.WEIGHTS)
        )

    def test_expected_capital_stays_one_while_the_promise_is_kept(self) -> None:
        random = np.random.default_rng(4)
        ends = [
            np.exp(e_values.log_capital(random.exponential(0.05, 5).clip(0, 1), 0.05)[-1])
            for _ in range(4000)
        ]
        assert np.mean(ends) < 1.1

    def test_ville_bounds_the_maximum_of_independent_noise(self) -> None:
        random = np.random.default_rng(5)
        reached = [
            e_values.log_capital((random.random(200) < 0.05).astype(float), 0.05).max() > np.log(20)
            for _ in range(500)
        ]
        assert np.mean(reached) <= 0.05

    def test_one_event_proves_nothing_however_large(self) -> None:
        for place in (0, 10, 29):
            values = np.full(30, 0.0005)
            values[place] = 1.0
            assert not e_values.proves(values, 0.01, BAR.capital)

    def test_an_event_over_a_batchs_border_proves_nothing(self) -> None:
        values = np.full(200, 0.0005)
        values[[70, 71, 72]] = 1.0
        assert not e_values.proves(values, 0.01, BAR.capital)

    def test_steady_loss_is_proven(self) -> None:
        assert e_values.proves(np.full(24, 0.5), 0.01, BAR.capital)
        assert e_values.proves(np.full(100, 0.02), 0.01, BAR.capital)

    def test_what_has_long_ended_is_not_proven_of_the_whole(self) -> None:
        values = np.concatenate([np.full(60, 0.05), np.zeros(600)])
        assert e_values.log_capital(values, 0.01).max() > np.log(BAR.capital)
        assert not e_values.proves(values, 0.01, BAR.capital)

    def test_interval_covers_the_mean(self) -> None:
        random = np.random.default_rng(6)
        covered = 0
        for _ in range(200):
            low, high = e_values.interval(random.beta(2, 8, 40))
            covered += low <= 0.2 <= high
        assert covered >= 190

    def test_interval_shrinks_with_more_batches(self) -> None:
        widths = [np.diff(e_values.interval(np.full(n, 0.3)))[0] for n in (10, 100, 1000)]
        assert all(a > 2 * b for a, b in pairwise(widths))

    def test_interval_of_nothing_is_everything(self) -> None:
        assert e_values.interval(np.zeros(0)) == (0.0, 1.0)


class TestCorrelationTime:
    @pytest.mark.parametrize(("memory", "true"), [(0.0, 1.0), (0.5, 3.0), (0.8, 9.0), (0.95, 39.0)])
    def test_of_known_noise(self, memory: float, true: float) -> None:
        random = np.random.default_rng(7)
        found = np.median(
            [autocorrelation.correlation_time([wander(random, 8000, memory)]) for _ in range(9)]
        )
        assert found == pytest.approx(true, rel=0.3)

    def test_a_level_that_changes_between_stretches_is_memory(self) -> None:
        random = np.random.default_rng(8)
        pieces = [random.normal(level, 0.1, 50) for level in (0.0, 3.0, 1.0, 5.0)]
        assert autocorrelation.correlation_time(pieces) > 20

    def test_a_constant_has_none(self) -> None:
        assert autocorrelation.correlation_time([np.full(100, 0.05)]) == 1.0
        assert autocorrelation.correlation_time([]) == 1.0


class TestBootstrap:
    @pytest.mark.parametrize(("memory", "true"), [(0.0, 1.0), (0.5, 3.0), (0.8, 9.0)])
    def test_the_mean_varies_as_much_as_the_noises_memory_makes_it(self, memory: float, true: float) -> None:
        random = np.random.default_rng(16)
        spreads = []
        for _ in range(20):
            noise = wander(random, 1000, memory)
            spreads.append(np.var([bootstrap.redrawn(noise, random).mean() for _ in range(200)]))
        assert np.mean(spreads) * 1000 == pytest.approx(true, rel=0.35)

    def test_draws_whole_stretches(self) -> None:
        drawn = bootstrap.redrawn(np.arange(1000.0), np.random.default_rng(17))
        assert np.mean(np.diff(drawn) == 1) > 0.9
        assert drawn.size == 1000

    def test_of_one_value(self) -> None:
        assert bootstrap.redrawn(np.ones(1), np.random.default_rng(18)).tolist() == [1.0]


class TestSessions:
    def test_turns_of_one_evening_are_one(self) -> None:
        assert sessions.sessions([0, 600, 1200]) == [[0, 1, 2]]

    def test_hours_apart_are_two(self) -> None:
        assert sessions.sessions([0, 600, 10_000, 10_600]) == [[0, 1], [2, 3]]

    def test_a_continuous_run_is_cut_into_looks_that_are_hours_apart(self) -> None:
        times = list(range(0, 5 * 3600, 600))
        found = sessions.sessions(times)
        assert len(found) == 2
        assert times[found[1][0]] - times[found[0][-1]] >= sessions.APART

    def test_strong_needs_two(self) -> None:
        steady = np.full(40, 0.3)
        once = np.linspace(0, 390, 40, dtype=np.float64)
        twice = np.concatenate([once[:30], 20_000 + once[:30]])
        assert strength.of_batches(once, steady, 0.01, BAR) is Level.NOTICE
        assert strength.of_batches(twice, np.full(60, 0.3), 0.01, BAR) is Level.STRONG
        fading = np.concatenate([np.full(30, 0.3), np.zeros(30)])
        assert strength.of_batches(twice, fading, 0.01, BAR) is Level.NOTICE
        assert strength.of_rounds([0, 30, 60], [True, False, True], 2, 2 / 3) is Level.NOTICE
        assert strength.of_rounds([0, 30, 60, 90], [True, False, False, True], 2, 2 / 3) is Level.CLEAN


class TestShareDifference:
    def test_newcombes_own_example(self) -> None:
        # Newcombe 1998, table II, contrast (a) 56/70 - 48/80, method 10.
        assert proportions.share_difference(56, 70, 48, 80, 1.959964) == pytest.approx(
            (0.0524, 0.3339), abs=1e-4
        )


class TestBatches:
    def test_never_span_a_pause(self) -> None:
        first, second = loop(np.full(30, 0.1)), loop(np.full(30, 0.2), start=100.0)
        both = accounting.LoopTimes(
            *(np.concatenate([getattr(first, c), getattr(second, c)]) for c in accounting.COLUMNS)
        )
        windows = accounting.cut(both, 7.0)
        assert both.pieces() == [(0.0, 30.0), (100.0, 130.0)]
        assert not any(s < 30 < e or s < 100 < e for s, e in zip(windows.start, windows.end, strict=True))
        assert windows.demanded.sum() == pytest.approx(60)

    def test_a_stretch_shorter_than_a_batch_is_left_out(self) -> None:
        assert accounting.cut(loop(np.full(6, 0.1)), 7.0).start.size == 0

    def test_too_few_batches_accuse_nobody_and_say_how_long_it_takes(self) -> None:
        found = weigh(loop(np.full(60, 0.5)), accounting.lost, 0.01, BAR)
        assert found.level is Level.NOT_MEASURABLE
        assert found.needed is not None
        assert found.needed >= 100


class TestFalseAlarms:
    """The quick version of docs/calibration.md: exactly the procedure that accuses."""

    @pytest.mark.parametrize("memory", [0.0, 0.5, 0.8, 0.95, 0.99])
    @pytest.mark.parametrize("seconds", [240, 3600])
    def test_nobody_is_accused_at_the_limit(self, memory: float, seconds: int) -> None:
        random = np.random.default_rng(9)
        found = [
            weigh(loop(bursty(random, seconds, 0.05, memory)), accounting.lost, 0.05, BAR).level
            for _ in range(25)
        ]
        assert not ACCUSING & set(found)

    def test_a_hidden_loss_is_proven_soon(self) -> None:
        random = np.random.default_rng(10)
        for loss in (0.1, 0.3, 0.5):
            steady = bursty(random, 300, loss, 0.0, 0.1)
            assert weigh(loop(steady, length=0.5), accounting.lost, 0.01, BAR).level is Level.NOTICE

    def test_twice_the_limit_is_proven_within_the_hour(self) -> None:
        random = np.random.default_rng(11)
        found = [
            weigh(loop(bursty(random, 3600, 0.1, 0.5)), accounting.lost, 0.05, BAR).level for _ in range(10)
        ]
        assert found.count(Level.NOTICE) >= 9


class TestKnee:
    @pytest.mark.parametrize("memory", [0.0, 0.5, 0.9, 0.99])
    @pytest.mark.parametrize("count", [30, 60, 300])
    def test_noise_has_none(self, memory: float, count: int) -> None:
        random = np.random.default_rng(12)
        for _ in range(60):
            assert (
                change_point.throttled(np.maximum(0, 1000 * (1 + 0.3 * wander(random, count, memory))), 1.0)
                is None
            )

    def test_drifts_and_swings_have_none(self) -> None:
        time = np.linspace(0, 1, 240)
        noise = 1 + 0.02 * wander(np.random.default_rng(13), 240, 0.0)
        assert change_point.throttled(1000 * (1 - 0.8 * time) * noise, 1.0) is None
        for periods in (0.25, 0.5, 1, 3):
            for phase in np.linspace(0, 1, 12):
                rates = 1000 * (1 + 0.5 * np.sin(2 * np.pi * (periods * time + phase))) * noise
                assert change_point.throttled(rates, 1.0) is None

    def test_places_it_and_sizes_the_bucket(self) -> None:
        noise = 1 + 0.05 * wander(np.random.default_rng(14), 300, 0.5)
        found = change_point.throttled(np.repeat([3000.0, 200.0], [100, 200]) * noise, 1.0)
        assert found is not None
        assert found.at == pytest.approx(100, abs=4)
        assert found.low == pytest.approx(200, rel=0.03)
        assert found.bucket == pytest.approx(280_000, rel=0.05)
        assert found.interval[0] <= found.bucket <= found.interval[1]

    def test_a_neighbours_short_visit_hides_no_step(self) -> None:
        rates = np.repeat([1.0, 0.3], [40, 68]) + 0.02 * wander(np.random.default_rng(3), 108, 0.5)
        rates[20:25] -= 0.35
        found = change_point.throttled(rates, 1.0)
        assert found is not None
        assert found.at == pytest.approx(40, abs=2)
        assert (found.high, found.low) == pytest.approx((1.0, 0.3), abs=0.05)

    def test_a_constant_has_none(self) -> None:
        assert change_point.throttled(np.full(60, 1000.0), 1.0) is None
        assert change_point.throttled(np.zeros(60), 1.0) is None
