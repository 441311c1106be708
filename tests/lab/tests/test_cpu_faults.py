"""The lab's CPU faults: credit on a clock of its own, and who shares a core with whom."""

from __future__ import annotations

import os
import threading
from itertools import islice
from pathlib import Path
from statistics import mean

import pytest

from tests.lab import hog, hogs
from tests.lab.credit import LIFTED_AFTER, Bucket, Controller
from tests.lab.faults import Contention
from tests.lab.truth import Truth

STEP = 0.03  # s

# --- credit ----------------------------------------------------------------------------------------


def loaded(bucket: Bucket, seconds: float, vcpus: int = 1) -> tuple[Bucket, int]:
    """The bucket after that much full load, and how often the guest was lifted in it.

    Throttled, the guest uses its share at the beginning of each 0.1 s, as under a real quota.
    """
    used, lifted = 0.0, 0
    for ms in range(1, round(seconds * 1000) + 1):
        given = bucket.low * 0.1 - vcpus * (ms % 100) / 1000 if bucket.throttled else vcpus
        used += min(max(0.0, given), vcpus / 1000)
        if ms % round(STEP * 1000) == 0:
            later = bucket.after(STEP, used)
            lifted += bucket.throttled and not later.throttled
            bucket, used = later, 0.0
    return bucket, lifted


def test_full_speed_lasts_until_the_bucket_is_empty() -> None:
    full = Bucket(capacity=10, low=0.3, credit=10)
    assert not loaded(full, 10 / 0.7 - 2 * STEP)[0].throttled
    assert loaded(full, 10 / 0.7 + 2 * STEP)[0].throttled


@pytest.mark.parametrize(("low", "vcpus"), [(0.1, 1), (0.6, 1), (1.0, 2)])
def test_a_throttled_guest_under_load_is_not_lifted(low: float, vcpus: int) -> None:
    dry = Bucket(capacity=20, low=low, credit=0, throttled=True)
    assert loaded(dry, 60, vcpus)[1] == 0


@pytest.mark.parametrize("rest", [5.0, 10.0, 20.0])
def test_what_a_rest_brings_back_is_used_at_full_speed(rest: float) -> None:
    low = 0.3
    rested = Bucket(capacity=20, low=low, credit=0, throttled=True)
    for _ in range(round(rest / STEP)):
        rested = rested.after(STEP, 0.0)
    assert not rested.throttled
    assert rested.credit == pytest.approx(low * rest, rel=0.01)
    seconds = low * rest / (1 - low)
    assert not loaded(rested, seconds - 2 * STEP)[0].throttled
    assert loaded(rested, seconds + 2 * STEP)[0].throttled


def test_a_bucket_holds_no_more_than_it_can_and_a_short_rest_lifts_nothing() -> None:
    assert Bucket(capacity=10, low=0.5, credit=9.9).after(3, 0).credit == 10
    dry = Bucket(capacity=10, low=0.5, credit=0, throttled=True)
    assert dry.after(LIFTED_AFTER * 0.9, 0).throttled
    assert not dry.after(LIFTED_AFTER * 1.1, 0).throttled


@pytest.fixture
def unprivileged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Priorities are root's."""
    monkeypatch.setattr(os, "setpriority", lambda *_: None)


@pytest.mark.usefixtures("unprivileged")
def test_a_controller_throttles_notes_it_and_lets_go_in_the_end() -> None:
    limits: list[float | None] = []
    throttled, truth, ran = threading.Event(), Truth(), [0.0]

    def used() -> float:
        ran[0] += 1.0
        return ran[0]

    def limit(rate: float | None) -> None:
        limits.append(rate)
        throttled.set()

    controller = Controller(Bucket(capacity=2, low=0.2, credit=2), used, limit, truth)
    assert throttled.wait(30)
    controller.stop()
    assert limits == [0.2, None]
    assert truth.series["credit.throttled"][-1][1] == 1.0
    assert truth.series["credit.left"][-1][1] == 0.0


@pytest.mark.usefixtures("unprivileged")
def test_a_controllers_mistake_is_told() -> None:
    asked = threading.Event()

    def refuse(rate: float | None) -> None:
        if rate is not None:
            asked.set()
            raise OSError("no such cgroup")

    counter = iter(range(1000))
    controller = Controller(Bucket(2, 0.2, 2), lambda: float(next(counter)), refuse, Truth())
    assert asked.wait(30)
    with pytest.raises(OSError, match="no such cgroup"):
        controller.stop()


# --- contention ------------------------------------------------------------------------------------


def test_each_core_of_the_guest_gets_its_hogs_and_each_hog_a_rhythm_of_its_own() -> None:
    assert hogs.shared([71, 72], [0, 1, 2]) == {71: 0, 72: 1}
    assert hogs.shared([71, 72], [3]) == {71: 3, 72: 3}
    assert [one[2:] for one in hogs.commands([0, 1], 1, None)] == [["0"], ["1"]]
    found = hogs.commands([0, 1], 2, (0.05, 2.0))
    assert [one[2:] for one in found] == [
        ["0", "0.05", "2", "0"],
        ["0", "0.05", "2", "1"],
        ["1", "0.05", "2", "2"],
        ["1", "0.05", "2", "3"],
    ]


def test_a_hogs_rhythm_has_the_means_that_were_asked_for() -> None:
    quiet, busy = zip(*islice(hog.rhythm(on=0.5, off=2.0, seed=1), 5000), strict=True)
    assert mean(busy) == pytest.approx(0.5, rel=0.05)
    assert mean(quiet) == pytest.approx(2.0, rel=0.05)


def test_a_rhythm_needs_both_lengths() -> None:
    with pytest.raises(ValueError, match="both, or none"):
        Contention(kind="contention", on=1.0)


def test_a_hog_is_a_program_of_its_own() -> None:
    assert Path(hogs.commands([0], 1, None)[0][1]).is_file()
