"""The daily rhythm: found where days are alike, and only there. Each number is one hour's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.builders.sign_records import STARTED, Floats, build, wander
from vpsbench.analyzer.cpu.losses_by_hour import lost_by_hour
from vpsbench.analyzer.statistics import daily_rhythm
from vpsbench.analyzer.statistics.daily_rhythm import DAY, HourlyValues

RUNS = 150
Random = np.random.Generator


def noise(random: Random, hours: int, memory: float, spread: float = 0.01) -> Floats:
    return 0.05 + spread * wander(random, hours, memory)


def shifted(random: Random, hours: int) -> Floats:
    """The level changes for good, once to three times."""
    found = noise(random, hours, 0.5)
    for place in random.integers(0, hours, random.integers(1, 4)):
        found[place:] += random.normal(0, 0.05)
    return found


def one_evening(random: Random, hours: int) -> Floats:
    """One bad spell of two to six hours in the whole run."""
    found = noise(random, hours, 0.5)
    place = random.integers(0, hours - 6)
    found[place : place + random.integers(2, 7)] += 0.2
    return found


def rising(random: Random, hours: int) -> Floats:
    return noise(random, hours, 0.5) + np.linspace(0, 0.1, hours)


def skewed(random: Random, hours: int) -> Floats:
    return 0.02 * np.exp(wander(random, hours, 0.8))


def walk(random: Random, hours: int) -> Floats:
    return np.cumsum(random.normal(0, 0.003, hours))


NONE: dict[str, Callable[[Random, int], Floats]] = {
    "ar 0": lambda r, n: noise(r, n, 0.0),
    "ar 0.5": lambda r, n: noise(r, n, 0.5),
    "ar 0.9": lambda r, n: noise(r, n, 0.9),
    "ar 0.98": lambda r, n: noise(r, n, 0.98),
    "skewed": skewed,
    "walk": walk,
    "shifted": shifted,
    "one evening": one_evening,
    "rising": rising,
}


def sine(random: Random, hours: int) -> Floats:
    return noise(random, hours, 0.5) + 0.05 * np.sin(2 * np.pi * np.arange(hours) / DAY)


def evenings(random: Random, hours: int) -> Floats:
    """Four busy hours each day, whose load varies from hour to hour and day to day."""
    busy = (np.arange(hours) % DAY >= 18) & (np.arange(hours) % DAY < 22)
    return noise(random, hours, 0.5) + 0.12 * busy * np.exp(0.3 * wander(random, hours, 0.5))


def share_found(make: Callable[[Random, int], Floats], days: int, runs: int = RUNS) -> float:
    random = np.random.default_rng(days)
    courses = (HourlyValues(0, make(random, DAY * days)) for _ in range(runs))
    return float(np.mean([daily_rhythm.rhythm(c).found for c in courses]))


@pytest.mark.parametrize("days", [2, 3, 7])
@pytest.mark.parametrize("name", NONE)
def test_no_rhythm_is_found_where_there_is_none(name: str, days: int) -> None:
    # At 1 % each, more than 7 of 150 has a chance of 1 in 10,000.
    assert share_found(NONE[name], days) <= 7 / RUNS


@pytest.mark.parametrize("days", [2, 3, 7])
@pytest.mark.parametrize("make", [sine, evenings])
def test_a_rhythm_is_found(make: Callable[[Random, int], Floats], days: int) -> None:
    assert share_found(make, days) > (0.85 if days == 2 else 0.98)


def test_the_quarters_of_the_day_are_named_wherever_the_run_began() -> None:
    hours = (10 + np.arange(75)) % DAY  # from 10:00 UTC on
    lost = np.where((hours >= 21) | (hours < 3), 0.32, 0.02)
    found = daily_rhythm.rhythm(HourlyValues(10, lost))
    assert (found.worst, found.days) == (21, 3)
    assert found.shares == pytest.approx((0.32, 0.02))
    assert found.interval == pytest.approx((0.3, 0.3))
    assert found.found


def test_a_difference_too_small_to_matter_is_no_rhythm() -> None:
    lost = 0.02 + 0.004 * np.sin(2 * np.pi * np.arange(96) / DAY)
    assert daily_rhythm.chance(lost) < 0.001
    assert not daily_rhythm.rhythm(HourlyValues(0, lost)).found


def test_an_even_loss_has_no_rhythm() -> None:
    assert daily_rhythm.chance(np.full(48, 0.03)) == 1.0


def test_holes_are_no_zeros() -> None:
    lost = 0.1 + np.tile(0.1 * np.sin(2 * np.pi * np.arange(DAY) / DAY), 3)
    lost[[3, 30, 31, 70]] = np.nan
    course = HourlyValues(0, lost)
    assert course.covered == pytest.approx(68 / 72)
    assert course.at(3).size == 2
    found = daily_rhythm.rhythm(course)
    assert found.found
    assert found.shares[1] < 0.02


def test_a_quarter_of_the_day_that_was_never_seen_is_left_out() -> None:
    lost = np.tile(np.where(np.arange(DAY) < 6, np.nan, 0.1), 2)
    found = daily_rhythm.rhythm(HourlyValues(0, lost))
    assert not found.found
    assert np.isfinite(found.swing)


def test_an_interval_rests_on_days_and_covers_the_truth() -> None:
    assert daily_rhythm.mean_interval(np.array([0.1])) is None
    random = np.random.default_rng(9)
    for days in (2, 3, 7, 12):
        held = [daily_rhythm.mean_interval(0.05 + 0.01 * random.normal(size=days)) for _ in range(1000)]
        assert np.mean([h is not None and h[0] <= 0.05 <= h[1] for h in held]) > 0.93


def test_the_course_is_by_the_clock_and_leaves_quiet_hours_open() -> None:
    by_hour = [0.1 if hour == 9 else 0.0 for hour in range(DAY)]
    turns = [[600.0, 60], [3600 + 600.0, 60], [4 * 3600.0, 5], [5 * 3600 + 3570.0, 60]]
    record = build({"loops": {"turns": turns, "lost": 0.02, "vcpus": 2, "by_hour": by_hour}})
    found = lost_by_hour(record)
    assert found.first == STARTED // 3600
    assert found.values[:2] == pytest.approx([0.02, 0.12], abs=0.005)
    assert np.isnan(found.values[2:5]).all()  # the third turn is too short for a window
    assert found.values[5:] == pytest.approx([0.02, 0.02], abs=0.005)


def test_without_loops_there_is_no_course() -> None:
    assert (lost_by_hour(build({})).days, lost_by_hour(build({})).covered) == (0, 0)
