"""The runner against probes that behave and probes that don't; each is a real process."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from vpsbench import metrics
from vpsbench.guest.files import Files
from vpsbench.kernel_text.lines import Texts
from vpsbench.model import (
    Answer,
    Guest,
    Kind,
    Limits,
    Metric,
    Profile,
    Record,
    RunState,
    Sample,
    Status,
    Turn,
    TurnSpec,
)
from vpsbench.monitors import Monitor, matching
from vpsbench.runner.child import remove_leftovers, worker
from vpsbench.runner.clock import RealClock
from vpsbench.runner.guest_watch import GuestWatch
from vpsbench.runner.monitor_reader import MonitorReader
from vpsbench.runner.retrying_writer import RetryingWriter
from vpsbench.runner.runner import Runner
from vpsbench.runner.stop import Stop
from vpsbench.store import reader
from vpsbench.store.writer import Collector

VALUE = Metric("fake.value", "1", Kind.GAUGE, "neither", "for the test")
GUEST = Guest(
    hostname="h",
    kernel="k",
    arch="x86_64",
    os="os",
    cpu_model="m",
    python="3",
    vpsbench="0",
    root=True,
    layers=(),
    steal_clock=Answer(None, "a test"),
    limits=Limits(1, (0,), 1 << 30, None, None),
    capabilities=(),
    facts={},
)
SAY = """
import json, os, signal, sys, time
request = json.load(sys.stdin)
def say(**fields): print(json.dumps(fields), flush=True)
"""
DONE = 'say(kind="done", status="ok", detail="")'
SAMPLE = 'say(kind="sample",metric="fake.value",value=7.0,labels={},at=time.clock_gettime(7))\n'


class Silent:
    """A ``Progress`` that only keeps the turns."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.on_tick: Callable[[], None] = lambda: None

    def turn(self, probe: str, seconds: float) -> None:
        assert probe
        assert seconds > 0

    def ended(self, turn: Turn) -> None:
        self.turns.append(turn)

    def note(self, text: str) -> None:
        assert text

    def seen(self, samples: list[Sample]) -> None:
        assert all(isinstance(s, Sample) for s in samples)

    def told(self, text: str) -> None:
        assert text

    def tick(self, elapsed: float) -> None:
        assert elapsed >= 0
        self.on_tick()


@dataclass
class Hasty(RealClock):
    """Real time, except that deadlines come soon: a second of ours is ten of the runner's."""

    began: float = 0.0

    def boot(self) -> float:
        return self.began + (super().boot() - self.began) * 10

    def wait(self, file: int | None, seconds: float) -> bool:
        return super().wait(file, seconds / 10)


def measure(  # noqa: PLR0913  each test sets one or two of them
    folder: Path,
    scripts: dict[str, str],
    *,
    seconds: float = 2.0,
    missing: dict[str, str] | None = None,
    monitors: Iterable[Monitor] = (),
    stop_at_tick: bool = False,
    hasty: bool = False,
    duty: float = 1.0,
    adjust: Callable[[Runner], None] = lambda _: None,
    left: int = 0,
    background: str = "",
    alone: str = "",
) -> tuple[Record, RunState]:
    profile = Profile(
        name="test",
        description="",
        duration=1000.0 if hasty else seconds * len(scripts) + 1,
        tick=0.2,
        turns=tuple(
            TurnSpec(probe=name, duration=seconds, background=name == background) for name in scripts
        ),
        duty=duty,
    )
    boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    clock, progress = Hasty(boot) if hasty else RealClock(), Silent()
    with Collector(folder / "run.db") as collector:
        number = collector.begin(
            profile=profile,
            plan=None,
            guest=GUEST,
            seed=1,
            metrics=[*metrics.INSTRUMENT, VALUE, *(m for one in monitors for m in one.metrics)],
            wall=time.time(),
            boot=boot,
        )
        runner = Runner(
            profile=profile,
            metrics={name: {VALUE.name: VALUE} for name in scripts},
            writes={},
            missing=missing or {},
            alone=frozenset({alone}),
            monitors=MonitorReader(monitors, Files(folder)),
            guest_watch=GuestWatch(clock, lambda: GUEST.limits),
            writer=RetryingWriter(collector, clock, boot),
            clock=clock,
            progress=progress,
            folder=str(folder),
            vcpus=(0,),
            seed=1,
            command=lambda name: [sys.executable, "-c", SAY + scripts[name]],
        )
        adjust(runner)
        if stop_at_tick:
            progress.on_tick = lambda: setattr(runner, "stop", Stop("stopped by a test"))
        state = runner.run()
        collector.finish(state, clock.boot() - boot)
    assert len(list(folder.glob("vpsbench-turn-*"))) == left, "no turn leaves its folder behind"
    return reader.read(folder / "run.db", number), state


def kinds(record: Record) -> set[str]:
    return {event.kind for event in record.events}


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


def numbers(name: str, metric: Metric) -> Monitor:
    def parse(texts: Texts) -> list[Sample]:
        return [Sample(metric, float(text)) for text in texts.values()]

    return Monitor(name, matching("source"), (metric,), parse)


def test_a_monitors_missing_readings_are_gaps_and_its_troubles_events(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("5")
    watched = MonitorReader([numbers("n", VALUE)], Files(tmp_path))
    assert [s.value for s in watched.read().samples] == [5]
    source.write_text("garbage")
    broken, again = watched.read(), watched.read()
    assert (broken.samples, broken.gaps) == ([], [("fake.value", ())])
    assert (len(broken.problems), again.problems, again.gaps) == (1, [], broken.gaps)
    source.unlink()
    assert watched.read().gaps == broken.gaps
    source.write_text("0")
    assert [(s.value, s.metric) for s in watched.read().samples] == [(0, VALUE)]


def test_a_monitor_without_files_is_unavailable(tmp_path: Path) -> None:
    record, _ = measure(tmp_path, {"good": SAMPLE}, monitors=[numbers("absent", VALUE)])
    assert [e.said for e in record.events if e.kind == "monitor_unavailable"] == [
        "absent: this guest has no such files"
    ]


def test_folders_of_dead_runs_are_removed_and_of_living_ones_kept(tmp_path: Path) -> None:
    """After a reboot a dead run's process id may be that of another program, or of this one."""
    waits = "import sys; sys.stdin.read()"
    gone = 4_194_305  # above the kernel's highest process id
    with (
        subprocess.Popen([sys.executable, "-c", waits, "vpsbench"], stdin=subprocess.PIPE) as run,
        subprocess.Popen([sys.executable, "-c", waits], stdin=subprocess.PIPE) as other,
    ):
        dead = [f"vpsbench-turn-{pid}-x" for pid in (gone, other.pid, os.getpid())]
        for name in (*dead, f"vpsbench-turn-{run.pid}-x", "vpsbench-turn-mine", "other"):
            (tmp_path / name).mkdir()
        assert sorted(remove_leftovers(tmp_path)) == sorted(dead)
        run.communicate()
        other.communicate()
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(("name", "status"), [("cpu", "ok"), ("nonesuch", "failed")])
def test_the_real_worker_ends_with_its_outcome(tmp_path: Path, name: str, status: str) -> None:
    vcpu = min(os.sched_getaffinity(0))
    request = {
        "seconds": 1,
        "options": {},
        "write_budget": 0,
        "folder": str(tmp_path),
        "vcpus": [vcpu],
        "seed": 1,
    }
    done = subprocess.run(worker(name), input=json.dumps(request), capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert (lines[-1]["kind"], lines[-1]["status"]) == ("done", status)
    assert any(line["kind"] == ("course" if status == "ok" else "raw") for line in lines)
