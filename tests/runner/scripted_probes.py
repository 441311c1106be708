"""Probes that do what a script says, each a real process, and a runner that runs them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from vpsbench import metrics
from vpsbench.guest.files import Files
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
    Turn,
    TurnSpec,
)
from vpsbench.monitors import Monitor
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
