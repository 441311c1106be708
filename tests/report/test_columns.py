from __future__ import annotations

import numpy as np
import pytest

from tests.builders.report_values import counter, series
from vpsbench.report.charts.columns import COLUMNS, envelope, growth


def drawn_over(rows: np.ndarray, t: float) -> bool:
    """Whether a step line through these rows shows anything at the time ``t``."""
    before = rows[rows[:, 0] <= t]
    after = rows[rows[:, 0] > t]
    return bool(len(before) and len(after) and np.isfinite(before[-1, 1]))


def test_a_week_comes_down_to_columns_that_keep_every_peak() -> None:
    times = np.arange(0.0, 604_800)
    values = np.sin(times / 9000)
    values[123_456], values[400_000] = 50, -50
    rows = envelope(times, values, (), 604_800)
    assert len(rows) <= COLUMNS + 2
    assert np.nanmax(rows[:, 3]) == 50
    assert np.nanmin(rows[:, 2]) == -50
    assert np.all((rows[:, 2] <= rows[:, 1]) & (rows[:, 1] <= rows[:, 3]))


def test_a_named_gap_stays_empty_and_starts_and_ends_on_time() -> None:
    times = np.r_[np.arange(0.0, 300), np.arange(400.0, 600)]
    rows = envelope(times, np.ones(len(times)), ((300.0, 400.0),), 600)
    assert not any(drawn_over(rows, t) for t in np.linspace(301, 399, 50))
    assert drawn_over(rows, 298)
    assert drawn_over(rows, 401)
    assert not (rows == 0)[:, 1:].any()


def test_a_pause_that_no_gap_names_is_one_all_the_same() -> None:
    times = np.r_[np.arange(100.0, 160), np.arange(400.0, 460)]
    rows = envelope(times, np.ones(len(times)), (), 600)
    assert [drawn_over(rows, t) for t in (50, 130, 250, 430, 550)] == [False, True, False, True, False]


def test_a_value_that_holds_is_drawn_through_pauses_but_not_through_gaps() -> None:
    times = np.r_[np.arange(10.0, 20), 60, 110, 210, 220]
    rows = envelope(times, np.ones(len(times)), ((120.0, 200.0),), 600, pauses=False)
    assert [drawn_over(rows, t) for t in (40, 90, 160, 215, 400)] == [True, True, False, True, False]


def test_one_single_reading_is_seen_and_only_there() -> None:
    rows = envelope(np.array([300.0]), np.array([7.0]), (), 600)
    assert drawn_over(rows, 300)
    assert not drawn_over(rows, 250)
    assert not drawn_over(rows, 350)
    assert np.nanmax(rows[:, 1]) == 7


def test_short_turns_are_wide_enough_to_be_seen_and_never_run_into_each_other() -> None:
    times = np.concatenate([start + np.arange(10.0) for start in (0, 200, 212, 400)])
    rows = envelope(times, np.ones(len(times)), ((209.5, 211.5),), 960)  # a column is 4 s
    assert (np.diff(rows[:, 0]) >= 0).all()
    short = envelope(np.array([10.0, 11, 500, 501]), np.ones(4), (), 4800)  # a column is 20 s
    assert [drawn_over(short, t) for t in (25, 45, 525, 535)] == [True, False, True, False]


def test_pauses_of_less_than_two_columns_are_no_stripes() -> None:
    hours = np.concatenate([3600.0 * hour + np.arange(180) for hour in range(168)])
    rows = envelope(hours, np.ones(len(hours)), (), 168 * 3600.0)
    assert np.isfinite(rows[:-1, 1]).all()
    day = np.concatenate([3600.0 * hour + np.arange(180) for hour in range(24)])
    assert not drawn_over(envelope(day, np.ones(len(day)), (), 86400.0), 1800)


def test_growth_skips_gaps_and_a_counter_that_runs_backwards() -> None:
    made = series(("x", "1"), [0, 1, 2, 10, 11, 12], [0, 5, 10, 900, 3, 4], ((3.0, 10.0),))
    middle, length, increase = growth(made)
    assert middle.tolist() == [0.5, 1.5, 11.5]
    assert length.tolist() == [1, 1, 1]
    assert increase.tolist() == [5, 5, 1]


def test_growth_is_the_rate_that_a_counter_was_made_from() -> None:
    times = np.arange(0.0, 10, 2)
    _, length, increase = growth(counter(("x", "1"), times, np.full(5, 3.0)))
    assert (increase / length).tolist() == pytest.approx([3, 3, 3, 3])
