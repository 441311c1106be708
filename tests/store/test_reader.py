"""A run is read back as it was written, with what follows from it: gaps, and counters that fell."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.builders import example_run
from tests.builders.example_run import BOOT, GUEST, PLAN, PROFILE, TURN, WALL, free, steal
from vpsbench.errors import VpsbenchError
from vpsbench.model import Event, Record, Run, RunState, Sample, Series
from vpsbench.monitors import cpu_times
from vpsbench.store import reader
from vpsbench.store.writer import Collector


def _read_back(path: Path, *ticks: tuple[float, Sequence[Sample | None]], length: float = 10) -> Record:
    """A run of ticks ``(t, readings)``; None is a failed reading of memory.free."""
    with Collector(path) as collector:
        example_run.begin(collector)
        for t, readings in ticks:
            collector.add([r for r in readings if r is not None], BOOT + t)
            if None in readings:
                collector.gap("memory.free", (), BOOT + t)
            collector.commit(t)
        collector.finish(RunState.FINISHED, length)
    return reader.read(path)


def _points(series: Series) -> list[tuple[float, float]]:
    return list(zip(series.times.tolist(), series.values.tolist(), strict=True))


def test_whole_run_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Collector(path) as collector:
        number = example_run.begin(collector)
        collector.add([steal(1.5), free(2**40)], BOOT + 0.5)
        collector.commit(1)
        collector.add([steal(1.75), free(1 / 3, at=BOOT + 1.25)], BOOT + 1.5)
        collector.event("pause", "by \udcff", BOOT + 1.4)
        collector.event("clock_step", "+1 s", BOOT + 1.1)
        collector.turn(TURN)
        collector.finish(RunState.INTERRUPTED, 2.5)
    record = reader.read(path)
    assert record.run == Run(number, RunState.INTERRUPTED, WALL, 2.5, 42, PROFILE, PLAN, GUEST)
    assert [(s.metric, s.labels, _points(s), s.gaps) for s in record.series] == [
        (example_run.STEAL, {"vcpu": "0", "state": "steal"}, [(0.5, 1.5), (1.5, 1.75)], ()),
        (example_run.FREE, {}, [(0.5, 2.0**40), (1.25, 1 / 3)], ()),
    ]
    assert record.events == (
        Event(BOOT + 1.1 - BOOT, "clock_step", "+1 s"),
        Event(BOOT + 1.4 - BOOT, "pause", "by \\udcff"),
    )
    (turn,) = record.turns
    assert (turn.started, turn.elapsed, turn.status, turn.options) == (1.5, 60.25, TURN.status, TURN.options)
    assert turn.detail == "fio ended with status 1: \\udcff"
    assert turn.raw == TURN.raw


def test_several_runs_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Collector(path) as collector:
        example_run.begin(collector)
        collector.add([free(1)], BOOT)
        collector.finish(RunState.FINISHED, 5)
        example_run.begin(collector, plan=None)
        collector.add([steal(2)], BOOT)
        collector.commit(6)
    with Collector(path) as collector:
        example_run.begin(collector)
    assert [(r.id, r.state, r.elapsed, r.plan) for r in reader.runs(path)] == [
        (1, RunState.FINISHED, 5, PLAN),
        (2, RunState.RUNNING, 6, None),
        (3, RunState.RUNNING, 0, PLAN),
    ]
    assert [s.metric.name for s in reader.read(path, 1).series] == ["memory.free"]
    assert [s.metric.name for s in reader.read(path, 2).series] == ["cpu.time"]
    latest = reader.read(path)
    assert (latest.run.id, latest.series, latest.turns, latest.events) == (3, (), (), ())


def test_unknown_run_is_told_with_those_that_exist(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Collector(path) as collector:
        with pytest.raises(VpsbenchError, match="There is no run in"):
            reader.read(path)
        example_run.begin(collector)
        example_run.begin(collector)
    with pytest.raises(VpsbenchError, match="There is no run 7") as caught:
        reader.read(path, 7)
    assert "1, 2" in caught.value.hint


def test_gap_lasts_from_the_first_failed_reading_to_the_next_good_one(tmp_path: Path) -> None:
    record = _read_back(
        tmp_path / "a.db",
        (0, [None]),
        (1, [free(10)]),
        (2, [None]),
        (3, [None]),
        (4, [free(40)]),
        (5, [free(50)]),
        (6, [None]),
    )
    (series,) = record.series
    assert _points(series) == [(1, 10), (4, 40), (5, 50)]
    assert series.gaps == ((0, 1), (2, 4), (6, 10))


def test_series_that_was_never_read_has_only_a_gap(tmp_path: Path) -> None:
    (series,) = _read_back(tmp_path / "a.db", (1, [None]), (2, [None])).series
    assert series.times.size == 0
    assert series.gaps == ((1, 10),)


def test_times_rise_and_the_last_reading_of_a_time_counts(tmp_path: Path) -> None:
    late = free(15, at=BOOT + 1.5)
    record = _read_back(
        tmp_path / "a.db",
        (1, [free(10), free(11)]),
        (2, [free(20), late, None]),
        (3, [None]),
        (3, [free(30)]),
    )
    (series,) = record.series
    assert _points(series) == [(1, 11), (1.5, 15), (3, 30)]
    assert series.gaps == ((2, 3),)


def test_labels_in_another_order_are_the_same_series_and_numbers_sort_as_numbers(tmp_path: Path) -> None:
    other = Sample(cpu_times.TIME, 5, (("state", "steal"), ("vcpu", "10")))
    ticks = (0, [steal(1, 10), steal(1, 9)]), (1, [other])
    series = _read_back(tmp_path / "a.db", *ticks).series
    assert [(s.labels["vcpu"], s.values.tolist()) for s in series] == [("9", [1]), ("10", [1, 5])]


def test_counter_that_fell_is_one_event_and_its_values_stay(tmp_path: Path) -> None:
    values = [100.25, 101, 3, 5, 4]
    ticks = [(t, [steal(value), free(9 - t)]) for t, value in enumerate(values)]
    record = _read_back(tmp_path / "a.db", *ticks)
    assert record.events == (
        Event(2, "counter_backwards", "cpu.time{state=steal,vcpu=0} fell 2 times, first from 101 to 3"),
    )
    assert record.named(cpu_times.TIME)[0].values.tolist() == values


def test_run_of_more_ticks_than_are_read_at_once(tmp_path: Path) -> None:
    ticks = 1300
    with Collector(tmp_path / "a.db") as collector:
        example_run.begin(collector)
        for n in range(ticks):
            collector.add([steal(n + vcpu, vcpu) for vcpu in range(3) if n % (vcpu + 1) == 0], BOOT + n)
            collector.commit(n)
    for vcpu, series in enumerate(reader.read(tmp_path / "a.db").series):
        expected = np.arange(0, ticks, vcpu + 1, dtype=float)
        assert np.array_equal(series.times, expected)
        assert np.array_equal(series.values, expected + vcpu)


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE runs SET guest = '{}'",
        "UPDATE runs SET state = 'lost'",
        "UPDATE runs SET profile = 'no json'",
        "UPDATE ticks SET samples = x'00' WHERE id = 2",
        "UPDATE turns SET raw = substr(raw, 1, length(raw) - 5)",
        "DELETE FROM series WHERE id > 2",
    ],
)
def test_contents_that_make_no_sense_are_called_damaged(edit: str, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Collector(path) as collector:
        example_run.fill(collector, ticks=3)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(edit)
    with pytest.raises(VpsbenchError, match="is damaged"):
        reader.read(path)
