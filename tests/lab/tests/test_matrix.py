from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.builders.sign_records import build
from tests.lab import answers, bench, held, lanes, matrix, places, plot, scenario
from tests.lab.matrix import RunResult
from tests.lab.truth import Truth
from vpsbench.analyzer.verdict.judge import judge
from vpsbench.model import Finding, Level, Record

BOOK = scenario.read(places.LAB / "scenarios.toml")
BOOT = 5.0  # the guest's uptime when its run began
RAN = 1000.0  # the lab's clock when vpsbench started, at an uptime of 2 s


def one(name: str) -> scenario.Scenario:
    return BOOK.chosen([name])[0]


def busy(truth: Truth, share: float, at: float, seconds: float) -> None:
    """A vCPU that wanted to run all the time, and did for ``share`` of it, until ``at``."""
    for name, part in (("vcpu.0.run", share), ("vcpu.0.wait", 1 - share)):
        before = truth.series[name][-1][1] if name in truth.series else 0.0
        truth.add(name, before + part * seconds, at)


def truth_of(share: float, seconds: int = 60, start: float = RAN) -> Truth:
    """A guest of one vCPU that gets ``share`` of each second."""
    found = Truth(marks={"run": (RAN, 2.0)})
    for n in range(seconds + 1):
        busy(found, share, start + n, 1.0 if n else 0.0)
    return found


def test_the_guests_uptime_is_laid_beside_the_labs_clock() -> None:
    assert truth_of(1.0).at(12.0) == RAN + 10


def test_a_pause_shifts_all_that_comes_after_it() -> None:
    truth = truth_of(1.0)
    truth.faults.append({"kind": "pause", "began": RAN + 10, "ended": RAN + 25})
    assert truth.at(11.0) == RAN + 9
    assert truth.at(13.0) == RAN + 26


def test_a_counter_grows_between_readings_and_is_unknown_outside() -> None:
    truth = truth_of(0.5)
    assert truth.growth("vcpu.0.run", RAN + 10.5, RAN + 20.5) == pytest.approx(5.0)
    assert truth.growth("vcpu.0.run", RAN - 10, RAN + 20) is None
    assert truth.growth("vcpu.1.run", RAN, RAN + 20) is None


def test_truth_survives_its_file() -> None:
    truth = truth_of(0.5)
    again = Truth.read(truth.text())
    assert again.growth("vcpu.0.run", RAN, RAN + 10) == pytest.approx(5.0)
    assert again.at(3.0) == truth.at(3.0)


def run_of(lost: float, seconds: int = 120) -> Record:
    """A run of one vCPU whose loops saw ``lost``, and whose uptimes are known."""
    times = list(range(seconds))
    return build(
        {
            "loops": {"turns": [[5.0, seconds - 10]], "lost": lost},
            "series": [
                {"metric": "clock.uptime", "values": [t + BOOT for t in times]},
                {"metric": "memory.total", "values": [[750 * 2**20, seconds]]},
            ],
            "plan": {"memory": 768 * 2**20, "cpu": "dedicated"},
            "guest": {"memory_total": 750 * 2**20, "steal_clock": False},
        }
    )


def judged(name: str, lost: float, truth: Truth) -> dict[str, matrix.Row]:
    return {row.sign: row for row in matrix.rows(one(name), 1, judge(run_of(lost)), truth)}


def test_a_loss_is_compared_with_what_the_vcpus_thread_really_ran() -> None:
    row = judged("hidden-steal-50", 0.48, truth_of(0.5, 130))["hidden_steal"]
    assert (row.outcome, row.found) == ("hit", "notice")
    assert row.truth == pytest.approx(0.5, abs=0.001)
    assert row.error == pytest.approx(-0.02, abs=0.005)


def test_time_in_a_pause_is_not_lost_cpu() -> None:
    truth = truth_of(1.0, 60)
    for n in range(1, 100):
        busy(truth, 1.0, RAN + 60 + n, 1.0 if n > 20 else 0.0)
    truth.faults.append({"kind": "pause", "began": RAN + 60, "ended": RAN + 80})
    lost = answers.loss(truth, list(answers.loops(run_of(0.0), truth)))
    assert lost == pytest.approx(0.0, abs=0.001)


def test_a_vcpu_that_its_own_guest_lets_halt_loses_nothing_by_that() -> None:
    truth = Truth(marks={"run": (RAN, 2.0)})
    for n in range(130):
        busy(truth, 0.9, RAN + n, 0.4)  # wants to run for 0.4 s of each second, and gets 0.36 s
    assert answers.loss(truth, list(answers.loops(run_of(0.1), truth))) == pytest.approx(0.1, abs=0.001)


def test_a_fault_that_is_not_seen_is_a_miss() -> None:
    assert judged("hidden-steal-50", 0.0, truth_of(0.5, 130))["hidden_steal"].outcome == "miss"


