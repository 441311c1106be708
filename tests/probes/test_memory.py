"""Turns of the memory probe: what is held, left, timed and given back."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import psutil
import pytest

from tests.probes.collected import Collected
from tests.probes.small_guest import Pretended, Strained
from vpsbench.probes import Request, Unavailable
from vpsbench.probes import memory as probe
from vpsbench.probes.conduct.duty_cycle import DutyCycle, moments
from vpsbench.probes.conduct.memory_headroom import MemoryHeadroom
from vpsbench.probes.held_memory import metrics
from vpsbench.probes.held_memory.held import BATCH, BLOCK, PAGE, Held
from vpsbench.probes.held_memory.touch import BOUNDS
from vpsbench.probes.memory import MIB, Options, limits, run

GIB = 1024 * MIB


def surprises(emit: Collected) -> list[tuple[str, str]]:
    """All events but the one that depends on who runs the tests."""
    return [event for event in emit.events if event[0] != "memory.not_locked"]


def resident() -> int:
    return int(psutil.Process().memory_info().rss)


def request(seconds: float, options: Options, seed: int = 1) -> Request:
    return Request(seconds, options, 0, "", tuple(sorted(os.sched_getaffinity(0))), seed)


def test_limits_leave_the_floor() -> None:
    plain = limits(MemoryHeadroom(4 * GIB, 2 * GIB), Options(share=0.5))
    assert plain.size == GIB
    assert plain.floor == 4 * GIB // 10
    assert plain.stride == -(-GIB // PAGE // 4000)
    tight = limits(MemoryHeadroom(512 * MIB, 300 * MIB), Options(share=0.8))
    assert tight.floor == 64 * MIB
    assert tight.size == (300 - 96) * MIB
    assert limits(MemoryHeadroom(512 * MIB, 60 * MIB), Options()).size == 0


@pytest.mark.parametrize(
    "wrong", [{"share": 0.04}, {"share": 0.81}, {"rounds": 0}, {"touches": 0}, {"hot": 0}, {"rest": -1}]
)
def test_options_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        Options(**wrong)  # type: ignore[arg-type]  # wrong on purpose


def test_a_turn_measures_both_arms_in_every_round() -> None:
    emit, options = Collected(), Options(share=0.16, rounds=3, touches=2000, hot=500, floor=0)
    state = (Path("/proc/self/oom_score_adj").read_text(), os.sched_getaffinity(0), resident())
    run(request(4.0, options), emit, Pretended())
    assert max(emit.values(metrics.HELD)) == 32 * MIB
    assert emit.values(metrics.HELD)[-1] == 0
    assert len(emit.samples[metrics.FIRST_TOUCH]) == 8
    assert all(value > 0 for value in emit.values(metrics.FIRST_TOUCH))
    assert emit.values(metrics.ERRORS) == [0, 0, 0, 0]
    assert emit.values(metrics.VERIFIED)[1] == 2482  # the first round's are more: the code is warmed up
    assert 0 <= emit.values(metrics.VERIFIED)[-1] <= 32 * MIB / PAGE  # as many as there is time for
    assert emit.values(metrics.AGE) == sorted(emit.values(metrics.AGE))
    assert len(emit.values(metrics.MAJOR_FAULTS)) == 3  # of a machine that is short of memory some
    totals = {(at, labels["arm"]): value for value, at, labels in emit.samples[metrics.TOTAL]}
    assert len(totals) == 12
    assert {value for (_, arm), value in totals.items() if arm == "held"} == {2000}
    assert {value for (_, arm), value in totals.items() if arm == "hot"} == {482}
    pages = {labels["arm"]: value for value, _, labels in emit.samples[metrics.PAGES]}
    assert pages == {"hot": 482, "held": 8192 - 482}
    counted: dict[tuple[float | None, str], float] = defaultdict(float)
    for value, at, labels in emit.samples[metrics.COUNT]:
        assert labels["le"] == "inf" or int(labels["le"]) in BOUNDS
        counted[at, labels["arm"]] += value
    assert counted == totals
    assert emit.told() <= set(probe.PROBE.metrics)
    after = (Path("/proc/self/oom_score_adj").read_text(), os.sched_getaffinity(0), resident())
    assert after[:2] == state[:2]
    assert after[2] - state[2] < 16 * MIB


def test_a_duty_means_rests_that_no_touch_is_timed_with(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        time.sleep(0.02)

    monkeypatch.setattr(probe, "DutyCycle", lambda duty, seconds: DutyCycle(duty, seconds, sleep=sleep))
    emit, options = Collected(), Options(share=0.16, rounds=1, touches=6000, hot=500, floor=0)
    run(dataclasses.replace(request(3, options), duty=0.1), emit, Pretended())
    assert sum(emit.values(metrics.TOTAL)) > 6000
    assert len(slept) > 8 + 6000 / BATCH  # filling has eight chunks
    long = [v for v, _, labels in emit.samples[metrics.COUNT] if float(labels["le"]) > 20e6]
    assert sum(long) < 6  # all of them would be twelve; a busy machine may add one of its own


def test_memory_is_given_back_when_the_guest_needs_it() -> None:
    emit = Collected()
    files = Pretended(late=20 * MIB, after=12)  # after the look before, eight while filling, and three rests
    run(request(30, Options(share=0.16, rest=1.0, floor=0)), emit, files)
    ((kind, detail),) = surprises(emit)
    assert kind == "memory.given_back"
    assert "only 20 MiB were left available, under the floor of 25 MiB" in detail
    assert emit.values(metrics.HELD)[-2:] == [32 * MIB, 0]


def test_filling_stops_above_the_reserve() -> None:
    emit = Collected()
    # After the two looks before and six more 40 MiB are left; 4 less would be under 1.5 times the floor.
    run(request(1.5, Options(share=0.5, rounds=1, floor=0)), emit, Pretended(late=40 * MIB, after=8))
    assert max(emit.values(metrics.HELD)) == 6 * BLOCK
    assert not surprises(emit)


def test_a_guest_whose_tasks_wait_for_memory_already_is_left_alone() -> None:
    with pytest.raises(Unavailable, match="needs its memory itself: some task of the guest waited"):
        run(request(1, Options(share=0.16, floor=0)), Collected(), Strained())


def test_a_guest_that_strains_keeps_the_probe_from_taking_more_and_gets_all_if_it_goes_on() -> None:
    emit = Collected()
    run(request(30, Options(share=0.3, rest=1.0, floor=0)), emit, Strained(since=9))
    assert [kind for kind, _ in surprises(emit)] == ["memory.not_filled", "memory.given_back"]
    assert max(emit.values(metrics.HELD)) == 7 * BLOCK
    assert emit.values(metrics.HELD)[-1] == 0


def test_a_probe_whose_runner_is_gone_before_it_could_ask_to_end_with_it_ends() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    asked = dataclasses.asdict(request(30, Options()))
    command = [sys.executable, "-m", "vpsbench.probes", "memory"]
    done = subprocess.run(
        command, input=json.dumps(asked).encode(), stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (143, b"")


def test_too_little_memory_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="8 MiB could be held"):
        run(request(1, Options(share=0.05, floor=0)), Collected(), Pretended())


def test_memory_that_may_not_be_locked_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_held: Held, _name: str, _start: int, _size: int) -> int:
        return -1

    monkeypatch.setattr(Held, "_call", refuse)
    emit = Collected()
    run(request(1.5, Options(share=0.16, rounds=1, floor=0)), emit, Pretended())
    assert [kind for kind, _ in emit.events] == ["memory.not_locked"]


def test_most_rounds_come_after_a_long_rest() -> None:
    assert moments(4, 100.0) == pytest.approx([50.0, 50 + 50 / 2.25, 50 + 100 / 2.25, 100.0])
    assert moments(2, 100.0) == [50.0, 100.0]
    assert moments(1, 100.0) == [50.0]
    assert moments(3, 100.0, 8.0) == [8.0, 16.0, 18.0]
    assert moments(1, 100.0, 8.0) == [8.0]
