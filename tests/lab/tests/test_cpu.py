"""The lab's comparison of CPU figures with the truth."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.builders.sign_records import build, series
from tests.lab import accuracy, answers, cpu_tables, figures, matrix, places, plot, scenario
from tests.lab.accuracy import Window
from tests.lab.figures import Figure
from tests.lab.matrix import RunResult
from tests.lab.truth import Truth
from vpsbench.analyzer.verdict.judge import judge
from vpsbench.model import Finding, Level, Record
from vpsbench.probes.cpu_loop import metrics as loop

BOOK = scenario.read(places.LAB / "scenarios.toml")
UPTIME = 5.0  # the guest's, when its run began
RAN = 1000.0  # the lab's clock when vpsbench started, at an uptime of 2 s


def one(name: str) -> scenario.Scenario:
    return BOOK.chosen([name])[0]


# --- windows ---------------------------------------------------------------------------------------


def truth_of(*courses: list[tuple[float, float]], quarter: float = 0.25) -> Truth:
    """vCPUs that are given these shares, as (seconds, share), from vpsbench's start on."""
    found = Truth(marks={"run": (RAN, 2.0)})
    for vcpu, course in enumerate(courses):
        shares = np.concatenate([np.full(round(s / quarter), share) for s, share in course])
        ran = np.concatenate([[0.0], np.cumsum(shares) * quarter])
        for n, value in enumerate(ran):
            found.add(f"vcpu.{vcpu}.run", float(value), RAN + n * quarter)
            found.add(f"vcpu.{vcpu}.wait", n * quarter - float(value), RAN + n * quarter)
    return found


def run_of(**loops: object) -> Record:
    """A run whose loops begin 2 s after vpsbench, on the guest's clock 5 s before the lab's."""
    return build(
        {
            "loops": {"turns": [[-1.0, 120.0]], "spread": 0.0, **loops},
            "series": [{"metric": "clock.uptime", "values": [t + UPTIME for t in range(160)]}],
            "guest": {"steal_clock": False},
        }
    )


def test_each_window_has_its_own_truth() -> None:
    truth = truth_of([(62.0, 1.0), (70.0, 0.4)])  # falls when the loop has run for 60 s
    found = accuracy.windows(one("hidden-steal-50"), truth, run_of(lost=[[60, 0.0], [60, 0.6]]))
    assert [round(w.until - w.since) for w in found] == [30, 30, 30, 30]
    assert [w.truth for w in found] == pytest.approx([0, 0, 0.6, 0.6], abs=0.002)
    assert [w.error for w in found] == pytest.approx([0, 0, 0, 0], abs=0.005)


def test_each_vcpu_is_compared_with_its_own_thread() -> None:
    truth = truth_of([(130.0, 0.9)], [(130.0, 0.3)])
    found = accuracy.windows(one("missing-vcpu-core"), truth, run_of(lost=[0.1, 0.5], vcpus=2))
    assert len(found) == 8
    assert [w.error for w in found if w.loop.startswith("vCPU 0")] == pytest.approx([0] * 4, abs=0.005)
    assert [w.error for w in found if w.loop.startswith("vCPU 1")] == pytest.approx([-0.2] * 4, abs=0.005)


def test_beside_the_owners_own_programs_windows_are_two_minutes_long() -> None:
    truth = truth_of([(130.0, 0.9)])
    (found,) = accuracy.windows(one("busy-processes-light"), truth, run_of(lost=0.1, own=0.3))
    assert found.until - found.since == pytest.approx(120, abs=1)
    assert found.error == pytest.approx(0.0, abs=0.01)


def test_only_full_load_is_compared_and_only_what_was_watched() -> None:
    assert (
        accuracy.windows(one("hidden-steal-50"), truth_of([(130.0, 1.0)]), run_of(lost=0.0, duty=0.3)) == []
    )
    assert accuracy.windows(one("hidden-steal-50"), truth_of([(60.0, 1.0)]), run_of(lost=0.0))[-1].until < 65


def test_what_xen_reports_is_compared_with_what_it_cannot_give() -> None:
    found = accuracy.windows(one("xen-steal-50"), truth_of(), run_of(lost=0.51, reported=1.0, vcpus=2))
    assert {w.what for w in found} == {"reported"}
    assert [w.error for w in found] == pytest.approx([0.01] * len(found), abs=0.005)


# --- figures ---------------------------------------------------------------------------------------


def names(found: list[Figure]) -> dict[str, Figure]:
    return {one.name: one for one in found}


@pytest.mark.parametrize("vcpus", [1, 2])
def test_a_bucket_and_its_low_rate_are_known_from_what_really_ran(vcpus: int) -> None:
    truth = truth_of(*[[(42.0, 1.0), (90.0, 0.3)]] * vcpus)
    for at, dry in ((RAN + 1, 0.0), (RAN + 42, 1.0), (RAN + 60, 1.0)):
        truth.add("credit.throttled", dry, at)
    record = run_of(lost=[[40, 0.0], [80, 0.7]], vcpus=vcpus)
    found = names(figures.figures(one("credits-10-30"), truth, judge(record)))
    assert found["low rate"].truth == pytest.approx(0.3, abs=0.005)
    assert found["bucket"].truth == pytest.approx(vcpus * 40 * 0.7, rel=0.01)
    assert found["low rate"].error == pytest.approx(0, abs=0.02)
    assert found["bucket"].error == pytest.approx(0, abs=0.02)