def test_an_accusation_without_a_fault_is_false_unless_the_lab_itself_took_the_time() -> None:
    assert judged("clean-1", 0.3, truth_of(1.0, 130))["hidden_steal"].outcome == "false accusation"
    assert judged("clean-1", 0.3, truth_of(0.7, 130))["hidden_steal"].outcome == "true beyond plan"
    assert judged("clean-1", 0.0, truth_of(1.0, 130))["hidden_steal"].outcome == "silent"


def test_a_disclosed_cap_is_no_excuse_for_an_accusation() -> None:
    assert matrix.outcome("silent", Level.NOTICE, 0.5, None) == "false accusation"


def test_a_sign_that_is_not_built_shows_as_such() -> None:
    wanted = one("clean-1").model_copy(update={"expect": ("to_come",)})
    rows = {row.sign: row for row in matrix.rows(wanted, 1, judge(run_of(0.0)), truth_of(1.0, 130))}
    assert rows["to_come"].outcome == "no such sign"


@pytest.mark.parametrize(
    ("wanted", "found", "outcome"),
    [
        ("accuse", Level.STRONG, "hit"),
        ("accuse", Level.DOUBT, "miss"),
        ("accuse", Level.NOT_MEASURABLE, "miss"),
        ("doubt", Level.DOUBT, "hit"),
        ("doubt", Level.CLEAN, "miss"),
        ("silent", Level.NOTICE, "false accusation"),
        ("silent", Level.DOUBT, "silent"),
        ("either", Level.STRONG, "either"),
    ],
)
def test_outcomes(wanted: matrix.Expected, found: Level, outcome: matrix.Outcome) -> None:
    assert matrix.outcome(wanted, found, None, 0.01) == outcome


def test_xen_knows_what_it_gives_to_others_but_not_what_it_lost_itself() -> None:
    scenario_, truth, record = one("xen-steal-50"), truth_of(0.9, 130), run_of(0.5)
    finding = Finding(sign="reported_steal", level=Level.NOTICE, claim="", measured=0.5)
    assert answers.answer(scenario_, truth, record, finding) == 0.5
    hidden = answers.answer(scenario_, truth, record, replace(finding, sign="hidden_steal"))
    assert hidden == pytest.approx(0.05, abs=0.001)


def test_the_low_rate_is_what_was_delivered_after_the_quota_began() -> None:
    truth = truth_of(1.0, 60)
    for n in range(1, 70):
        busy(truth, 0.3, RAN + 60 + n, 1.0)
    truth.faults.append({"kind": "quota", "start": 60.0, "began": RAN + 60, "ended": None})
    finding = Finding(sign="cpu_burst", level=Level.NOTICE, claim="", measured=0.3)
    low = answers.answer(one("cpu-burst-30"), truth, run_of(0.0), finding)
    assert low == pytest.approx(0.3, abs=0.001)


def test_vanished_memory_is_what_the_host_lacked_when_each_round_began() -> None:
    truth = truth_of(1.0)
    for n in range(60):
        truth.add("held.pages", 1000, RAN + n)
        truth.add("held.missing", 200 if n < 20 else 100, RAN + n)
    record = build(
        {
            "series": [
                {"metric": "clock.uptime", "values": [t + BOOT for t in range(60)]},
                {
                    "metric": "memory.touch.count",
                    "labels": {"arm": "held", "le": "1000000"},
                    "times": [10.0, 16.9, 30.0],
                    "values": [1000, 1000, 1000],
                },
            ]
        }
    )
    assert np.array(answers.rounds(record)) == pytest.approx(
        np.array([(9.0, 10.0), (15.9, 16.9), (29.0, 30.0)])
    )
    finding = Finding(sign="vanishing_memory", level=Level.STRONG, claim="", measured=0.2)
    assert answers.answer(one("host-swap-heavy"), truth, record, finding) == pytest.approx(0.2)
    late = replace(finding, since=30.0)
    assert answers.answer(one("host-swap-heavy"), truth, record, late) == pytest.approx(0.1)


def test_each_level_of_swapping_is_told_as_if_there_were_no_other() -> None:
    truth = truth_of(1.0)
    for n in range(70):
        truth.add("held.pages", 1000, RAN + n)
        truth.add("held.missing", 0 if n < 35 else 200, RAN + n)
    truth.faults += [{"kind": "host_swap", "began": RAN + began, "ended": None} for began in (0, 35)]
    uptime = {"metric": "clock.uptime", "values": [t + BOOT for t in range(70)]}
    rounds = {"times": [20, 30, 50, 60], "slow": [0, 0, 0.2, 0.2], "pages": {"held": 9500, "hot": 500}}
    before, after = held.steps(build({"series": [uptime], "rounds": rounds}), truth)
    assert (before.rounds, before.truth, before.finding.level) == (2, 0.0, Level.CLEAN)
    assert (after.rounds, after.truth, after.finding.level) == (2, 0.2, Level.NOTICE)
    assert after.row.startswith("| 20.0% | 2 | notice | 19.")


