"""Where a vCPU's time went: parts that sum to the whole, and what each of them is made from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.builders.sign_records import Floats, build, series
from vpsbench.analyzer.cpu import accounting
from vpsbench.analyzer.verdict.judge import completed
from vpsbench.probes.cpu_loop import metrics as loop


def sums(**columns: float) -> dict[str, Floats]:
    return {name: np.array([float(columns.get(name, 0.0))]) for name in accounting.SUMMED}


def told(*, clock: bool = True, **columns: float) -> dict[str, float]:
    return {k: float(v[0]) for k, v in accounting.parts(sums(**columns), clock=clock).items()}


@pytest.mark.parametrize("clock", [True, False])
def test_parts_sum_to_the_demanded_time_whatever_was_counted(*, clock: bool) -> None:
    random = np.random.default_rng(1)
    columns = {name: random.uniform(0, 40, 10_000) for name in accounting.SUMMED} | {
        "demanded": np.full(10_000, 30.0)
    }
    found = accounting.parts(columns, clock=clock)
    assert tuple(found) == accounting.PARTS
    assert sum(found.values()) == pytest.approx(columns["demanded"])
    assert all((part >= -1e-9).all() for part in found.values())


def test_steal_and_what_it_leaves_hidden_are_told_apart() -> None:
    found = told(demanded=30, gap=12, steal=9)
    assert (found["reported"], found["hidden"], found["delivered"]) == pytest.approx((9, 3, 18))


def test_without_a_steal_clock_nothing_is_reported() -> None:
    found = told(demanded=30, gap=12, steal=9, clock=False)
    assert (found["reported"], found["hidden"]) == pytest.approx((0, 12))


def test_steal_that_fell_into_the_time_of_others_of_the_guest_is_not_theirs() -> None:
    # Half of the time is the guest's own; the host takes half of each half, and shows it.
    found = told(demanded=20, run_queue_delay=10, gap=5, steal=10)
    assert found == pytest.approx(
        {"delivered": 5, "reported": 10, "hidden": 0, "own": 5, "interrupts": 0, "unexplained": 0}
    )


def test_own_waits_too_short_to_hold_a_gap_are_known_to_be_our_own() -> None:
    # A monitor's work right after each gap: the loop saw all that was lost, 12 s of 20.
    found = told(demanded=20, run_queue_delay=2, gap=12)
    assert found == pytest.approx(
        {"delivered": 6, "reported": 0, "hidden": 12, "own": 2, "interrupts": 0, "unexplained": 0}
    )


def test_others_who_compete_all_along_meet_the_hosts_gaps_as_we_do() -> None:
    found = told(demanded=20, run_queue_delay=10, gap=4, imputed=4)
    assert found == pytest.approx(
        {"delivered": 6, "reported": 0, "hidden": 8, "own": 6, "interrupts": 0, "unexplained": 0}
    )


def test_short_gaps_are_unexplained_unless_the_steal_clock_explains_them() -> None:
    assert told(demanded=20, short_gap=2)["unexplained"] == pytest.approx(2)
    assert told(demanded=20, short_gap=2, steal=2)["unexplained"] == pytest.approx(0)


def test_windows_know_which_own_waits_were_seen() -> None:
    record = build({"loops": {"turns": [[0, 120]], "lost": 0.3, "own": 0.1}})
    walls = record.named(loop.WALL)
    none_long = [series("cpu.loop.long_own_wait", w.times, 0 * w.values, **w.labels) for w in walls]
    competing = accounting.cut(accounting.bins(record), 30.0)
    brief = accounting.cut(
        accounting.bins(completed(replace(record, series=(*record.series, *none_long)))), 30.0
    )
    assert accounting.lost(competing) == pytest.approx(0.3, abs=0.01)
    assert accounting.lost(brief) == pytest.approx(0.27, abs=0.01)


@pytest.mark.parametrize("uneven", [0.0, 0.015])
@pytest.mark.parametrize(("began", "lifted", "lost"), [(0, 120, 0.6), (0, 60, 0.3), (15, 120, 0.525)])
def test_a_quota_takes_as_much_of_others_of_the_guest_whomever_its_gaps_hit(
    began: int, lifted: int, lost: float, uneven: float
) -> None:
    # 60 of each 100 ms. In a second another process gets 6 times 12 ms before a gap of ours, and once 12 ms
    # and the gap: nine gaps of ten hit us, who have 86 % of the time. While it is not at work, as before a
    # bucket is empty, only the 12 ms are left.
    end = 0.1 * np.arange(1, 1201)
    ours, first = end % 1 > 0.05, (end * 10) % 10 > 3.5
    under = (end > began + 0.05) & (end <= lifted + 0.05)
    waits = np.where(ours, np.where(first, 0.012, 0), np.where(under, 0.072, 0.012))
    gaps, long = np.where(ours & under, 0.06, 0), np.where(ours, 0, waits)
    seconds = np.arange(1.0, 121)
    labels = {"vcpu": "0", "arm": "all", "duty": "1"}
    bins = {"wall": np.ones(120), "gap": by_second(gaps), "own_wait": by_second(waits)}
    bins |= {"long_own_wait": by_second(long), "own_wait_in_gaps": np.zeros(120)}
    end = end + np.random.default_rng(1).uniform(-uneven, uneven, end.size).cumsum()  # then it has no period
    minute, waited = end <= 60, np.where(ours, end - 0.085, end)
    spells = {"one_gap": (end, gaps), "one_wait": (waited, waits)}
    record = replace(
        build({}),
        series=(
            *(series(f"cpu.loop.{name}", seconds, values, **labels) for name, values in bins.items()),
            *(
                series(f"cpu.loop.{name}", at[minute & (values > 0)], values[minute & (values > 0)], **labels)
                for name, (at, values) in spells.items()
            ),
        ),
    )
    assert accounting.share(accounting.bins(completed(record)), accounting.lost) == pytest.approx(
        lost, abs=0.02
    )


def by_second(values: Floats) -> Floats:
    """The sums of ten values each."""
    return np.asarray(values.reshape(-1, 10).sum(axis=1), dtype=np.float64)


def test_own_waits_as_long_as_a_neighbours_visits_are_not_his() -> None:
    # He takes 12 ms a second; a program of the guest, 13 ms ten times a second.
    ends = np.arange(120) + 0.5
    waited = 0.1 * np.arange(1, 1200)
    labels = {"vcpu": "0", "arm": "all", "duty": "1"}
    bins = {"wall": 1.0, "gap": 0.012, "own_wait": 0.13, "long_own_wait": 0.13, "own_wait_in_gaps": 0.0}
    record = replace(
        build({}),
        series=(
            *(
                series(f"cpu.loop.{n}", np.arange(1.0, 121), np.full(120, v), **labels)
                for n, v in bins.items()
            ),
            series("cpu.loop.one_gap", ends, np.full(ends.size, 0.012), **labels),
            series("cpu.loop.one_wait", waited, np.full(waited.size, 0.013), **labels),
        ),
    )
    assert accounting.share(accounting.bins(completed(record)), accounting.lost) == pytest.approx(
        0.012 / 0.87, abs=0.001
    )
