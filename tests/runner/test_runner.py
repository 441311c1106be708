"""The runner against probes that behave and probes that do not; each is a real process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runner.scripted_probes import DONE, SAMPLE, VALUE, kinds, measure
from vpsbench import metrics
from vpsbench.model import (
    RunState,
    Status,
)


def test_a_good_turn_is_kept_whole(tmp_path: Path) -> None:
    script = SAMPLE + 'say(kind="raw", name="out", text="all"); say(kind="note", text="n");' + DONE
    record, state = measure(tmp_path, {"good": script})
    [turn] = record.turns
    assert (turn.status, turn.raw, state) == (Status.OK, {"out": "all"}, RunState.FINISHED)
    assert [list(s.values) for s in record.named(VALUE)] == [[7.0]]
    assert record.named(metrics.TURN_COST, probe="good")[0].values[0] > 0


def test_the_duty_reaches_the_probe_and_is_the_load_that_is_applied(tmp_path: Path) -> None:
    script = 'say(kind="raw", name="duty", text=str(request["duty"])); time.sleep(0.7);' + DONE
    record, _ = measure(tmp_path, {"good": script, "next": DONE}, duty=0.3)
    assert record.turns[0].raw == {"duty": "0.3"}
    turn, [applied] = record.turns[0], record.named(metrics.LOAD_APPLIED, probe="good")
    during = (turn.started < applied.times) & (applied.times < turn.started + turn.elapsed)
    assert set(applied.values[during]) == {0.3}
    assert set(applied.values[~during]) <= {0.0}


def test_a_background_turn_runs_beside_the_others_and_ends_with_them(tmp_path: Path) -> None:
    patient = "signal.signal(signal.SIGTERM, lambda *_: (" + SAMPLE.strip() + ", sys.exit(143)))\n"
    scripts = {"sparse": patient + "time.sleep(1000)", "one": "time.sleep(0.4);" + DONE, "two": DONE}
    record, state = measure(tmp_path, scripts, seconds=100, background="sparse")
    sparse, one, two = record.turns
    assert [t.probe for t in record.turns] == ["sparse", "one", "two"]
    assert {t.status for t in record.turns} == {Status.OK}
    assert sparse.started <= one.started
    assert sparse.elapsed >= one.elapsed + two.elapsed
    assert (state, record.run.elapsed < 50) == (RunState.FINISHED, True)
    assert [s.values.size for s in record.named(VALUE)] == [1], "what it said at its end is kept"
    assert not record.named(metrics.LOAD_APPLIED, probe="sparse")


def test_a_background_turn_stands_still_beside_what_must_be_alone(tmp_path: Path) -> None:
    tick = "t = time.clock_gettime(7)\nwhile True:\n    " + SAMPLE + "    time.sleep(0.02)"
    scripts = {"sparse": tick, "disk": "time.sleep(1.5);" + DONE, "other": "time.sleep(0.5);" + DONE}
    record, _ = measure(tmp_path, scripts, seconds=100, background="sparse", alone="disk")
    turns = {turn.probe: turn for turn in record.turns}
    [times] = [s.times for s in record.named(VALUE)]
    disk, other = turns["disk"], turns["other"]
    # On a busy machine a process takes a while to start, and another to stand still.
    during = (times > disk.started + 0.6) & (times < disk.started + disk.elapsed - 0.2)
    assert not during.any()
    assert ((times > other.started) & (times < other.started + other.elapsed)).any()
    assert turns["sparse"].status is Status.OK


def test_a_stop_ends_a_background_turn_too(tmp_path: Path) -> None:
    scripts = {"sparse": "time.sleep(1000)", "one": "time.sleep(1000)"}
    record, _ = measure(tmp_path, scripts, seconds=100, background="sparse", stop_at_tick=True)
    assert {t.probe: t.status for t in record.turns}["sparse"] in {Status.INTERRUPTED, Status.SKIPPED}


@pytest.mark.parametrize(
    ("script", "detail"),
    [
        (SAMPLE + "os.kill(os.getpid(), signal.SIGKILL)", "killed by SIGKILL"),
        (SAMPLE + "sys.exit(5)", "status 5"),
        (SAMPLE + "raise RuntimeError('broken')", "RuntimeError: broken"),
        (SAMPLE + "print('}{ garbage', flush=True)", "status 0"),
    ],
)
def test_a_probe_that_dies_loses_nothing_and_the_next_one_runs(
    tmp_path: Path, script: str, detail: str
) -> None:
    record, state = measure(tmp_path, {"bad": script, "good": SAMPLE + DONE})
    bad, good = record.turns
    assert (bad.status, good.status, state) == (Status.FAILED, Status.OK, RunState.FINISHED)
    assert detail in bad.detail
    assert "probe_failed" in kinds(record)
    assert len(record.named(VALUE)[0].values) == 2


def test_garbage_and_unknown_metrics_are_events(tmp_path: Path) -> None:
    script = (
        "print('garbage', flush=True);"
        'say(kind="sample", metric="other", value=1.0, labels={}, at=1.0);' + DONE
    )
    record, _ = measure(tmp_path, {"odd": script})
    assert sum(event.kind == "probe_garbage" for event in record.events) == 2
    assert record.turns[0].status is Status.OK


def test_a_probe_that_hangs_is_ended_with_all_its_children(tmp_path: Path) -> None:
    script = (
        "import subprocess\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen(['sleep', '1000'], process_group=0)\n"
        'say(kind="raw",name="pid",text=str(child.pid))\ntime.sleep(1000)'
    )
    record, state = measure(tmp_path, {"hangs": script}, hasty=True)
    [turn] = record.turns
    assert (turn.status, state) == (Status.TIMED_OUT, RunState.FINISHED)
    assert (
        not Path("/proc", turn.raw["pid"]).exists()
        or "Z" in Path("/proc", turn.raw["pid"], "stat").read_text()
    )


def test_a_stop_ends_the_turn_cleanly_and_tells_what_never_began(tmp_path: Path) -> None:
    script = SAMPLE + "time.sleep(1000)"
    record, state = measure(tmp_path, {"long": script, "next": SAMPLE}, seconds=100, stop_at_tick=True)
    assert state is RunState.INTERRUPTED
    assert {turn.probe: turn.status for turn in record.turns}["next"] is Status.SKIPPED
    assert {turn.status for turn in record.turns} <= {Status.INTERRUPTED, Status.SKIPPED}
    assert "interrupted" in kinds(record)


def test_what_this_guest_lacks_is_told_and_not_tried(tmp_path: Path) -> None:
    record, _ = measure(tmp_path, {"disk": "sys.exit(9)"}, missing={"disk": "no fio"})
    assert [(turn.status, turn.detail) for turn in record.turns] == [(Status.UNAVAILABLE, "no fio")]
