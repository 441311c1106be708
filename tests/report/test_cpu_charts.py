"""What the charts of the CPU show, in numbers: where the time went, how fast it was, when it was lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.builders.report_values import a_record, a_run, loop, series
from vpsbench.analyzer.verdict.judge import completed
from vpsbench.model import Answer, Record, Series
from vpsbench.report import html
from vpsbench.report.charts import gallery
from vpsbench.report.charts.vegalite import Absent, Chart

TIMES = np.arange(0.5, 600, 0.5)
SHARES = (0.2, 0.05, 0.1)  # lost, reported, waited for own programs
UNKNOWN = Answer(value=None, because="CPUID is not readable here")
NONE = Answer(value=False, because="Hyper-V has none")


def only(*found: Series, span: float = 600, clock: Answer | None = None) -> Record:
    run = a_run(span)
    guest = replace(run.guest, steal_clock=clock or run.guest.steal_clock)
    return completed(replace(a_record(), run=replace(run, guest=guest), series=found, turns=(), events=()))


def chart(record: Record, name: str) -> Chart:
    return next(c for c in gallery.draw(record)[0] if c.name == name)


def absent(record: Record, title: str) -> Absent:
    return next(a for a in gallery.draw(record)[1] if title in a.title)


def columns(drawn: Chart, field: str) -> dict[str, np.ndarray]:
    return {v["of"]: np.array(v[field], float) for v in drawn.spec["data"]["values"]}


def shares(record: Record) -> dict[str, float]:
    """The mean height of each part of the first loop's stack."""
    drawn = chart(record, "loop-0")
    tops, floors = columns(drawn, "top"), columns(drawn, "y")
    return {name: float(np.nanmean(tops[name] - floors[name])) for name in tops}


def without(metric: str, found: list[Series]) -> list[Series]:
    return [s for s in found if s.metric.name != f"cpu.loop.{metric}"]


def more(found: list[Series], **shares_: float) -> list[Series]:
    """The same loop with further metrics, each a share of the bin."""
    wall = found[0]
    return found + [
        series((f"cpu.loop.{n}", "s"), wall.times, wall.values * share, (), **wall.labels)
        for n, share in shares_.items()
    ]


# --- where the time went ---------------------------------------------------------------------------


def test_a_vcpus_second_is_split_into_six_parts_that_sum_to_it() -> None:
    found = without("short_gap", without("irq", loop(0, TIMES, 0.5, SHARES)))
    found = more(found, irq=0.02, short_gap=0.03)
    parts = shares(only(*found))
    assert parts == {
        # The steal clock counts also while others of the guest run: a twentieth of their time is steal.
        "reported steal": pytest.approx(0.05, abs=0.005),
        "hidden loss": pytest.approx(0.2 - 0.02 - 0.045, abs=0.005),
        "own other programs": pytest.approx(0.095, abs=0.005),
        "interrupts": pytest.approx(0.02, abs=0.005),
        "short gaps": pytest.approx(0.03, abs=0.005),
        "delivered": pytest.approx(0.67, abs=0.01),
    }
    assert sum(parts.values()) == pytest.approx(1, abs=1e-4)


def test_the_shares_are_of_the_time_that_was_wanted() -> None:
    found = more(loop(0, TIMES, 0.5, (0.05, 0, 0)), wanted=0.1)
    assert shares(only(*found))["hidden loss"] == pytest.approx(0.5, abs=0.02)


def test_the_caption_has_the_sums_and_the_steal_clock() -> None:
    record = only(*loop(0, TIMES, 0.5, SHARES), *loop(1, TIMES, 0.5, (0, 0, 0)))
    assert "In all: 70.1 % delivered, 5.05 % reported steal (the host" in chart(record, "loop-0").note
    assert "Steal clock: there is one (the kernel's log says" in chart(record, "loop-0").note
    assert chart(record, "loop-1").note.startswith("In all: 99.9 % delivered, 0 % reported steal")
    assert "Steal clock" not in chart(record, "loop-1").note