def test_without_a_throttling_in_the_load_there_is_no_bucket() -> None:
    truth = truth_of([(130.0, 1.0)])
    truth.faults.append({"kind": "quota", "start": 500.0, "began": None})
    assert figures.figures(one("credits-10-30"), truth, judge(run_of(lost=0.0))) == []


def test_a_fall_that_is_not_seen_is_no_estimate() -> None:
    truth = truth_of([(42.0, 1.0), (90.0, 0.3)])
    truth.faults.append({"kind": "quota", "start": 42.0, "began": RAN + 42})
    found = names(figures.figures(one("cpu-burst-30"), truth, judge(run_of(lost=0.0))))
    assert (found["bucket"].estimate, found["bucket"].error) == (None, None)


def test_a_quotas_period_is_found_in_single_gaps_and_its_fraction_by_the_sign() -> None:
    truth, record = truth_of([(130.0, 0.6)]), run_of(lost=0.4)
    ends = np.arange(0.0, 58.0, 0.05)
    gaps = series("cpu.loop.one_gap", ends, np.full(ends.size, 0.02035), vcpu="0", arm="all", duty="1")
    record = replace(record, series=(*record.series, gaps))
    judgement = judge(record)
    quota = Finding(sign="cpu_quota", level=Level.NOTICE, claim="", measured=0.62)
    others = tuple(f for f in judgement.findings if f.sign != "cpu_quota")
    found = names(
        figures.figures(one("hidden-steal-50"), truth, replace(judgement, findings=(*others, quota)))
    )
    assert found["quota period"].estimate == pytest.approx(0.05, rel=0.001)
    assert found["quota period"].error == pytest.approx(-0.5, abs=0.001)  # the scenario's has 100 ms
    assert found["quota fraction"].error == pytest.approx(0.02, abs=0.002)


def test_vcpus_that_share_one_core_are_half_as_many() -> None:
    truth, record = truth_of([(130.0, 0.5)], [(130.0, 0.5)]), run_of(lost=0.5, vcpus=2)
    finding = Finding(sign="missing_vcpu", level=Level.NOTICE, claim="", measured=1.0)
    assert answers.answer(one("missing-vcpu-core"), truth, record, finding) == pytest.approx(1.0, abs=0.01)
    assert answers.answer(one("missing-vcpu-absent"), truth, record, finding) == 1.0


def test_what_is_lost_is_compared_where_all_vcpus_were_loaded() -> None:
    truth = truth_of([(70.0, 0.5), (60.0, 1.0)])
    together, alone = (
        run_of(lost=0.5, turns=[[-1.0, 60.0]]),
        run_of(lost=0.0, turns=[[70.0, 50.0]], arm="single"),
    )
    record = replace(together, series=(*together.series, *alone.named(loop.WALL)))
    assert answers.loss(truth, list(answers.loops(record, truth))) == pytest.approx(0.5, abs=0.01)


def test_the_picture_shows_the_credit_and_leaves_out_where_a_vcpu_slept() -> None:
    truth = truth_of([(62.0, 0.5)])
    for n in range(100):  # asleep
        truth.add("vcpu.0.run", truth.series["vcpu.0.run"][-1][1], RAN + 62.25 + n * 0.25)
        truth.add("vcpu.0.wait", truth.series["vcpu.0.wait"][-1][1], RAN + 62.25 + n * 0.25)
    truth.add("credit.left", 7.5, RAN + 3)
    cpu, credit = plot.panels(truth, run_of(lost=0.5))
    _, times, shares = cpu.lines[1]
    assert times.max() < 63
    assert np.allclose(shares, 0.5)
    _, times, left = credit.lines[0]
    assert (times.tolist(), left.tolist()) == ([3.0], [7.5])


# --- tables ----------------------------------------------------------------------------------------


def result() -> RunResult:
    windows = tuple(
        Window("lost", "vCPU 0, all", 30.0 * n, 30.0 * n + 30, 0.5 + error, 0.5)
        for n, error in enumerate((0.001, -0.021, 0.004))
    )
    found = (
        Figure("quota period", "s", 0.0501, 0.05, relative=True),
        Figure("quota fraction", "1", 0.31, 0.3, relative=False),
        Figure("bucket", "vCPU-s", None, 10.0, relative=True),
    )
    return RunResult("hidden-steal-50", 1, "ran", "", 1.0, (), "suspect", windows, found)


def test_the_tables_show_the_largest_error_where_it_was_and_the_usual_one() -> None:
    (by_window, by_figure) = (rows for _, _, rows in matrix.cpu_errors([result()]))
    where = "vCPU 0, all, 30 to 60 s: -2.10 pp"
    assert by_window[0] == (
        "hidden-steal-50",
        "lost",
        "3 of 30 s",
        "50.0 to 50.0 %",
        "2.10 pp",
        "0.40 pp",
        where,
    )
    assert by_figure == [
        ("hidden-steal-50", "quota period", "50.10 ms", "50.00 ms", "+0.2 %"),
        ("hidden-steal-50", "quota fraction", "31.00 %", "30.00 %", "+1.00 pp"),
        ("hidden-steal-50", "bucket", "-", "10.00 vCPU-s", "-"),
    ]


def test_the_tables_stand_in_both_files() -> None:
    text = matrix.as_markdown([result()], {})
    assert "## CPU errors, by windows\n\n| scenario | share |" in text
    (run,) = json.loads(matrix.as_json([result()], {}))["runs"]
    assert run["windows"][1]["error"] == pytest.approx(-0.021)
    assert run["figures"][2]["error"] is None
    assert list(cpu_tables.markdown(("a",), [])) == ["None."]
