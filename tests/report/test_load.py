"""The CPU load that a run applied, as a seller would ask for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.builders.report_values import a_record, series
from vpsbench.analyzer.verdict.judge import completed
from vpsbench.model import Record, Series, Status, Turn
from vpsbench.report.charts.load import Load, applied, in_words, load_chart, steps
from vpsbench.report.charts.vegalite import Absent, Chart, TimeAxis

VCPUS = 2


def turn(probe: str, started: float, elapsed: float) -> Turn:
    return Turn(probe, started, elapsed, Status.OK, "", {}, {})


def loops(started: float, elapsed: float, duty: float = 1.0, vcpus: int = VCPUS) -> list[Series]:
    """Bins of 5 s on each vCPU, as the CPU probe emits them."""
    ends = started + np.arange(5.0, elapsed + 1, 5.0)
    labels = [{"vcpu": str(vcpu), "arm": "all", "duty": f"{duty:g}"} for vcpu in range(vcpus)]
    walls = [series(("cpu.loop.wall", "s"), ends, np.full(len(ends), 5.0), (), **one) for one in labels]
    if duty == 1:
        return walls
    wanted = [
        series(("cpu.loop.wanted", "s"), ends, np.full(len(ends), 5 * duty), (), **one) for one in labels
    ]
    return walls + wanted


def cost(probe: str, ends: list[float], values: list[float]) -> Series:
    return series(("instrument.turn_cost", "s"), ends, values, probe=probe)


def a_load(found: list[Series], turns: list[Turn], elapsed: float, duty: float = 1.0) -> Record:
    run = a_record().run
    run = replace(run, elapsed=elapsed, profile=replace(run.profile, duty=duty))
    return completed(Record(run, tuple(found), tuple(turns), ()))


def test_an_hour_and_a_quarter_of_full_load_in_four_hours() -> None:
    said = in_words(a_load(loops(0, 4500), [turn("cpu", 0, 4500)], 14_400))
    assert said == (
        "2 h 30 min of vCPU time, 31.2 % of what all vCPUs had in this run",
        "all vCPUs loaded fully (95 % and more) for 1 h 15 min in all, 1 h 15 min at the longest stretch",
        "highest average over any 60 minutes: 100 %",
    )


def test_a_duty_halves_it_and_is_told() -> None:
    said = in_words(a_load(loops(0, 4500, duty=0.5), [turn("cpu", 0, 4500)], 14_400, duty=0.5))
    assert said == (
        "capped: a turn may load the machine for 50 % of its time",
        "1 h 15 min of vCPU time, 15.6 % of what all vCPUs had in this run",
        "never were all vCPUs loaded fully (95 % and more)",
        "highest average over any 60 minutes: 50 %",
    )


def test_one_vcpu_at_a_time_is_half_a_load() -> None:
    one = loops(0, 600, vcpus=1)
    said = in_words(a_load(one, [turn("cpu", 0, 600)], 600))
    assert said[0].startswith("10 min of vCPU time, 50 %")
    assert "never" in said[1]
    assert said[2] == "average over the whole run, which was shorter than an hour: 50 %"


def test_other_turns_count_by_the_cpu_time_that_they_used() -> None:
    found = applied(
        a_load(
            [cost("disk", [110.2, 900.0], [40.0, 9.0])], [turn("disk", 10, 100), turn("disk", 800, 100)], 1000
        )
    )
    rows = found.rows["disk"]
    assert rows.tolist() == [[10, 800], [110, 900], [40, 9]]


def test_what_is_not_known_is_not_zero() -> None:
    turns = [turn("score", 0, 50), turn("cpu", 100, 60)]
    said = in_words(a_load(loops(100, 60), turns, 200))
    assert said[-1] == "on top, not known: 1 of the turns of score"
    only = a_load([], [turn("score", 0, 50)], 200)
    assert in_words(only) == ("on top, not known: 1 of the turns of score",)
    assert [type(one) for one in load_chart(only, TimeAxis(200))] == [Absent]


def test_loops_of_a_turn_in_which_the_run_was_killed_count() -> None:
    said = in_words(a_load(loops(0, 60), [], 60))
    assert said[0] == "2 min of vCPU time, 100 % of what all vCPUs had in this run"


def test_stretches_of_full_load_end_at_breaks_of_a_second() -> None:
    rows = np.array([[0.0, 10.5, 30.0], [10.0, 20.0, 40.0], [10.0, 9.5, 9.0]])
    assert steps(rows, 1).full() == [20.0]  # the last one is at 90 %
    apart = np.array([[0.0, 12.0], [10.0, 20.0], [10.0, 8.0]])
    assert steps(apart, 1).full() == [10.0, 8.0]


@pytest.mark.parametrize(
    ("rows", "window", "elapsed", "highest"),
    [
        ([[0.0], [30.0], [30.0]], 60, 240, 0.5),
        ([[50.0, 90.0], [70.0, 110.0], [20.0, 20.0]], 60, 240, 2 / 3),  # both, and the pause between them
        ([[50.0], [250.0], [100.0]], 60, 300, 0.5),
        ([[0.0], [30.0], [30.0]], 60, 40, 0.75),  # the run was shorter
    ],
)
def test_the_highest_average(rows: list[list[float]], window: float, elapsed: float, highest: float) -> None:
    assert steps(np.array(rows), 1).highest(window, elapsed) == pytest.approx(highest)


def test_the_load_between_two_times_is_the_sum_of_all_steps() -> None:
    noise = np.random.default_rng(1)
    start = noise.uniform(0, 900, 50)
    length = noise.uniform(1, 100, 50)
    busy = length * noise.uniform(0, 1, 50)
    load: Load = steps(np.array([start, start + length, busy]), 50)
    assert load.until(np.array([1000.0]))[0] * 50 == pytest.approx(busy.sum())


def test_the_chart_shows_each_probe_while_it_ran_and_the_cap() -> None:
    turns = [turn("cpu", 0, 300), turn("disk", 600, 100)]
    found = [*loops(0, 300, duty=0.3), cost("disk", [700.0], [20.0])]
    [chart] = load_chart(a_load(found, turns, 1000, duty=0.3), TimeAxis(1000))
    assert isinstance(chart, Chart)
    curves = {v["of"]: v for v in chart.spec["data"]["values"]}
    assert curves.keys() == {"cpu", "disk", "cap"}
    drawn = {name: [y for y in v["y"] if y is not None] for name, v in curves.items()}
    assert drawn["cpu"] == pytest.approx([0.3] * len(drawn["cpu"]))
    assert drawn["disk"] == pytest.approx([0.1] * len(drawn["disk"]))
    assert max(t for t, y in zip(curves["cpu"]["t"], curves["cpu"]["y"], strict=True) if y is not None) == 5
    assert min(curves["disk"]["t"]) == 10  # min