def test_balloon_and_sold_memory_are_known_from_outside() -> None:
    truth = truth_of(1.0)
    for n, actual in enumerate((768, 768, 400, 400)):
        truth.add("balloon.actual", actual * 2**20, RAN + n)
    finding = Finding(sign="ballooned_memory", level=Level.STRONG, claim="", measured=0.0)
    assert answers.answer(one("balloon-400"), truth, run_of(0), finding) == 368 * 2**20
    finding = replace(finding, sign="missing_memory")
    assert answers.answer(one("less-memory-512"), truth, run_of(0), finding) == 512 * 2**20


@pytest.mark.parametrize(
    ("name", "mebibytes"),
    [
        ("xen-clean", 0),
        ("xen-clean-larger-maximum", 324),
        ("xen-balloon-500", 200),
    ],
)
def test_what_was_taken_is_known_also_where_qemu_cannot_tell(name: str, mebibytes: int) -> None:
    finding = Finding(sign="ballooned_memory", level=Level.CLEAN, claim="", measured=0.0)
    assert answers.answer(one(name), truth_of(1.0), run_of(0), finding) == mebibytes * 2**20


@pytest.mark.parametrize(
    ("name", "mebibytes"),
    [("openvz-honest", 768), ("openvz-sold-as-kvm", 384), ("container-sold-as-kvm", 400)],
)
def test_what_a_container_is_guaranteed_is_what_was_written_for_it(name: str, mebibytes: int) -> None:
    finding = Finding(sign="memory_guarantee", level=Level.CLEAN, claim="", measured=0.0)
    assert answers.answer(one(name), truth_of(1.0), run_of(0), finding) == mebibytes * 2**20


def results() -> list[RunResult]:
    ran = matrix.rows(one("hidden-steal-50"), 1, judge(run_of(0.48)), truth_of(0.5, 130))
    hung = matrix.absent(one("host-swap-heavy"), 1)
    return [
        RunResult("hidden-steal-50", 1, "ran", "", 142.0, ran, "suspect"),
        RunResult("host-swap-heavy", 1, "hung", "it was still | running\nafter 300 s", 300.0, hung),
    ]


def test_the_matrix_as_json_keeps_figures_and_errors() -> None:
    found = json.loads(matrix.as_json(results(), {"date": "today"}))
    rows = {row["sign"]: row for row in found["runs"][0]["rows"]}
    assert rows["hidden_steal"]["error"] == pytest.approx(-0.02, abs=0.005)
    assert found["tally"]["hit"] == 1
    assert found["tally"]["no run"] == 1


def test_the_matrix_as_markdown_says_what_hung_and_why() -> None:
    text = matrix.as_markdown(results(), {"date": "today"})
    assert "| hidden-steal-50 | hidden_steal | accuse | notice | hit | 4" in text
    assert "| host-swap-heavy | vanishing_memory | accuse | - | no run | - | - | - |" in text
    assert "| host-swap-heavy | 1 | hung | - | 300 | it was still / running after 300 s |" in text
    assert all(line.count("|") in {7, 9} for line in text.splitlines() if line.startswith("|"))


def test_figures_read_well() -> None:
    assert matrix.figure(None, "1") == "-"
    assert matrix.figure(0.5128, "1") == "51.28 %"
    assert matrix.figure(-48 * 2**20, "B", "+") == "-48.0 MiB"
    assert matrix.figure(200.0, "1/s") == "200 1/s"
    assert matrix.figure(1690.0, "1") == "1690 1"


def test_faults_come_and_go_in_the_order_of_time() -> None:
    truth = Truth()
    throttle, neighbour = one("neighbour-heavy").fault
    actions = bench.timeline((neighbour, throttle), truth)
    assert [(a.at, a.fault.kind, a.begins) for a in actions] == [
        (throttle.start, "disk_throttle", True),
        (neighbour.start, "neighbour", True),
        (neighbour.end, "neighbour", False),
    ]
    assert [note["began"] for note in truth.faults] == [None, None]


def test_a_scenario_is_run_as_often_as_it_says_or_the_user_wants() -> None:
    chosen = (one("clean-1"), one("hidden-steal-50"))
    assert [(s.name, n) for s, n in lanes.tasks(chosen, None)].count(("clean-1", 8)) == 1
    assert len(lanes.tasks(chosen, None)) == 9
    assert len(lanes.tasks(chosen, 1)) == 2


def test_the_picture_shows_both_sides_on_one_axis() -> None:
    (cpu,) = plot.panels(truth_of(0.5, 130), run_of(0.48))
    inside, outside = cpu.lines
    assert np.allclose(outside[2], 0.5, atol=0.01)
    assert float(np.median(inside[2])) == pytest.approx(0.52, abs=0.02)
    assert inside[1][0] == pytest.approx(5.0 + BOOT - 2.0 + 1, abs=0.6)  # on the lab's clock
    assert outside[1][0] >= inside[1][0]
