from __future__ import annotations

import math

import pytest

from vpsbench.wording.figures import clock_text, duration, figure, moment, percent, quantity, share


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (2 * 1024**3, "B", "2 GiB"),
        (1_950_000_000, "B", "1.82 GiB"),
        (0, "B", "0 B"),
        (512_000_000, "B/s", "512 MB/s"),
        (32e-6, "s", "32 µs"),
        (0.0042, "s", "4.2 ms"),
        (7200, "s", "2 h"),
        (3012, "1/s", "3,012 1/s"),
        (12, "1", "12"),
        (5.5, None, "5.5"),
        (math.inf, "B", "unbounded B"),
    ],
)
def test_quantities_read_as_people_write_them(value: float, unit: str | None, said: str) -> None:
    assert quantity(value, unit) == said


@pytest.mark.parametrize(
    ("value", "interval", "unit", "said"),
    [
        (0.102, (0.091, 0.113), "1", "10.2 % (interval: 9.1 % to 11.3 %)"),
        (0.0003, (-0.0036, 0.0014), "1", "0.03 % (interval: -0.36 % to 0.14 %)"),
        (300_000, (300_000, math.inf), "1", "300,000 (interval: at least 300,000)"),
        (None, (1.0, 2.0), "s", "1 s to 2 s"),
        (None, None, "s", ""),
        (3.0, None, "1", "3"),
    ],
)
def test_figures_show_their_interval(
    value: float | None, interval: tuple[float, float] | None, unit: str, said: str
) -> None:
    assert figure(value, interval, unit) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59.94, "59.9 s"), (60, "1 min"), (200, "3 min 20 s"), (3600, "1 h"), (604_799, "6 d 23 h")],
)
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0000312, "0 %"), (0.000512, "0.051 %"), (0.0321, "3.21 %"), (0.514, "51 %")],
)
def test_sentences_round_to_what_one_takes_in(value: float, said: str) -> None:
    assert percent(value) == said


def test_tables_keep_three_digits() -> None:
    assert share(0.514) == "51.4 %"
    assert share(1) == "100 %"


@pytest.mark.parametrize(("seconds", "said"), [(-1, "0:00"), (545, "9:05"), (14_340, "3:59:00")])
def test_a_clock_counts_on(seconds: float, said: str) -> None:
    assert clock_text(seconds) == said


def test_a_moment_is_told_in_utc() -> None:
    assert moment(0) == "1970-01-01 00:00:00 UTC"
