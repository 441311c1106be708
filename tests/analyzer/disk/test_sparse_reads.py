"""Sparse reads: which of them nothing of this guest disturbed, what is slow, and how often chance accuses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.builders.sign_records import STARTED, build, wander
from vpsbench.analyzer.disk import sparse_reads
from vpsbench.analyzer.signs import disk_contention
from vpsbench.analyzer.statistics.daily_rhythm import HourlyValues
from vpsbench.model import Record

BAR = 20_000.0  # about what twenty declared claims ask for


def reads(latency: np.ndarray[Any, Any], late: float = 0.0001) -> sparse_reads.Reads:
    values = np.asarray(latency, dtype=np.float64)
    return sparse_reads.Reads(np.cumsum(0.1 + values), values, np.full(values.size, late))


def test_bounds_of_a_quantile_hold_it_as_often_as_they_say() -> None:
    random = np.random.default_rng(1)
    true = -math.log(0.01)
    samples = random.exponential(size=(400, 600))
    above = np.mean([sparse_reads.bound(one, 0.99) >= true for one in samples])
    below = np.mean([sparse_reads.lower(one, 0.99) <= true for one in samples])
    assert above >= 0.93
    assert below >= 0.93


def test_what_is_slow_is_told_from_the_calm_part_however_long_the_other_is() -> None:
    random = np.random.default_rng(2)
    calm, loud = (scale * np.exp(0.3 * random.normal(size=2000)) for scale in (0.001, 0.03))
    alone, both = sparse_reads.limit(reads(calm)), sparse_reads.limit(reads(np.concatenate([loud, calm])))
    assert alone is not None
    assert both == pytest.approx(alone, rel=0.3)
    assert sparse_reads.limit(reads(calm[:200])) is None
    assert sparse_reads.limit(reads(calm / 100)) == sparse_reads.LEAST


def test_reads_near_own_turns_and_in_busy_seconds_are_left_out() -> None:
    record = build({
        "turns": [
            {"probe": "disk", "started": 100, "elapsed": 50},
            {"probe": "cpu", "started": 10, "elapsed": 5},
        ],
        "sparse": {"parts": [{"seconds": 200}, {"seconds": 20, "own": 500}, {"seconds": 80}]},
    })  # fmt: skip
    found = sparse_reads.reads(record)
    free = sparse_reads.undisturbed(record, found)
    assert free is not None
    kept = found.at[free]
    assert not ((kept > 100) & (kept < 155)).any()
    assert not ((kept > 202) & (kept < 218)).any()
    assert ((kept > 10) & (kept < 15)).sum() > 40


def test_pauses_that_are_late_take_twice_their_share_away() -> None:
    latency = np.tile([0.05, 0.001, 0.001, 0.001], 500)
    on_time = sparse_reads.batches(reads(latency), 0.01, 5.0).slow
    late = np.tile([0.0, 0.05, 0.0, 0.0], 500)
    taken = sparse_reads.batches(
        sparse_reads.Reads(np.cumsum(0.1 + latency + late), latency, late), 0.01, 5.0
    ).slow
    assert on_time.mean() == pytest.approx(0.34, abs=0.05)
    assert taken.max() < 0.02


def test_a_read_that_takes_seconds_weighs_as_much_as_all_that_were_not_made() -> None:
    latency = np.full(400, 0.001)
    latency[200] = 10.0
    assert sparse_reads.batches(reads(latency), 0.01, 1000.0).slow.size == 0, "seen for less than half of it"
    assert sparse_reads.batches(reads(latency), 0.01, 50.0).slow.max() == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize(("memory", "spread"), [(0.0, 0.5), (0.0, 1.5), (0.9, 0.7), (0.99, 0.7)])
def test_scatter_that_comes_from_no_neighbour_is_not_accused(memory: float, spread: float) -> None:
    random, accused = np.random.default_rng(3), 0
    for _ in range(10):
        kept = reads(0.002 * np.exp(spread * wander(random, 6000, memory)))
        slow = sparse_reads.limit(kept)
        assert slow is not None
        told = disk_contention.weighed(kept, slow, sparse_reads.batches(kept, slow, 5.0), BAR)
        accused += told.proven or told.lasting >= disk_contention.LASTING
    assert accused == 0


def three_days(*parts: dict[str, float]) -> Record:
    return build({
        "run": {"elapsed": 3 * 86_400, "duration": 3 * 86_400},
        "sparse": {"every": 5.0, "times": 3, "parts": parts},
    })  # fmt: skip


def test_an_hours_p99_is_by_the_clock_and_takes_enough_reads() -> None:
    record = three_days({"seconds": 7200.0}, {"seconds": 3600.0, "median": 0.004}, {"seconds": 75_600.0})
    found = sparse_reads.hourly(record, sparse_reads.reads(record))
    assert (found.first, found.days) == (STARTED // 3600, 3)
    assert found.at(10) == pytest.approx([0.008] * 3, rel=0.2)
    assert found.at(9) == pytest.approx([0.0008] * 3, rel=0.2)
    few = sparse_reads.hourly(
        record, sparse_reads.reads(record).only(np.arange(sparse_reads.reads(record).at.size) % 3 == 0)
    )
    assert not few.covered


def test_days_that_are_alike_by_chance_only_are_no_rhythm() -> None:
    random, said = np.random.default_rng(4), 0
    for _ in range(100):
        hours = 0.01 * np.exp(0.5 * wander(random, 72, 0.8))
        said += bool(disk_contention.by_hour(HourlyValues(8, hours)))
    assert said <= 5, "at 1 % each more than 5 of 100 has a chance of 1 in 1,800"
    assert not disk_contention.by_hour(HourlyValues(8, np.tile(0.0004 + 0.0004 * (np.arange(24) < 6), 3)))
    assert not disk_contention.by_hour(HourlyValues(8, np.tile(0.01 + 0.002 * (np.arange(24) < 6), 3)))
    assert "between 08:00 and 14:00 UTC, and 10 ms" in disk_contention.by_hour(
        HourlyValues(8, np.tile(0.01 + 0.01 * (np.arange(24) < 6), 3))
    )
