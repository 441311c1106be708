"""Rests between pieces of work, on a clock of our own."""

from dataclasses import dataclass, field

import pytest

from vpsbench.probes.conduct.duty_cycle import DutyCycle


@dataclass
class Time:
    """Work and sleep both make it pass; ``late``: how much longer a sleep lasts than asked."""

    now: float = 1000.0
    late: float = 0.0
    slept: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.slept.append(seconds)
        self.now += seconds + self.late


def pace(time: Time, duty: float, seconds: float = float("inf")) -> DutyCycle:
    return DutyCycle(duty, seconds, time.clock, time.sleep)


@pytest.mark.parametrize("duty", [0.01, 0.3, 0.5, 0.99])
@pytest.mark.parametrize("late", [0.0, 0.2])
def test_busy_time_is_at_most_its_share_after_every_rest(duty: float, late: float) -> None:
    time = Time(late=late)
    paced, busy = pace(time, duty), 0.0
    for work in (0.001, 3.0, 0.5, 20.0):
        time.now += work
        busy += work
        paced.rest()
        assert busy / (time.now - 1000) <= duty + 1e-9
    if not late:
        assert busy / (time.now - 1000) == pytest.approx(duty), "and no less work than allowed"


def test_full_duty_never_sleeps() -> None:
    time = Time()
    paced = pace(time, 1)
    time.now += 60
    paced.rest()
    assert time.slept == []


def test_planned_idle_time_counts_as_rest() -> None:
    time = Time()
    paced = pace(time, 0.5)
    time.now += 2
    paced.rest(planned=5)
    time.now += 2
    paced.rest(planned=0.5)
    assert time.slept == [5, 2]


def test_idle_time_of_before_is_no_credit() -> None:
    time = Time()
    paced = pace(time, 0.5)
    paced.rest(planned=100)
    time.now += 1
    paced.rest()
    assert time.slept == [100, 1]


def test_a_rest_ends_with_the_turn() -> None:
    time = Time()
    paced = pace(time, 0.1, seconds=10)
    time.now += 4
    paced.rest()
    assert time.slept == [6]
    time.now += 1
    paced.rest()
    paced.rest(planned=3)
    assert time.slept == [6], "and what is over time already gets none"
