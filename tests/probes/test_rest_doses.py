"""Rests and reloads after a burst that ran dry."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from unittest.mock import Mock

import pytest

from vpsbench.probes import Request, disk
from vpsbench.probes.conduct import rest_doses
from vpsbench.probes.disk_file.layout import Target
from vpsbench.probes.fio.output import Totals


def bucket(high: float, low: float, size: float, seconds: int) -> list[float]:
    """What a throttle gives each second."""
    found, saved = [], size
    for _ in range(seconds):
        rate = min(high, low + saved)
        saved -= rate - low
        found.append(rate)
    return found


@pytest.mark.parametrize("rates", [[900.0] * 40, [100.0] * 5 + [900.0] * 35, [1000.0] + [900.0] * 39, [5.0]])
def test_what_does_not_fall_asks_for_no_rest(rates: list[float]) -> None:
    assert not rest_doses.fell(rates)


@pytest.mark.parametrize("seconds", [20, 45, 400])
@pytest.mark.parametrize("size", [4_000.0, 15_000.0])
def test_a_bucket_falls_however_small_a_part_of_the_load_it_serves(seconds: int, size: float) -> None:
    assert rest_doses.fell(bucket(3000, 200, size, seconds))


@pytest.mark.parametrize(("high", "low"), [(3000, 60), (3000, 200), (2500, 800), (2000, 1000)])
def test_rests_stay_below_a_full_bucket_and_reloads_empty_it(high: float, low: float) -> None:
    size = 8 * high
    plan = rest_doses.plan(bucket(high, low, size, 60), 4.0, 200.0, 1.0)
    assert plan
    rests = [rest for rest, _ in plan.doses]
    assert rests == pytest.approx([rests[0], 2 * rests[0], 4 * rests[0]])
    assert 1 <= rests[0] <= 4
    for rest, length in plan.doses:
        assert rest * low <= size
        assert sum(bucket(high, low, rest * low, length)[-2:]) == pytest.approx(2 * low, rel=0.01)


@pytest.mark.parametrize("left", [20.0, 40.0, 60.0, 200.0])
def test_all_fits_into_what_is_left_or_is_left_out(left: float) -> None:
    plan = rest_doses.plan(bucket(3000, 400, 15_000, 30), 10.0, left, 1.0)
    assert (plan is None) == (left < 30)
    if plan:
        spent = plan.drained + 1 + sum(rest + length + 1 for rest, length in plan.doses)
        assert spent <= left * 0.85 + 2


@pytest.mark.parametrize(("length", "left", "shortest"), [(17, 60, 17), (48, 49, 19), (500, 600, 530)])
def test_a_burst_leaves_time_for_the_doses_if_no_other_job_does(
    length: int, left: float, shortest: int
) -> None:
    found = rest_doses.shortened(length, left, 2.0, 1.0)
    assert min(length, shortest) <= found <= length
    assert left - found >= min(left * 0.6, 30)


def test_a_disk_that_gives_nothing_at_all_in_the_end_is_no_division_by_zero() -> None:
    rates: Sequence[float] = [3000.0] * 10 + [0.0] * 30
    assert rest_doses.fell(rates)
    assert rest_doses.plan(rates, 2.0, 200.0, 1.0) is not None


class Fake(disk._Turn):  # noqa: SLF001  the order of its jobs is what is tested
    """A turn whose fio only notes what it is asked."""

    def __init__(self, request: Request, delivered: list[float]) -> None:
        super().__init__(request, Mock())
        self.asked: list[tuple[str, int]] = []
        self._rates = {"burst": delivered}

    def _fio(self, name: str, target: Target, engine: str, length: int, budget: int = 0) -> Totals | None:
        assert (engine, budget) == ("psync", 0)
        del target
        self.asked.append((name, length))
        return None


@pytest.mark.parametrize(
    ("delivered", "seconds", "jobs"),
    [
        (bucket(3000, 200, 15_000, 45), 120.0, ["drained", "refill-1", "refill-2", "refill-4"]),
        (bucket(3000, 200, 15_000, 45), 20.0, []),
        ([900.0] * 45, 120.0, []),
    ],
)
def test_a_burst_that_fell_is_followed_by_larger_reads_and_loads_after_rests(
    monkeypatch: pytest.MonkeyPatch, delivered: list[float], seconds: float, jobs: list[str]
) -> None:
    rests: list[float] = []
    monkeypatch.setattr("vpsbench.probes.disk.time.sleep", rests.append)
    turn = Fake(Request(seconds, disk.Options(rest=2.0), 0, "/", (0,), 1), delivered)
    turn._refill(Target(Path("/data"), 1, direct=True), "psync")  # noqa: SLF001  likewise
    assert [name for name, _ in turn.asked] == jobs
    assert rests == pytest.approx([2.0, 4.0, 8.0] if jobs else [])
