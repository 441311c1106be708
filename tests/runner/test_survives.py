"""What a runner survives: probes that are wedged, sleep, vCPUs that go, and its own earlier death."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.runner.scripted_probes import DONE, SAMPLE, SAY, kinds, measure
from vpsbench.model import RunState, Status, Turn
from vpsbench.runner import child
from vpsbench.runner.child import Child
from vpsbench.runner.clock import RealClock
from vpsbench.runner.early import EarlyVerdicts
from vpsbench.runner.run_state import BegunTurn, EarlyVerdict
from vpsbench.runner.runner import Runner


class Sleeper(RealClock):
    """Real time, but for an hour of sleep half a second after it was made."""

    def __init__(self) -> None:
        self._falls_asleep = time.monotonic() + 0.5

    def asleep(self) -> float:
        return 3600.0 if time.monotonic() > self._falls_asleep else 0.0

    def boot(self) -> float:
        return super().boot() + self.asleep()


@pytest.mark.parametrize("way", ["stopped", "unkillable"])
def test_a_wedged_probe_is_given_up_and_the_next_one_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """SIGKILL ends a stopped process. Nothing ends one in uninterruptible sleep, as if no kill came."""
    wedged: list[int] = []
    if way == "unkillable":
        monkeypatch.setattr(Child, "kill", lambda self: wedged.append(self._process.pid))
        monkeypatch.setattr(child, "_REAP_SECONDS", 0.05)
    script = (
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        + ("os.kill(os.getpid(), signal.SIGSTOP)\n" if way == "stopped" else "")
        + "time.sleep(1000)"
    )
    try:
        scripts = {"bad": script, "good": SAMPLE + DONE}
        record, state = measure(tmp_path, scripts, hasty=True, left=int(way == "unkillable"))
    finally:
        for pid in set(wedged):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        for folder in tmp_path.glob("vpsbench-turn-*"):
            shutil.rmtree(folder)
    bad, good = record.turns
    assert (bad.status, good.status, state) == (Status.TIMED_OUT, Status.OK, RunState.FINISHED)
    assert ("not even SIGKILL" in bad.detail) == (way == "unkillable")


def test_a_turn_that_cannot_be_started_fails_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**_: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    record, state = measure(tmp_path, {"one": SAMPLE + DONE, "other": SAMPLE + DONE})
    assert [(turn.status, "No space left" in turn.detail) for turn in record.turns] == [
        (Status.FAILED, True),
        (Status.FAILED, True),
    ]
    assert state is RunState.FINISHED


def test_what_is_judged_early_is_shown_and_never_recorded(tmp_path: Path) -> None:
    say = 'say(kind="done", status="ok", detail="kept: " + request["options"]["x"])'
    judge = [sys.executable, "-c", SAY + say]
    noted: list[tuple[tuple[BegunTurn, ...], EarlyVerdict | None]] = []

    def adjust(runner: Runner) -> None:
        runner.early = EarlyVerdicts(judge, {"x": "so far"}, due=0.0)
        runner.remember = lambda turns, early: noted.append((turns, early))

    record, _ = measure(tmp_path, {"good": SAMPLE + DONE}, hasty=True, adjust=adjust)
    assert [turn.probe for turn in record.turns] == ["good"]
    assert noted[0][0][0].probe == "early verdict"
    early = noted[-1][1]
    assert early is not None
    assert early.text == "kept: so far"


def test_a_run_that_goes_on_repeats_no_turn_and_tells_what_it_missed(tmp_path: Path) -> None:
    done = Turn("first", 0.0, 1.0, Status.OK, "", {}, {})

    def adjust(runner: Runner) -> None:
        runner.resumed, runner.done = True, (done,)

    record, _ = measure(tmp_path, {"first": SAMPLE + DONE, "second": SAMPLE + DONE}, adjust=adjust)
    assert [turn.probe for turn in record.turns] == ["second"]


def test_a_turn_gets_only_the_vcpus_that_are_there(tmp_path: Path) -> None:
    script = 'say(kind="raw", name="vcpus", text=str(request["vcpus"]));' + DONE

    def adjust(runner: Runner) -> None:
        runner.vcpus, runner.usable = (0, 1, 2), lambda: {0, 2, 5}

    record, _ = measure(tmp_path, {"good": script}, adjust=adjust)
    assert record.turns[0].raw["vcpus"] == "[0, 2]"


def test_sleep_is_no_fault_of_the_turn_that_it_falls_into(tmp_path: Path) -> None:
    """The clocks jump by an hour in a turn of 2 s: not allowed for, it would be ended as too long."""

    def adjust(runner: Runner) -> None:
        clock = Sleeper()
        runner.clock = runner.writer.clock = runner.guest_watch.clock = clock
        runner.profile = replace(runner.profile, duration=10_000.0)

    record, _ = measure(tmp_path, {"good": "time.sleep(1.2);" + DONE}, adjust=adjust)
    assert [turn.status for turn in record.turns] == [Status.OK]
    assert "suspended" in kinds(record)