@pytest.mark.parametrize("clock", [UNKNOWN, NONE])
def test_without_a_steal_clock_steal_is_not_measurable_and_never_zero(clock: Answer) -> None:
    record = only(*loop(0, TIMES, 0.5, (0.2, 0.0, 0.1)), clock=clock)
    parts = shares(record)
    assert "reported steal" not in parts
    assert parts["lost (steal not measurable here)"] == pytest.approx(0.2, abs=0.005)
    note = chart(record, "loop-0").note
    assert clock.because in note
    assert "not measurable" in note
    assert "reported steal" not in note


def test_a_steal_counter_that_grew_is_a_steal_clock_only_where_it_is_about_this_guest() -> None:
    found = loop(0, TIMES, 0.5, SHARES)
    assert "reported steal" in shares(only(*found, clock=UNKNOWN))
    assert "reported steal" not in shares(only(*found, clock=NONE))
    assert "reported steal" not in shares(only(*without("steal", found)))


def test_what_is_not_counted_is_left_out() -> None:
    found = loop(0, TIMES, 0.5, SHARES)
    assert shares(only(*found)).keys() - shares(only(*without("irq", found))).keys() == {"interrupts"}
    assert "short gaps" not in shares(only(*without("short_gap", found)))


def test_without_a_needed_part_there_is_no_chart_but_a_reason() -> None:
    record = only(*without("gap", loop(0, TIMES, 0.5, SHARES)))
    assert not [c for c in gallery.draw(record)[0] if c.name.startswith(("loop", "rate"))]
    assert absent(record, "Each vCPU").because == "the cpu probe gave no readings"


def test_of_many_vcpus_all_together_and_the_worst_are_shown() -> None:
    found = [s for v in range(6) for s in loop(v, TIMES, 0.5, (0.01 + 0.1 * v, 0, 0))]
    drawn = [c.title.partition(":")[0] for c in gallery.draw(only(*found))[0] if c.name.startswith("loop")]
    assert drawn == ["All 6 vCPUs together", "vCPU 3", "vCPU 4", "vCPU 5"]


# --- how fast it was -------------------------------------------------------------------------------


def working(vcpu: int, arm: str, rate: float, start: float, lost: float = 0.0) -> list[Series]:
    """A loop of a minute that makes ``rate`` turns a second while it runs."""
    labels = {"vcpu": str(vcpu), "arm": arm, "duty": "1"}
    times = start + np.arange(0.5, 60.5, 0.5)
    shares_ = {"wall": 1, "wanted": 1, "gap": lost, "short_gap": 0.0, "iterations": rate * (1 - lost)}
    shares_ |= dict.fromkeys(("own_wait", "own_wait_in_gaps", "irq", "steal"), 0.0)
    return [
        series((f"cpu.loop.{n}", "s"), times, np.full(len(times), 0.5 * share), (), **labels)
        for n, share in shares_.items()
    ]


def test_the_rate_is_of_the_time_delivered_and_tells_siblings_from_thieves() -> None:
    siblings = [s for v in (0, 1) for s in working(v, "all", 3e6, 0, lost=0.5)]
    alone = [s for v in (0, 1) for s in working(v, "single", 5e6, 100 + 60 * v)]
    drawn = chart(only(*siblings, *alone), "rate")
    means = {name: float(np.nanmean(values)) for name, values in columns(drawn, "y").items()}
    assert means == {
        "vCPU 0 together": pytest.approx(0.6), "vCPU 0 alone": pytest.approx(1),
        "vCPU 1 together": pytest.approx(0.6), "vCPU 1 alone": pytest.approx(1),
    }  # fmt: skip
    assert drawn.note.startswith("Medians: vCPU 0 60 % together and 100 % alone and vCPU 1 60 %")


def test_the_rate_shows_its_spread() -> None:
    found = working(0, "all", 5e6, 0)
    turns = found[4]
    turns.values[::2] *= 0.9
    drawn = chart(only(*found), "rate")
    low, high = columns(drawn, "low")["vCPU 0 together"], columns(drawn, "high")["vCPU 0 together"]
    assert np.nanmin(low) == pytest.approx(0.9 * np.nanmax(high), rel=1e-4)
    assert "No vCPU ran alone" in drawn.note


