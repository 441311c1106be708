"""Where a vCPU's time went: parts that sum to the whole, and what each of them is made from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from tests.sign_records import Floats, build, series
from vpsbench.analyzer import ledger
from vpsbench.model import Record, Series
from vpsbench.probes._loop import GAP_NS
from vpsbench.probes._sleeper import STEP_NS, Tally, away, doze

MS = 1_000_000


def sums(**columns: float) -> dict[str, Floats]:
    return {name: np.array([float(columns.get(name, 0.0))]) for name in ledger.SUMMED}


def told(*, clock: bool = True, **columns: float) -> dict[str, float]:
    return {k: float(v[0]) for k, v in ledger.parts(sums(**columns), clock=clock).items()}


@pytest.mark.parametrize("clock", [True, False])
@pytest.mark.parametrize("watched", [0.0, 1.0])
def test_parts_sum_to_the_wanted_time_whatever_was_counted(watched: float, *, clock: bool) -> None:
    random = np.random.default_rng(1)
    columns = {name: random.uniform(0, 40, 10_000) for name in ledger.SUMMED} | {
        "wanted": np.full(10_000, 30.0)
    }
    columns["watched"] = watched * columns["wanted"]
    found = ledger.parts(columns, clock=clock)
    assert tuple(found) == ledger.PARTS
    assert sum(found.values()) == pytest.approx(columns["wanted"])
    assert all((part >= -1e-9).all() for part in found.values())


def test_steal_and_what_it_leaves_hidden_are_told_apart() -> None:
    found = told(wanted=30, gap=12, steal=9)
    assert (found["reported"], found["hidden"], found["delivered"]) == pytest.approx((9, 3, 18))


def test_without_a_steal_clock_nothing_is_reported() -> None:
    found = told(wanted=30, gap=12, steal=9, clock=False)
    assert (found["reported"], found["hidden"]) == pytest.approx((0, 12))


def test_steal_that_fell_into_the_time_of_others_of_the_guest_is_not_theirs() -> None:
    # Half of the time is the guest's own; the host takes half of each half, and shows it.
    found = told(wanted=20, own_wait=10, gap=5, steal=10)
    assert found == pytest.approx(
        {"delivered": 5, "reported": 10, "hidden": 0, "own": 5, "interrupts": 0, "unexplained": 0}
    )


def test_a_sleeper_sees_what_the_loop_cannot() -> None:
    # The host takes 8 s of 20, all of it while the competitor ran: the loop itself saw no gap.
    found = told(wanted=20, own_wait=10, away=8, watched=20)
    assert found["hidden"] == pytest.approx(8)
    assert found["own"] == pytest.approx(6)


def test_short_gaps_are_unexplained_unless_the_steal_clock_explains_them() -> None:
    assert told(wanted=20, short_gap=2)["unexplained"] == pytest.approx(2)
    assert told(wanted=20, short_gap=2, steal=2)["unexplained"] == pytest.approx(0)


def with_sleeper(record: Record, share: float) -> Record:
    def more() -> Iterator[Series]:
        for wall in record.named("cpu.loop.wall"):
            yield series("cpu.loop.away", wall.times, share * wall.values, **wall.labels)

    return replace(record, series=(*record.series, *more()))


def test_windows_take_the_sleepers_word_where_there_was_one() -> None:
    record = build({"loops": {"turns": [[0, 120]], "lost": 0.3, "own": 0.5}})
    plain = ledger.cut(ledger.bins(record), 30.0)
    watched = ledger.cut(ledger.bins(with_sleeper(record, 0.4)), 30.0)
    assert ledger.lost(plain) == pytest.approx(0.3, abs=0.01)
    assert ledger.lost(watched) == pytest.approx(0.4)
    assert watched.usable == pytest.approx(watched.wanted)


class Vcpu:
    """A vCPU that is away for a part of each period, and a competitor who delays each wake-up."""

    def __init__(self, period: int, gone: int, wait: int) -> None:
        self.now, self.waited = 0, 0
        self._period, self._gone, self._wait = period, gone, wait

    def clock(self) -> int:
        return self.now

    def own_wait(self) -> int:
        return self.waited

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1e9)
        phase = self.now % self._period
        if phase < self._gone:
            self.now += self._gone - phase
        self.now += self._wait
        self.waited += self._wait


@pytest.mark.parametrize("wait", [0, 3 * MS])
@pytest.mark.parametrize(("period", "gone"), [(100, 40), (100, 5), (10, 4), (31, 28), (250, 0), (1000, 900)])
def test_a_sleeper_counts_the_time_away_and_not_its_own_wait(period: int, gone: int, wait: int) -> None:
    vcpu, tally = Vcpu(period * MS + 7_919, gone * MS, wait), Tally.shared()
    assert tally.read() is None
    doze(tally, vcpu, 240_000 * MS, vcpu.clock, vcpu.sleep)  # type: ignore[arg-type]
    assert (tally.read() or 0) / 240e9 == pytest.approx(gone / period, abs=0.005)


def test_a_wake_up_that_is_hardly_late_is_none() -> None:
    assert away(GAP_NS - 1) == 0
    assert away(GAP_NS) == 2 * STEP_NS
    assert away(2 * GAP_NS) == STEP_NS


def test_a_tally_is_shared_between_processes() -> None:
    tally = Tally.shared()
    if (child := os.fork()) == 0:
        tally.add(5)
        os._exit(0)
    os.waitpid(child, 0)
    assert tally.read() == 5
