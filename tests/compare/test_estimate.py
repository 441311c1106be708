"""How a figure's error is found: it must not be too small where readings hang together."""

from __future__ import annotations

import numpy as np
import pytest

from vpsbench.compare.estimate import Readings, estimate, student


def wandering(rng: np.random.Generator, count: int, memory: float) -> Readings:
    """An autoregressive series around 10."""
    noise = rng.normal(size=count) * np.sqrt(1 - memory * memory)
    values = np.empty(count)
    values[0] = rng.normal()
    for k in range(1, count):
        values[k] = memory * values[k - 1] + noise[k]
    return Readings(np.arange(float(count)), 10 + values)


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.8, 0.95, 0.99])
@pytest.mark.parametrize("count", [60, 170, 600])
def test_an_interval_misses_as_seldom_as_it_says(memory: float, count: int) -> None:
    rng, tries = np.random.default_rng(1), 250
    found = [estimate(wandering(rng, count, memory), "higher").interval() for _ in range(tries)]
    missed = sum(one is not None and not one[0] <= 10 <= one[1] for one in found)
    assert missed / tries < 0.05 + 3 * np.sqrt(0.05 * 0.95 / tries)  # 9 %: three standard errors above


def test_independent_readings_have_an_error_and_few_or_slow_ones_have_none() -> None:
    rng = np.random.default_rng(1)
    found = estimate(wandering(rng, 400, 0.0), "higher")
    assert found.error == pytest.approx(1 / np.sqrt(400), rel=0.5)
    assert estimate(wandering(rng, 15, 0.0), "higher").error is None
    assert estimate(wandering(rng, 400, 0.999), "higher").error is None


def test_a_level_that_differs_from_turn_to_turn_counts_as_memory() -> None:
    rng = np.random.default_rng(1)
    times = np.concatenate([turn * 3600 + np.arange(60.0) for turn in range(8)])
    steady = rng.normal(10, 0.1, times.size)
    levels = np.repeat(rng.normal(0, 1, 8), 60)
    one, other = (estimate(Readings(times, v), "higher").error for v in (steady, steady + levels))
    assert one is not None
    assert other is None or other > 10 * one


@pytest.mark.parametrize(("better", "hour"), [("higher", 2), ("lower", 4), ("neither", None)])
def test_the_worst_hour_is_the_one_that_is_worse(better: str, hour: int | None) -> None:
    times = np.arange(0, 6 * 3600.0, 60)
    level = np.where(times // 3600 == 2, 5.0, np.where(times // 3600 == 4, 20.0, 10.0))
    worst = estimate(Readings(times, level), better).worst  # type: ignore[arg-type]  # parametrized
    assert (None if worst is None else worst.since / 3600) == hour


def test_an_hour_with_hardly_a_reading_is_not_the_worst() -> None:
    times = np.append(np.arange(0, 4 * 3600.0, 60), 5 * 3600.0)
    values = np.append(np.tile([9.0, 11.0], 120), 1.0)
    worst = estimate(Readings(times, values), "higher").worst
    assert worst is not None
    assert worst.value == pytest.approx(10.0)


def test_constant_readings_have_no_error_and_no_spread() -> None:
    found = estimate(Readings(np.arange(100.0), np.full(100, 3.0)), "lower")
    assert (found.value, found.error, found.spread) == (3.0, 0.0, 0.0)


@pytest.mark.parametrize("freedom", [3, 5, 9, 29])
@pytest.mark.parametrize("chance", [0.05, 1e-3, 1e-5])
def test_a_students_quantile_leaves_its_chance_in_the_tails(chance: float, freedom: int) -> None:
    edge = student(chance, freedom)
    over = edge * np.geomspace(1, 1e6, 400_000)
    density = (1 + over * over / freedom) ** (-(freedom + 1) / 2)
    inside = np.linspace(0, edge, 400_000)
    middle = np.trapezoid((1 + inside * inside / freedom) ** (-(freedom + 1) / 2), inside)
    tail = np.trapezoid(density, over)
    assert tail / (tail + middle) == pytest.approx(chance, rel=2e-3)