def test_of_many_vcpus_the_slowest_rates_are_shown() -> None:
    found = [s for v in range(6) for s in working(v, "all", 5e6 if v % 2 else 2e6 + v, 0)]
    drawn = chart(only(*found), "rate")
    assert {"vCPU 0 together", "vCPU 2 together", "vCPU 4 together"} < columns(drawn, "y").keys()
    assert len(columns(drawn, "y")) == 4
    assert "2 more were no slower" in drawn.note


def test_without_turns_there_is_no_rate() -> None:
    assert (
        "no readings"
        in absent(only(*without("iterations", loop(0, TIMES, 0.5, SHARES))), "Work done").because
    )


# --- when it was lost ------------------------------------------------------------------------------


def hourly(hours: int) -> Record:
    """A minute of load each hour; a loss of 2 %, of 20 % from 18:00 to 22:00 UTC, a tenth more each day."""
    started = a_run().started
    found = []
    for hour in range(hours):
        of_day = int(started // 3600 + hour) % 24
        lost = (0.2 if 18 <= of_day < 22 else 0.02) * (1 + 0.1 * (hour // 24))
        found.append(working(0, "all", 5e6, 3600 * hour - started % 3600 + 600, lost))
    joined = [
        replace(
            s[0], times=np.concatenate([x.times for x in s]), values=np.concatenate([x.values for x in s])
        )
        for s in zip(*found, strict=True)
    ]
    return only(*joined, span=3600.0 * hours)


def test_a_week_by_hour_has_each_day_and_the_mean_with_its_interval() -> None:
    drawn = chart(hourly(7 * 24), "hours")
    x, y = columns(drawn, "x"), columns(drawn, "y")
    assert len(x["one hour of one day"]) == 7 * 24
    assert x["mean over the days"].tolist() == [h + 0.5 for h in range(24)]
    mean = 1 + 0.1 * 3
    assert y["mean over the days"][19] == pytest.approx(0.2 * mean, rel=0.03)
    assert y["mean over the days"][3] == pytest.approx(0.02 * mean, rel=0.03)
    low, high = columns(drawn, "low")["mean over the days"], columns(drawn, "high")["mean over the days"]
    assert (low < y["mean over the days"]).all()
    assert (high > y["mean over the days"]).all()
    assert "<svg" in html.still(drawn)


@pytest.mark.parametrize("days", [1, 2])
def test_one_or_two_days_by_hour_are_points_without_intervals(days: int) -> None:
    drawn = chart(hourly(days * 24), "hours")
    assert {name: len(x) for name, x in columns(drawn, "x").items()} == {"one hour of one day": 24 * days}
    assert "takes three days" in drawn.note


def test_less_than_a_day_by_hour_says_what_it_takes() -> None:
    assert (
        absent(hourly(12), "hour of the day").because == "it takes a day of measuring; this run lasted 12 h"
    )


def swept(vcpu: int, cap: float) -> list[Series]:
    found = []
    for k, duty in enumerate((0.1, 0.3, 0.6, 1.0)):
        for one in working(vcpu, "sweep", 5e6, 60.0 * k, max(0.0, 1 - cap / duty)):
            scaled = one.values if one.metric.name == "cpu.loop.wall" else one.values * duty
            found.append(replace(one, values=scaled, labels=one.labels | {"duty": f"{duty:g}"}))
    return found


def test_a_sweep_shows_where_a_cap_begins() -> None:
    drawn = chart(only(*swept(0, 0.5), *swept(1, 0.5)), "duty")
    assert columns(drawn, "x")["all vCPUs"].tolist() == [10, 30, 60, 100]
    assert columns(drawn, "y")["all vCPUs"].tolist() == pytest.approx([0, 0, 1 / 6, 0.5], abs=1e-4)
    assert len(columns(drawn, "x")["one vCPU"]) == 8
    assert "<svg" in html.still(drawn)


def test_without_a_sweep_there_is_no_chart_of_it() -> None:
    assert absent(a_record(), "a vCPU demanded").because == "no sweep over duty cycles ran"
