"""What a run must survive when nobody looks: each part by itself, on clocks that are moved by hand."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.builders import example_run
from tests.builders.example_run import GUEST, free
from tests.builders.fake_clock import FakeClock
from tests.places import DOCS
from vpsbench.commands import install_service
from vpsbench.errors import VpsbenchError
from vpsbench.model import Limits, RunState, Status, Turn
from vpsbench.monitors import cpu_times
from vpsbench.monitors import memory as meminfo
from vpsbench.runner import lock
from vpsbench.runner.guest_watch import GuestWatch
from vpsbench.runner.lock import LatestRun, Lock
from vpsbench.runner.resumption import Past, axis, cut_short
from vpsbench.runner.retrying_writer import RetryingWriter
from vpsbench.runner.run_state import BegunTurn, EarlyVerdict, RunStateFile, SavedRun
from vpsbench.runner.stop import Stop
from vpsbench.store import reader
from vpsbench.store.writer import Collector
from vpsbench.wiring import background, conclude, measure, run_status, systemd

BOOT = example_run.BOOT
HOLDER = """
import sys
from vpsbench.runner.lock import Lock, LatestRun
with Lock() as lock:
    lock.tell(LatestRun("/there/run.db", 7, 1))
    print("held", flush=True)
    sys.stdin.read()
