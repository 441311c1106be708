"""A day in minutes: the real runner, collector and SQLite on a clock that does not wait.

``python -m tests.builders.simulated_day FILE`` does it at one tick a second with the real monitors, which
takes some minutes, and tells what it took; a test does it with a slower tick and one monitor.
"""

from __future__ import annotations

import resource
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from tests.builders.example_run import GUEST
from tests.builders.fake_clock import FakeClock
from tests.runner.scripted_probes import DONE, SAMPLE, SAY, VALUE, Silent
from vpsbench import monitors
from vpsbench.guest.files import Files
from vpsbench.metrics import INSTRUMENT
from vpsbench.model import Profile, RunState, TurnSpec
from vpsbench.monitors import Monitor
from vpsbench.plugins import collect
from vpsbench.runner.guest_watch import GuestWatch
from vpsbench.runner.monitor_reader import MonitorReader
from vpsbench.runner.retrying_writer import RetryingWriter
from vpsbench.runner.runner import Runner
from vpsbench.store.writer import Collector

DAY, HOUR = 86_400.0, 3600.0
STEP, SLEEP, LOCKED = 7200.0, 1800.0, 600.0  # s


class Day:
    """What befalls the machine, by the hour in which it begins; ``tick`` makes it happen."""

    def __init__(self, clock: FakeClock, path: Path) -> None:
        self.clock, self.limits = clock, GUEST.limits
        self._other = sqlite3.connect(path, isolation_level=None)
        self._plan: list[tuple[float, Callable[[], object]]] = [
            (3 * HOUR, lambda: self._step(STEP)),
            (5 * HOUR, lambda: self._step(-2 * STEP)),
            (8 * HOUR, lambda: clock.suspend(SLEEP)),
            (12 * HOUR, lambda: self._other.execute("BEGIN IMMEDIATE")),
            (12 * HOUR + LOCKED, lambda: self._other.execute("ROLLBACK")),
            (16 * HOUR, self._lose_a_vcpu),
        ]
        self._began = clock.now

    def tick(self) -> None:
        """Called at each tick of the run."""
        while self._plan and self.clock.now - self._began >= self._plan[0][0]:
            self._plan.pop(0)[1]()

    def _step(self, seconds: float) -> None:
        self.clock.wall_at_boot += seconds

    def _lose_a_vcpu(self) -> None:
        self.limits = replace(self.limits, vcpus_online=1, vcpus_usable=(0,))

    def close(self) -> None:
        """Lets go of the database."""
        self._other.close()


def simulate(path: Path, tick: float, watched: Iterable[Monitor], files: Files) -> RunState:
    """One run of a day, with a turn each hour."""
    profile = Profile(
        name="day", description="", duration=DAY, tick=tick,
        turns=(TurnSpec(probe="fake", duration=60.0, every=HOUR),),
    )  # fmt: skip
    clock, progress, known = FakeClock(), Silent(), list(watched)
    with Collector(path) as collector:
        day = Day(clock, path)
        progress.on_tick = day.tick
        metrics = [*INSTRUMENT, VALUE, *(metric for one in known for metric in one.metrics)]
        boot = clock.boot()
        collector.begin(
            profile=profile, plan=None, guest=GUEST, seed=1, metrics=metrics, wall=clock.wall(), boot=boot
        )
        collector._db.execute("PRAGMA busy_timeout = 0")  # noqa: SLF001  real time does not pass here
        runner = Runner(
            profile=profile,
            metrics={"fake": {VALUE.name: VALUE}},
            writes={},
            missing={},
            monitors=MonitorReader(known, files),
            guest_watch=GuestWatch(clock, lambda: day.limits),
            writer=RetryingWriter(collector, clock, boot),
            clock=clock,
            progress=progress,
            folder=str(path.parent),
            vcpus=(0, 1),
            seed=1,
            command=lambda _: [sys.executable, "-c", SAY + SAMPLE + DONE],
        )
        state = runner.run()
        runner.writer.finish(state, 0)
        day.close()
    return state


def main() -> None:
    """The day at one tick a second."""
    path, began = Path(sys.argv[1]), time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_SELF)
    simulate(path, 1.0, collect(monitors, "MONITOR", Monitor).values(), Files())
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    sys.stdout.write(
        f"{time.perf_counter() - began:.0f} s, {cpu:.0f} s of CPU: {1e3 * cpu / DAY:.2f} ms a tick; "
        f"at most {after.ru_maxrss / 1024:.0f} MiB resident; {path.stat().st_size / 1e6:.1f} MB\n"
    )


if __name__ == "__main__":
    main()
