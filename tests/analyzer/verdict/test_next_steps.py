"""What would settle a promise, and how far a kept one was tested, is computed from the run."""

from __future__ import annotations

from typing import Any

import pytest

from tests.analyzer.verdict.runs import GOOD
from tests.builders.sign_records import build
from vpsbench import plugins, probes, profiles
from vpsbench.analyzer.verdict import next_steps
from vpsbench.analyzer.verdict.judge import judge
from vpsbench.probes import Probe
from vpsbench.wording.figures import span

STOLEN = {"turns": [[10, 150]], "lost": 0.5}
FEW = GOOD | {"rounds": {"times": [200], "slow": [0.0]}}


def steps(case: dict[str, Any]) -> dict[str, str]:
    return {p.item: p.settle for p in judge(build(case)).verdict.promises}


def test_a_steady_disk_says_which_burst_allowance_would_have_been_noticed() -> None:
    assert steps(GOOD)["disk_burst"] == (
        "This 60 s test would have noticed a burst allowance of up to 54,000 reads; "
        "45 min at full rate would cover 2.4 million."
    )


def test_a_clean_cpu_says_how_much_load_would_exclude_what_a_shared_plan_may_lose() -> None:
    bound = next(f for f in judge(build(GOOD)).findings if f.sign == "hidden_steal").interval
    assert bound is not None
    needed = span(150 * bound[1] / 0.05)
    said = f"About {needed} of load would exclude a mean loss above 5 % over a longer time."
    assert steps(GOOD)["cpu"] == said


def test_a_suspicion_asks_for_sessions_hours_apart() -> None:
    short = GOOD | {"loops": STOLEN, "run": {"duration": 600.0}}
    assert "--profile standard" in steps(short)["cpu"]
    assert "another day" in steps(GOOD | {"loops": STOLEN})["cpu"]


def test_what_was_too_short_says_how_much_would_be_enough() -> None:
    short = GOOD | {"loops": STOLEN | {"turns": [[10, 60]]}}
    assert steps(short)["cpu"] == (
        "About 2.0 min of measuring would be enough: "
        "`vpsbench run --profile standard` has 75 min of full load."
    )
    assert steps(FEW)["memory_held"].startswith("About 4.0 min of measuring would be enough")


def test_memory_that_was_left_alone_for_a_short_time_says_for_how_long() -> None:
    aged = GOOD | {"rounds": GOOD["rounds"] | {"age": [100, 120, 140]}}
    assert "left alone for 2.3 min at the longest" in steps(aged)["memory_held"]


def test_a_guest_that_needed_its_memory_is_told_to_free_some() -> None:
    back = FEW | {"events": [{"kind": "memory.given_back", "detail": "too little is left"}]}
    assert "leave more memory free" in steps(back)["memory_held"]


def test_nothing_measured_points_to_the_doctor() -> None:
    assert "vpsbench doctor" in steps({})["memory_held"]


def test_what_nothing_here_looks_at_says_who_can_answer() -> None:
    assert "seller" in steps(GOOD | {"plan": {"cpu_model": "EPYC"}})["cpu_model"]


@pytest.mark.parametrize(("probe", "minutes"), [("memory", 8), ("disk", 12)])
def test_what_is_said_of_the_standard_profile_is_true(probe: str, minutes: int) -> None:
    options = {name: probe.options for name, probe in plugins.collect(probes, "PROBE", Probe).items()}
    standard = profiles.load_profile("standard", options)
    (turn,) = (turn for turn in standard.turns if turn.probe == probe)
    assert turn.every is not None
    times = 1 + (standard.duration - turn.start - turn.duration) // turn.every
    assert (next_steps.STANDARD[probe], turn.duration, times) == (f"{minutes} min twice", minutes * 60, 2)
