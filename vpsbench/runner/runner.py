"""One run: turns one after another, monitors all along, everything to the writer as it comes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from vpsbench.metrics import TURN_COST
from vpsbench.model import Metric, Profile, RunState, Sample, Status, Turn, TurnSpec
from vpsbench.probes import Request
from vpsbench.runner import early
from vpsbench.runner.child import worker
from vpsbench.runner.clock import Clock
from vpsbench.runner.early import EarlyVerdicts
from vpsbench.runner.guest_watch import GuestWatch
from vpsbench.runner.monitor_reader import MonitorReader
from vpsbench.runner.retrying_writer import RetryingWriter
from vpsbench.runner.run_state import BegunTurn, EarlyVerdict
from vpsbench.runner.running_turn import RunningTurn
from vpsbench.runner.schedule import Schedule
from vpsbench.runner.stop import Stop
from vpsbench.runner.tick import Progress, Ticks

_SIGNAL_SECONDS: Final = 1.0  # how long ``stop`` may go unnoticed


@dataclass(slots=True, kw_only=True)
class Runner:
    """Walks one profile.

    Args:
        profile: what to walk.
        metrics: by probe, all that it may emit, by name.
        writes: by probe, the metric that tells what it wrote to disk, B.
        missing: by probe, why this guest cannot be measured with it.
        alone: the probes during whose turns those in the background stand still.
        monitors: reads them.
        guest_watch: sees what happens to the guest.
        writer: takes all that is measured.
        clock: the time.
        progress: is told what happens.
        folder: where probes may write.
        vcpus: the vCPUs that they may use.
        usable: those of them that are there now.
        seed: of all randomness.
        command: starts the process of a probe.
        early: the verdicts on the run so far.
        remember: told which turns run, and the latest verdict, each time that changes.
        resumed: whether an earlier process began this run.
        done: the turns that began then.
        written: B that they wrote to disk.
        stop: set by a signal handler: why the run is to end now.
    """

    profile: Profile
    metrics: Mapping[str, Mapping[str, Metric]]
    writes: Mapping[str, Metric]
    missing: Mapping[str, str]
    alone: frozenset[str] = frozenset()
    monitors: MonitorReader
    guest_watch: GuestWatch
    writer: RetryingWriter
    clock: Clock
    progress: Progress
    folder: str
    vcpus: tuple[int, ...]
    usable: Callable[[], set[int]] = lambda: os.sched_getaffinity(0)
    seed: int
    command: Callable[[str], list[str]] = worker
    early: EarlyVerdicts = field(default_factory=EarlyVerdicts)
    remember: Callable[[tuple[BegunTurn, ...], EarlyVerdict | None], None] = lambda *_: None
    resumed: bool = False
    done: tuple[Turn, ...] = ()
    written: float = 0.0
    stop: Stop | None = None
    _current: RunningTurn | None = None
    _beside: list[RunningTurn] = field(default_factory=list)  # the background turns that run now
    _schedule: Schedule = field(init=False)
    _background: Schedule = field(init=False)

    def run(self) -> RunState:
        """Measures until the profile's time is up or ``stop`` is set."""
        self._schedule, self._background = Schedule(self.profile), Schedule(self.profile, background=True)
        if self.resumed:
            self._go_on()
        else:
            for monitor, reason in self.monitors.unavailable:
                self.writer.event("monitor_unavailable", reason, source=monitor)
        try:
            self._loop()
        finally:
            for one in self._running():  # an error of our own: leave no process behind
                one.child.kill()
                one.child.close()
        why = self.stop.said if self.stop else "no time was left for it in this run"
        for spec in (*self._schedule.never_began(), *self._background.never_began()):
            self._skip(spec, self._now(), why)
        if self.stop:
            self.writer.event("interrupted", self.stop.said)
        return RunState.INTERRUPTED if self.stop else RunState.FINISHED

    def _go_on(self) -> None:
        """Takes up the schedule where an earlier process left it."""
        self.early.resume()
        for schedule in (self._schedule, self._background):
            for spec, due, count in schedule.go_on(self.done, self._now()):
                times = f"{count} times" if count > 1 else "once"
                self._skip(spec, due, f"{times}: the run had been cut off, so nobody measured then")

    def _skip(self, spec: TurnSpec, at: float, reason: str) -> None:
        self._record(Turn(spec.probe, at, 0.0, Status.SKIPPED, reason, spec.options, {}))

    def _now(self) -> float:
        return self.writer.now()

    # --- the loop ---

    def _loop(self) -> None:
        ticks = Ticks(
            profile=self.profile,
            monitors=self.monitors,
            guest_watch=self.guest_watch,
            writer=self.writer,
            clock=self.clock,
            progress=self.progress,
        )
        next_tick = self.clock.boot()
        while not self._over() or self._running():
            if self.clock.boot() >= next_tick:
                next_tick = ticks.tick(next_tick, self._current.spec.probe if self._current else None)
                for one in self._running():
                    one.deadline += self.guest_watch.slept
            self._mind_background()
            if self._current:
                self._mind(self._current)
            elif not self.stop:
                self._begin()
            self._wait(next_tick)

    def _running(self) -> list[RunningTurn]:
        return [*self._beside, *([self._current] if self._current else [])]

    def _over(self) -> bool:
        """Whether nothing more is to be started."""
        return bool(self.stop) or self._schedule.next_due(self._now()) is None

    def _wait(self, next_tick: float) -> None:
        current = self._current
        until = min(next_tick, current.deadline) if current else next_tick
        if current is None and (due := self._schedule.next_due(self._now())) is not None:
            until = min(until, self.writer.boot + due)
        seconds = min(until - self.clock.boot(), _SIGNAL_SECONDS)
        # What background turns say is heard with the next tick or signal.
        self.clock.wait(current.child.output if current else None, seconds)

    # --- a turn begins ---

    def _begin(self) -> None:
        """Starts the next turn that others wait for, or an early verdict."""
        if judge := self.early.take(self._now()):
            self._current = self._start(early.SPEC, judge, early.SPEC.duration, 0, self.early.options)
        else:
            self._current = self._next(self._schedule)
        if self._current:
            if self._current.spec.probe in self.alone:
                for one in self._beside:
                    one.child.halt()
            self.progress.turn(self._current.spec.probe, self._current.seconds)
            self._remember()

    def _mind_background(self) -> None:
        """Begins what is due beside the other turns, and ends it with the last of them."""
        alone = self._current is not None and self._current.spec.probe in self.alone
        if not self._over() and not alone and (begun := self._next(self._background)):
            self._beside.append(begun)
            self._remember()
        for one in list(self._beside):
            if self._over() and self._current is None and one.child.status is None:
                one.end(Status.OK, "", self.clock.boot())
            self._mind(one)

    def _next(self, schedule: Schedule) -> RunningTurn | None:
        """Starts the turn that is due, if one is and this guest can be measured with it."""
        taken = schedule.take(self._now())
        if taken is None:
            return None
        spec, seconds = taken
        if reason := self.missing.get(spec.probe):
            self._record(Turn(spec.probe, self._now(), 0.0, Status.UNAVAILABLE, reason, spec.options, {}))
            return None
        coming = 1 + schedule.coming(spec.probe, self._now())
        budget = max(0, int((self.profile.write_budget - self.written) / coming))
        return self._start(spec, self.command(spec.probe), seconds, budget, spec.options)

    def _start(
        self, spec: TurnSpec, command: list[str], seconds: float, budget: int, options: dict[str, Any]
    ) -> RunningTurn | None:
        """None, and a turn that failed, where it cannot be started."""
        usable, now = self.usable(), self.clock.boot()
        request = Request(
            seconds=seconds,
            options=options,
            write_budget=budget,
            folder=self.folder,
            vcpus=tuple(vcpu for vcpu in self.vcpus if vcpu in usable) or self.vcpus,
            seed=self.seed,
            duty=self.profile.duty,
        )
        try:
            return RunningTurn.start(spec, command, self.metrics.get(spec.probe, {}), request, now)
        except OSError as error:
            self._ended(spec, now, Status.FAILED, f"it could not be started: {error}", {})
            return None

    # --- a turn goes on, and ends ---

    def _mind(self, turn: RunningTurn) -> None:
        """Listens to the probe, and ends it when it must."""
        if not turn.keep_to_time(self.clock.boot(), self.stop):
            self._finish(turn)
        elif self.clock.wait(turn.child.output, 0.0):
            self._listen(turn)

    def _listen(self, turn: RunningTurn) -> None:
        heard = turn.child.listen(self._now())
        if heard is None:
            self._finish(turn)
            return
        self.writer.collector.add(heard.samples, self.clock.boot(), probed=True)
        written = self.writes.get(turn.spec.probe)
        self.written += sum(s.value for s in heard.samples if s.metric == written)
        for event in heard.events:
            self.writer.event(event.kind, event.detail, source=event.source)
        if turn is self._current:
            for note in heard.notes:
                self.progress.note(note)
        self.progress.seen(heard.samples)

    def _finish(self, turn: RunningTurn) -> None:
        child, now = turn.child, self.clock.boot()
        child.close()
        if turn is self._current:
            self._current = None
            for one in self._beside:
                one.child.go_on()
        else:
            self._beside.remove(turn)
        if child.cost is not None:
            cost = Sample(TURN_COST, child.cost, (("probe", child.probe),))
            self.writer.collector.add([cost], now, probed=True)
        self._ended(turn.spec, turn.started, turn.status, child.detail, child.raw)

    def _ended(
        self, spec: TurnSpec, started: float, status: Status, detail: str, raw: dict[str, str]
    ) -> None:
        """Records a turn that began at ``started`` (CLOCK_BOOTTIME, s), or shows the early verdict."""
        if spec is early.SPEC:
            self._show_early(status, detail)
            return
        if status in (Status.FAILED, Status.TIMED_OUT):
            self.writer.event("probe_failed", detail, source=spec.probe)
        since, elapsed = started - self.writer.boot, self.clock.boot() - started
        self._record(Turn(spec.probe, since, elapsed, status, detail, spec.options, raw))

    def _show_early(self, status: Status, text: str) -> None:
        """An early verdict is shown and never recorded: the report judges anew, from all that there is."""
        if status is Status.OK:
            self.early.latest = EarlyVerdict(self._now(), text)
        elif status is not Status.INTERRUPTED:
            self.writer.event("not_judged", f"no early verdict: {text}")
        self.progress.told(f"so far: {text}")
        self._remember()

    def _record(self, turn: Turn) -> None:
        self.writer.turn(turn)
        self._remember()
        self.progress.ended(turn)

    def _remember(self) -> None:
        begun = tuple(one.begun(self.writer.boot) for one in self._running())
        self.remember(begun, self.early.latest)
