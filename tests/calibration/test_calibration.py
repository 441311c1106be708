"""A small part of the calibration, in seconds: nobody honest is accused, the oversold soon are."""

from __future__ import annotations

import numpy as np
import pytest

from tests.calibration import honest, oversold, page
from tests.calibration.__main__ import whole_day
from tests.calibration.days import QUICK, STANDARD, Machine, full_load, record
from tests.calibration.noise import HONEST, Course, autoregressive
from tests.calibration.tally import ANY, Tally, accusing, gravest, tallies, upper
from tests.places import DOCS
from vpsbench.analyzer.cpu import accounting
from vpsbench.model import Level

NAMES = tuple(accusing())


@pytest.mark.parametrize("condition", honest.CONDITIONS)
def test_an_honest_host_is_not_accused(condition: str) -> None:
    first = list(honest.CONDITIONS).index(condition)
    for number in (first, first + len(honest.CONDITIONS)):
        said = list(honest.day(number, NAMES))
        assert {c for _, c, _ in said} == {condition}
        assert not {Level.NOTICE, Level.STRONG} & {level for _, _, level in said}, said


def test_turns_on_a_core_are_no_quota() -> None:
    assert honest.gaps_day(0)[2] is Level.CLEAN


def test_twice_the_steal_allowed_is_proven_within_45_minutes() -> None:
    machine = Machine(course=autoregressive(0.5), lost=0.1, shown=True)
    random = np.random.default_rng(1)
    made = record(random, machine, full_load(45 * 60), honest.PLANS[0])
    assert gravest(accusing()["reported_steal"], made) is Level.NOTICE
    assert gravest(accusing()["hidden_steal"], made) is Level.CLEAN


def test_what_comes_back_hours_later_is_strong() -> None:
    machine = Machine(course=autoregressive(0.5), lost=0.1, swapped=0.1, cold=2.0)
    made = record(np.random.default_rng(2), machine, STANDARD, honest.PLANS[0])
    assert gravest(accusing()["hidden_steal"], made) is Level.STRONG


@pytest.mark.parametrize("sign", sorted({case.sign for case in oversold.of(NAMES)}))
def test_each_sign_sees_the_largest_effect_simulated_for_it(sign: str) -> None:
    case = [case for case in oversold.of([sign]) if " for " not in case.effect][-1]
    said = {condition: level for _, condition, level in oversold.days(case, 0)}
    assert said[f"{case.effect}|standard"] in {Level.NOTICE, Level.STRONG}


def test_a_machine_takes_what_it_is_told_to() -> None:
    machine = Machine(course=autoregressive(0.5), lost=0.05, shown=True, own=0.4)
    made = record(np.random.default_rng(3), machine, STANDARD)
    table = accounting.loaded(made)
    assert accounting.share(table, accounting.lost) == pytest.approx(0.05, rel=0.1)
    assert accounting.share(table, accounting.reported) == pytest.approx(0.05, rel=0.1)


@pytest.mark.parametrize("course", HONEST.values(), ids=HONEST)
def test_courses_keep_their_mean_and_never_fall_below_nothing(course: Course) -> None:
    times = np.arange(4000.0)
    found = np.concatenate([course(np.random.default_rng(seed), times, 0.01) for seed in range(8)])
    assert found.min() >= 0
    assert found.mean() < 0.015


def test_a_day_says_the_same_after_the_way_over_the_disk() -> None:
    quick = next(n for n in range(40) if honest.run(n, "independent").run.profile.duration == QUICK.duration)
    assert whole_day(quick)


class TestBound:
    def test_none_of_many(self) -> None:
        assert upper(0, 3000) == pytest.approx(1 - 0.05 ** (1 / 3000))
        assert upper(0, 3000) < 0.001

    def test_tables(self) -> None:
        # Clopper and Pearson's 90 % two-sided interval, upper end: 1 of 10 and 5 of 50.
        assert upper(1, 10) == pytest.approx(0.3942, abs=1e-4)
        assert upper(5, 50) == pytest.approx(0.1996, abs=1e-3)

    def test_all_of_them(self) -> None:
        assert upper(4, 4) == 1.0


def test_the_page_counts_long_visits_apart() -> None:
    said = [(name, c, Level.CLEAN) for name in (ANY, "cpu_burst") for c in ("AR 0.5", "gaps")]
    said.append((ANY, "long visits", Level.STRONG))
    found = page.Results(tallies(said), {}, [("a tool", "AR 0.5", True)], [True])
    text = page.summary(found)
    assert "| any of them | 2 | 2 | 0 |" in text
    assert "| long visits | 1 | 1 | 1 |" in text
    assert "| AR 0.5 | 100 |" in text


def test_a_tally_counts() -> None:
    tally = Tally()
    tally.levels.update([Level.NOTICE, Level.STRONG, Level.CLEAN, Level.NOT_MEASURABLE])
    assert (tally.days, tally.judged, tally.accused, tally.strong) == (4, 3, 2, 1)


def test_the_document_is_what_the_last_calibration_wrote() -> None:
    text = (DOCS / "calibration.md").read_text(encoding="utf-8")
    assert text.startswith(page.ABOUT)
    assert all(f"| {name} |" in text for name in (ANY, "hidden_steal", "reported_steal", "disk_burst"))