"""
SAVED = SavedRun(
    run=3,
    boot_id="one",
    boot=100.0,
    folder="/data",
    html=None,
    json=None,
    turns=(BegunTurn("cpu", 40.0, 60.0, {"arm": "all"}),),
    early=EarlyVerdict(30.0, "kept: so far"),
)
PAST = Past(
    elapsed=50.0, started=1_000_000.0, offset=999_900.0, drift=0.0, turns=(), written=0.0, saved=SAVED
)


def holder() -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


# --- one at a time ---


def test_a_second_run_is_refused_and_told_of_the_first() -> None:
    with holder() as first:
        assert lock.holder() == first.pid
        with pytest.raises(VpsbenchError, match=rf"process {first.pid}, run 7 in /there/run.db") as refused:
            Lock()
        assert "vpsbench stop" in refused.value.hint
        first.communicate("")


def test_a_dead_process_holds_no_lock_and_still_tells_which_run_it_was() -> None:
    with holder() as first:
        first.kill()
    assert lock.holder() is None
    assert lock.latest_run() == LatestRun("/there/run.db", 7, 1)
    with Lock():
        pass


def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(lock.FOLDER_VARIABLE, str(tmp_path))
    victim = tmp_path / "victim"
    victim.write_text("precious")
    lock.path().symlink_to(victim)
    with pytest.raises(VpsbenchError, match="Cannot open"):
        Lock()
    assert victim.read_text() == "precious"


# --- going on ---


def test_a_note_comes_back_whole_and_a_torn_one_not_at_all(tmp_path: Path) -> None:
    book = RunStateFile(tmp_path / "run.db")
    assert book.read() is None
    book.write(SAVED)
    assert book.read() == SAVED
    [file] = tmp_path.iterdir()
    whole = file.read_text()
    for torn in (whole[:-20], "[]", "{}", ""):
        file.write_text(torn)
        assert book.read() is None
    book.remove()
    assert list(tmp_path.iterdir()) == []


def test_on_the_same_boot_the_axis_is_the_same() -> None:
    found = axis(PAST, "one", 210.0, 5.0)
    assert found.boot == 100.0
    assert found.offset == 1_000_000.0 - 100.0
    assert found.shift == 0.0
    assert [kind for kind, _ in found.events] == ["resumed"]
    assert "60.0 s" in found.events[0][1]


def test_over_a_reboot_the_wall_clock_carries_the_axis() -> None:
    found = axis(PAST, "two", 20.0, 1_000_000.0 + 50.0 + 300.0)
    assert 20.0 - found.boot == 350.0, "elapsed now"
    now = 1_000_000.0 + 350.0 - 20.0  # wall clock minus CLOCK_BOOTTIME
    assert now + found.shift == PAST.offset, "a reboot is no step of the clock"
    assert [kind for kind, _ in found.events] == ["resumed", "reboot"]


@pytest.mark.parametrize("saved", [SAVED, None])
def test_a_wall_clock_that_went_back_over_a_reboot_is_told_and_time_never_does(
    saved: SavedRun | None,
) -> None:
    found = axis(replace(PAST, saved=saved), "two", 20.0, 1_000_000.0 - 9000.0)
    assert 20.0 - found.boot == 50.0 + 20.0, "at least the new uptime has passed"
    assert [kind for kind, _ in found.events] == ["resumed", "reboot", "clock_step"]


def test_a_turn_cut_short_is_recorded_unless_its_end_was() -> None:
    [cut] = cut_short(PAST, "killed")
    assert (cut.probe, cut.elapsed, cut.status) == ("cpu", 10.0, Status.INTERRUPTED)
    ended = Turn("cpu", 40.0, 9.0, Status.OK, "", {}, {})
    assert list(cut_short(replace(PAST, turns=(ended,)), "killed")) == []


def test_a_resumed_run_keeps_its_series_and_its_axis(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Collector(path) as collector:
        run = example_run.begin(collector)
        collector.add([free(1.0)], BOOT + 1)
        collector.commit(1)
    with Collector(path) as collector:
        collector.resume(run, metrics=example_run.METRICS, boot=10.0)
        assert collector.known() == (("memory.free", ()),)
        collector.gap("memory.free", (), 10.0 + 2)
        collector.add([free(2.0)], 10.0 + 60)
        collector.finish(RunState.FINISHED, 60)
    record = reader.read(path)
    assert record.run.state is RunState.FINISHED
    [series] = record.series
    assert series.times.tolist() == [1, 60]
    assert series.values.tolist() == [1, 2]
    assert series.gaps == ((2, 60),)


def test_counters_go_on_over_a_reboot_and_those_of_a_new_cgroup_too(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    ours = replace(example_run.STEAL, name="cgroup.cpu.throttled")
    with Collector(path) as collector:
        run = example_run.begin(collector)
        collector.add([example_run.steal(100.0)], BOOT + 1)
        collector.add([example_run.steal(103.0)], BOOT + 2)
        collector.commit(2)
    with Collector(path) as collector:
        collector.resume(run, metrics=[*example_run.METRICS, ours], boot=0.0)
        for kind in ("resumed", "reboot"):
            collector.event(kind, "", 60.0)
        for at, value in ((60.5, 4.0), (61.5, 6.0)):
            collector.add([example_run.steal(value), example_run.free(value)._replace(metric=ours)], at)
        collector.finish(RunState.FINISHED, 62)
    record = reader.read(path)
    assert record.named(cpu_times.TIME)[0].values.tolist() == [100, 103, 107, 109]
    assert record.named(ours)[0].values.tolist() == [4, 6]
    assert "counter_backwards" not in {event.kind for event in record.events}


# --- what happens to the guest ---


def watched(clock: FakeClock, limits: Callable[[], Limits]) -> Callable[[], list[tuple[str, str]]]:
    watch = GuestWatch(clock, limits)
    assert list(watch.look()) == []
    return lambda: list(watch.look())


@pytest.mark.parametrize("step", [3600.0, -3600.0, 0.2])
def test_a_step_of_the_wall_clock_is_an_event(step: float) -> None:
    clock = FakeClock()
    look = watched(clock, lambda: GUEST.limits)
    clock.now += 1
    assert look() == []
    clock.wall_at_boot += step
    assert look() == [("clock_step", f"the wall clock stepped by {step:+.3f} s")]
    assert look() == []


def test_sleep_is_an_event_and_no_step_of_the_clock() -> None:
    clock = FakeClock()
    look = watched(clock, lambda: GUEST.limits)
    clock.suspend(30)
    assert look() == [("suspended", "the guest was suspended for 30.0 s")]


def test_vcpus_and_limits_that_change_are_events() -> None:
    clock, limits = FakeClock(), GUEST.limits
    look = watched(clock, lambda: limits)
    limits = replace(limits, vcpus_online=1, vcpus_usable=(0,), cgroup_cpus=0.5)
    assert look() == [], "limits are read every 10 s only"
    clock.now += 10
    assert [detail for _, detail in look()] == [
        "vCPUs online: 2 became 1",
        "the vCPUs that we may use: 0, 1 became 0",
        "our cgroup's CPU quota: no limit became 0.5",
    ]


# --- a disk that cannot be written ---


def storing(path: Path, room: int = 1 << 20) -> tuple[Collector, RetryingWriter, FakeClock]:
    collector, clock = Collector(path, room), FakeClock(BOOT)
    example_run.begin(collector)
    return collector, RetryingWriter(collector, clock, BOOT), clock


def ticks(writer: RetryingWriter, clock: FakeClock, count: int) -> None:
    for _ in range(count):
        clock.now += 1
        writer.collector.add([free(clock.now)], clock.now)
        writer.commit()


def test_what_cannot_be_stored_is_kept_and_stored_later(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    collector, writer, clock = storing(path)
    with collector:
        ticks(writer, clock, 3)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        ticks(writer, clock, 3)
        assert "another process is writing" in writer.trouble
        other.execute("ROLLBACK")
        other.close()
        ticks(writer, clock, 3)
        writer.finish(RunState.FINISHED, 0)
    record = reader.read(path)
    assert list(record.named(meminfo.FREE)[0].times) == [*range(1, 10)]
    assert [event.kind for event in record.events] == ["unstored", "stored_again"]


def test_memory_for_what_waits_is_bounded_and_what_was_dropped_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    collector, writer, clock = storing(path, room=500)
    with collector:
        collector._db.execute("PRAGMA query_only = 1")  # noqa: SLF001  as on a file system that became read-only
        ticks(writer, clock, 100)
        collector._db.execute("PRAGMA query_only = 0")  # noqa: SLF001
        ticks(writer, clock, 2)
        writer.finish(RunState.FINISHED, 0)
    record = reader.read(path)
    times = list(record.named(meminfo.FREE)[0].times)
    assert times == sorted(times)
    assert {1, 2, 102} <= set(times)
    assert len(times) < 60
    assert "readings_lost" in {event.kind for event in record.events}


def test_a_run_that_ends_while_the_disk_is_full_waits_for_it(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    collector, writer, clock = storing(path)
    with collector:
        collector._db.execute("PRAGMA query_only = 1")  # noqa: SLF001  see above
        with pytest.raises(VpsbenchError):
            writer.finish(RunState.FINISHED, 30)
        assert clock.now >= BOOT + 30
        collector._db.execute("PRAGMA query_only = 0")  # noqa: SLF001
        writer.finish(RunState.FINISHED, 30)
    assert reader.read(path).run.state is RunState.FINISHED


# --- systemd ---

SESSION = "0::/user.slice/user-1000.slice/session-3.scope\n"
SPARED = 'b true\nas 1 "root"\nas 0\n'


@pytest.mark.parametrize(
    ("cgroup", "name", "told", "ends"),
    [
        (SESSION, "renter", SPARED, True),
        (SESSION, "root", SPARED, False),
        (SESSION, "renter", SPARED.replace("true", "false"), False),
        (SESSION, "renter", 'b true\nas 0\nas 1 "other"\n', False),
        (SESSION, "renter", 'b true\nas 0\nas 2 "other" "renter"\n', True),
        (SESSION, "renter", "", False),  # no logind
        ("0::/system.slice/cron.service\n", "renter", SPARED, False),
        ("0::/user.slice/user-1000.slice/user@1000.service/tmux.service\n", "renter", "", True),
        ("9:name=systemd:/user.slice/user-1000.slice/session-3.scope\n1:cpu:/\n", "renter", SPARED, True),
    ],
)
def test_whether_a_run_would_end_with_the_login(cgroup: str, name: str, told: str, *, ends: bool) -> None:
    assert systemd.ends_with_login(cgroup, name, told) == ends


def test_a_run_that_would_end_with_the_login_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "manager", lambda: None)
    monkeypatch.setattr(systemd, "login_ends_all", lambda: True)
    with pytest.raises(VpsbenchError, match="would end") as refused:
        background.start(tmp_path / "a.db")
    assert "enable-linger" in refused.value.hint


def test_a_service_is_installed_and_removed_without_a_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, ...]] = []
    folder = tmp_path / ".config" / "systemd" / "user"
    (tmp_path / "another file").touch()
    manager = systemd.Manager(("--user",), folder, "", "default.target")
    monkeypatch.setattr(systemd, "manager", lambda: manager)
    monkeypatch.setattr(systemd.Manager, "ask", lambda _, *words: asked.append(words))
    install_service.COMMAND.run(Namespace(db=tmp_path / "a.db", print=False, remove=False))
    text = (folder / "vpsbench-resume.service").read_text()
    assert "WantedBy=default.target" in text
    assert "goes on at boot" in capsys.readouterr().out
    install_service.COMMAND.run(Namespace(db=tmp_path / "a.db", print=False, remove=True))
    assert [words[1] for words in asked] == ["daemon-reload", "enable", "disable", "daemon-reload"]
    assert [file.name for file in tmp_path.iterdir()] == ["another file"]


def test_no_report_is_drawn_while_the_machine_goes_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "goes_down", lambda: True)
    order: Any = Namespace(db=tmp_path / "nothing is read of it")
    assert conclude.conclude(order, 1, None) == 0


def test_a_termination_outweighs_the_lost_terminal_that_comes_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handlers: dict[int, Any] = {}
    monkeypatch.setattr(signal, "signal", handlers.__setitem__)
    runner: Any = Namespace(stop=None)
    measure._stop_on_signals(runner)  # noqa: SLF001  a real signal would end the tests
    for number in (signal.SIGTERM, signal.SIGHUP):
        handlers[number](number, None)
    assert runner.stop == Stop.by(signal.SIGTERM)
    assert runner.stop.resumable, "so the run goes on after a reboot"


def test_another_users_database_is_named_and_not_tripped_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def hidden(_: Path) -> bool:
        raise PermissionError

    monkeypatch.setattr(lock, "latest_run", lambda: LatestRun("/root/run.db", 1, 1))
    monkeypatch.setattr(Path, "exists", hidden)
    assert run_status.where(None) == Path("/root/run.db")


def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "vpsbench", "install-service", "--print", "--db", tmp_path / "50% $HOME.db"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert 'resume" "--if-any" "--db"' in shown
    assert "50%% $$HOME.db" in shown
    file = tmp_path / "vpsbench-resume.service"
    file.write_text(shown)
    try:
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", file], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("no systemd-analyze here")
    assert "vpsbench-resume" not in done.stderr, done.stderr


def test_without_systemd_it_says_what_to_do() -> None:
    if Path("/run/systemd/system").is_dir():
        pytest.skip("systemd runs this machine")
    done = subprocess.run(
        [sys.executable, "-m", "vpsbench", "install-service"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "@reboot" in done.stderr


def test_the_status_is_json_for_scripts(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Collector(path) as collector:
        example_run.fill(collector, 5)
    done = subprocess.run(
        [sys.executable, "-m", "vpsbench", "status", "--db", path, "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert (found["state"], found["process"], found["turns"]) == ("finished", None, {"failed": 1})
    documented = (DOCS / "json.md").read_text(encoding="utf-8")
    lines = documented.split("## `vpsbench status --json`")[1].splitlines()
    assert [line.split("`")[1] for line in lines if line.startswith("- `")] == list(found)


# --- a run of days ---


def test_a_long_run_is_read_with_all_that_probes_found_and_its_gaps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.db"
    with Collector(path) as collector:
        example_run.begin(collector)
        for n in range(1000):
            collector.add([free(float(n))], BOOT + n)
            if n % 97 == 50:
                collector.add([example_run.steal(n)], BOOT + n, probed=True)
            if n == 700:
                collector.gap("cpu.time", (("vcpu", "1"),), BOOT + n)
            collector.commit(n)
        collector.finish(RunState.FINISHED, 1000)
    whole = reader.read(path)
    monkeypatch.setattr(reader, "_WHOLE", 999)
    thin = reader.read(path)
    assert [list(s.values) for s in thin.named(cpu_times.TIME)] == [
        list(s.values) for s in whole.named(cpu_times.TIME)
    ]
    assert [s.gaps for s in thin.named(cpu_times.TIME)] == [s.gaps for s in whole.named(cpu_times.TIME)]
    [few], [all_of_it] = thin.named(meminfo.FREE), whole.named(meminfo.FREE)
    assert set(few.times) < set(all_of_it.times)
    assert 1000 / 32 <= few.times.size < 60
    assert few.times[0] == 0
    with reader.stream(path) as passing:  # what is exported lacks nothing, however long the run
        assert sum(times.size for times, _, _ in passing.readings) == 1000 + 10 + 1
