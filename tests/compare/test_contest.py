"""What sets runs apart, what does not, and what cannot be told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.builders import sign_records
from vpsbench.analyzer.verdict.judge import judge
from vpsbench.compare import price
from vpsbench.compare.contest import Cell, Comparison, Standing, contest
from vpsbench.compare.estimate import Readings, estimate
from vpsbench.compare.figures import Figure, Subject, figures
from vpsbench.compare.summary import Promised, Summary, conditions, summary
from vpsbench.model import Better, Event, Record, RunState, Status, Turn, Word
from vpsbench.report.comparison import wording

SUBJECTS = {"cpu": Subject.WORK, "score": Subject.SCORE, "memory": Subject.SPEED, "disk": Subject.DISK}
CONDITIONS = {"profile": "quick", "duty": "100 %", "Python": "3.11", "fio": "fio-3.33"}


def figure(values: Any, name: str = "cpu.work", better: Better = "higher", unit: str = "1/s") -> Figure:  # noqa: ANN401  what numpy takes
    readings = np.asarray(values, dtype=np.float64)
    return Figure(
        name,
        name,
        SUBJECTS[name.split(".", maxsplit=1)[0]],
        unit,
        better,
        estimate(Readings(np.arange(float(readings.size)), readings), better),
    )


def run(*found: Figure, **changes: Any) -> Summary:  # noqa: ANN401  fields of several types
    plain = Summary(
        run=1, state=RunState.FINISHED, hostname="h", started=0.0, elapsed=60.0, plan=None, price=None,
        word=Word.KEPT, promises=(), told=(), conditions=dict(CONDITIONS), figures=found,
    )  # fmt: skip
    return replace(plain, **changes)


def compared(*runs: Summary) -> Comparison:
    return contest([f"r{k}" for k in range(len(runs))], list(runs))


def cells(found: Comparison, row: int = 0) -> list[Cell]:
    return [cell for cell in found.rows[row].cells if cell is not None]


def standings(found: Comparison, row: int = 0) -> list[Standing]:
    return [cell.standing for cell in cells(found, row)]


def noise(level: float, seed: int, count: int = 300, sd: float = 1.0) -> Any:  # noqa: ANN401  an array
    return np.random.default_rng(seed).normal(level, sd, count)


def test_a_real_difference_and_noise_are_told_apart() -> None:
    found = compared(*(run(figure(noise(level, k))) for k, level in enumerate((100.0, 99.99, 98.0))))
    assert sorted(standings(found)[:2]) == [Standing.BEST, Standing.LEVEL]
    assert standings(found)[2] is Standing.BEHIND
    assert cells(found)[2].ratio == pytest.approx(0.98, abs=0.005)


def test_less_is_better_where_the_metric_says_so() -> None:
    found = compared(*(run(figure(noise(level, 1), better="lower", unit="s")) for level in (10.0, 20.0)))
    assert standings(found) == [Standing.BEST, Standing.BEHIND]
    assert cells(found)[1].ratio == pytest.approx(2.0, rel=0.02)


def test_too_few_readings_are_not_told_whatever_the_difference() -> None:
    assert standings(compared(run(figure([1.0, 2.0])), run(figure([100.0, 101.0])))) == ["unknown", "best"]
    assert standings(compared(run(figure(noise(1, 1))), run(figure([100.0])))) == ["unknown", "best"]


def test_runs_alike_are_hardly_ever_called_different() -> None:
    """Twenty runs and five figures of one and the same machine, many times: wrong in 5 % at most."""
    rng, wrong, tries = np.random.default_rng(1), 0, 60
    for _ in range(tries):
        runs = [
            run(*(figure(rng.normal(10, 1, 120), name=f"disk.{k}.iops") for k in range(5))) for _ in range(20)
        ]
        found = compared(*runs)
        wrong += any(Standing.BEHIND in standings(found, row) for row in range(5))
    assert wrong / tries <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / tries)


def test_the_more_comparisons_the_higher_the_bar() -> None:
    pair = [run(figure(noise(10, 1))), run(figure(noise(9.7, 2)))]
    assert standings(compared(*pair))[1] is Standing.BEHIND
    crowd = [run(figure(noise(9.9, 3 + k))) for k in range(300)]
    found = compared(*pair, *crowd)
    assert found.comparisons == 302 * 301 // 2
    assert standings(found)[1] is Standing.LEVEL


def test_a_figure_that_a_run_lacks_is_missing_and_not_nothing() -> None:
    found = compared(run(figure(noise(1, 1)), figure([5.0], "score.all")), run(figure(noise(1, 2))))
    assert [row.name for row in found.rows] == ["score.all", "cpu.work"]
    assert found.rows[0].cells[1] is None


def test_a_best_of_nothing_has_no_ratio() -> None:
    found = compared(
        *(run(figure(v, better="lower", unit="1")) for v in (np.zeros(100), noise(0.2, 1, sd=0.01)))
    )
    assert [cell.ratio for cell in cells(found)] == [None, None]
    assert standings(found) == [Standing.BEST, Standing.BEHIND]


def test_promises_are_told_line_by_line() -> None:
    lines = (("vcpus", "cpu", Word.KEPT), ("disk", "disk", Word.BROKEN), ("disk_iops", "disk", Word.BROKEN))
    told = run(promises=tuple(Promised(*line) for line in lines))
    assert wording.kept(told) == "1 of 3 kept; broken: disk, disk iops"


def test_what_was_not_the_same_is_named_with_what_it_touches() -> None:
    other = CONDITIONS | {"Python": "3.13", "fio": "fio-3.38"}
    both = figure([1.0]), figure([1.0], "disk.mix.iops")
    found = compared(run(*both), run(*both, conditions=other))
    work, disk = found.rows
    assert [caveat.what for caveat in found.caveats] == ["Python", "fio"]
    python, fio = found.caveats
    assert python.values == (("3.11", (0,)), ("3.13", (1,)))
    assert (python.spoils(work), python.spoils(disk), fio.spoils(disk)) == (
        True,
        False,
        True,
    )


def test_what_one_run_does_not_know_is_no_difference() -> None:
    assert not compared(run(), run(conditions={"profile": "quick"})).caveats


def test_prices_set_rates_in_relation_and_only_within_a_currency() -> None:
    prices = ("5 EUR a month", "10 EUR a month", "$10/month", "cheap", None)
    found = compared(*(run(figure([100.0]), price=one) for one in prices))
    assert [cell.per_price for cell in cells(found)] == [20.0, 10.0, 10.0, None, None]
    assert [cell.price_ratio for cell in cells(found)] == [1.0, 0.5, 1.0, None, None]
    assert found.unpriced == (3,)
    latency = compared(
        *(run(figure([1.0], unit="s", better="lower"), price="5 EUR a month") for _ in range(2))
    )
    assert [cell.per_price for cell in cells(latency)] == [None, None]


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("5 EUR a month", 5.0, "EUR"),
        ("4,99 € per month", 4.99, "EUR"),
        ("$59.88/year", 4.99, "USD"),
        ("1.234,50 EUR/month", 1234.5, "EUR"),
        ("0.0123 USD per hour", 8.979, "USD"),
        ("chf 12 a quarter", 4.0, "CHF"),
    ],
)
def test_prices_as_sellers_write_them(text: str, amount: float, currency: str) -> None:
    found = price.parse(text)
    assert found is not None
    assert found.amount == pytest.approx(amount)
    assert found.currency == currency


@pytest.mark.parametrize(
    "text",
    ["", "free", "5 a month", "5 EUR", "1,234 USD a month", "-5 EUR/month", "0 EUR/month", "5 EUR/decade",
     "€5 EUR/month"],
)  # fmt: skip
def test_a_price_that_could_mean_several_things_is_not_guessed(text: str) -> None:
    assert price.parse(text) is None


def record(**case: Any) -> Record:  # noqa: ANN401  as the fixtures of the signs have it
    return sign_records.build(case)


def test_scores_become_speeds_and_a_turn_that_was_cut_does_not_count() -> None:
    series = [
        {"metric": "score.time", "labels": {"arm": "single", "benchmark": name, "vcpu": "0"}, "times": times,
         "values": values}
        for name, times, values in (("json", [5, 105], [0.1, 0.4]), ("regex", [6], [0.4]))
    ]  # fmt: skip
    turns = [{"probe": "score", "started": at, "elapsed": 20} for at in (0, 100)]
    made = record(series=series, turns=turns)
    (found,) = figures(made)
    assert (found.name, found.found.readings) == ("score.single", 1)
    assert found.found.value == pytest.approx(5.0)  # 1 / sqrt(0.1 * 0.4)
    longer = replace(made.turns[0], options={"benchmarks": ["json", "regex", "float"]})
    assert figures(replace(made, turns=(longer,))) == ()


def test_work_is_counted_in_the_time_that_the_own_guest_left() -> None:
    times = np.arange(0.25, 30.1, 0.25).tolist()
    values = {"wall": 0.25, "iterations": 1000.0, "own_wait": 0.125, "gap": 0.0}
    series = [
        {"metric": f"cpu.loop.{name}", "labels": {"arm": "all", "duty": "1", "vcpu": vcpu}, "times": times,
         "values": [value] * len(times)}
        for vcpu in ("0", "1") for name, value in values.items()
    ]  # fmt: skip
    found = {one.name: one.found for one in figures(record(series=series))}
    assert found["cpu.work.vcpu"].value == pytest.approx(8000.0)
    assert found["cpu.work"].value == pytest.approx(16000.0)
    assert found["cpu.lost"].value == pytest.approx(0.0)


@pytest.mark.parametrize(("clock", "figure"), [(True, True), (None, False), (False, False)])
def test_no_steal_is_a_figure_only_where_it_would_be_counted(clock: bool | None, figure: bool) -> None:  # noqa: FBT001  parametrized
    times = np.arange(0.25, 30.1, 0.25).tolist()
    series = [
        {"metric": f"cpu.loop.{name}", "labels": {"arm": "all", "duty": "1", "vcpu": "0"}, "times": times,
         "values": [0.25] * len(times)}
        for name in ("wall", "gap")
    ]  # fmt: skip
    silent = record(series=series, guest={"steal_clock": clock})
    assert ("cpu.stolen" in {one.name for one in figures(silent)}) == figure


def test_memory_is_compared_with_the_area_that_was_gone_over() -> None:
    series = [
        {"metric": f"bandwidth.{name}", "values": [value] * count}
        for name, value, count in (("area", 2**28, 1), ("triad", 9e9, 3), ("latency", 9e-8, 3))
    ]
    found = record(series=series)
    assert {one.name: one.found.value for one in figures(found)} == {
        "memory.bandwidth": 9e9, "memory.latency": pytest.approx(9e-8),
    }  # fmt: skip
    assert conditions(found)["memory area"] == "256 MiB"


def test_a_record_of_nothing_has_no_figures_and_can_be_summed_up() -> None:
    found = summary(judge(record()))
    assert found.figures == ()
    assert found.conditions["profile"] == "fixture"


FIO = (
    '{"fio version": "fio-3.33", "jobs": [{"job options": '
    '{"ioengine": "libaio", "direct": "%s", "size": "1073741824"}}]}'
)


@pytest.mark.parametrize(("direct", "said"), [("1", "direct"), ("0", "in use")])
def test_how_the_disk_was_measured_is_read_from_fios_own_output(direct: str, said: str) -> None:
    raw = {"mix.json": f"fio: a warning\n{FIO % direct}", "burst.json": '{"cut', "mix.bw.log": "1, 2"}
    turn = Turn("disk", 0.0, 10.0, Status.OK, "", {}, raw)
    found = conditions(replace(record(), turns=(turn,)))
    assert {key: found[key] for key in ("fio", "fio engine", "fio file", "disk cache")} == {
        "fio": "fio-3.33", "fio engine": "libaio", "fio file": "1 GiB", "disk cache": said,
    }  # fmt: skip


def test_a_cache_that_direct_reads_may_meet_is_named() -> None:
    turn = Turn("disk", 0.0, 10.0, Status.OK, "", {}, {"mix.json": FIO % "1"})
    found = replace(record(), turns=(turn,), events=(Event(0.0, "disk.cached", "zfs"),))
    assert conditions(found)["disk cache"] == "direct, but zfs may cache"


def test_steps_without_any_scatter_are_not_told_apart() -> None:
    found = compared(*(run(figure(np.full(100, v), better="lower", unit="s")) for v in (1.0, 1.02)))
    assert Standing.BEHIND not in standings(found)
