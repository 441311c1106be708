from __future__ import annotations

import math

import pytest

from vpsbench.wording.reader import duration, figure, listed, moment, plain, quantity, sentence


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


def test_marks_that_mislead_the_eye_are_spelt_out() -> None:
    assert plain("a\u202eb\x1b[31m\u200b\ud800") == "a\\u202eb\\u001b[31m\\u200b\\ud800"
    assert plain("two\nlines") == "two lines"
    assert plain("x" * 5000, 10) == "x" * 9 + "…"


def test_small_words() -> None:
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed([]) == ""
    assert sentence("so it is") == "so it is."
    assert sentence("so it is.") == "so it is."
    assert moment(0) == "1970-01-01 00:00:00 UTC"
