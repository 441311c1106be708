"""One run: turns one after another, monitors all along, everything to the collector as it comes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from vpsbench.metrics import TURN_COST
from vpsbench.model import Metric, Profile, RunState, Sample, Status, Turn, TurnSpec
from vpsbench.probes import Request
from vpsbench.runner.child import Child, worker
from vpsbench.runner.clock import Clock
from vpsbench.runner.guest_watch import Watch
from vpsbench.runner.monitor_reader import Ticker
from vpsbench.runner.retrying_writer import Keeper
from vpsbench.runner.run_state import Began, Early
from vpsbench.runner.schedule import Schedule
from vpsbench.runner.tick import Progress, Pulse

_GRACE: Final = 0.5  # of a turn's length, and
_GRACE_SECONDS: Final = 30.0  # on top, before a probe that does not end is asked to
_CLEAN_UP_SECONDS: Final = 10.0  # from the asking to the killing
_SIGNAL_SECONDS: Final = 1.0  # how long ``stop`` may go unnoticed
_EARLY: Final = TurnSpec(probe="early verdict", duration=120.0)  # no probe: it judges what there is so far
_EARLY_SECONDS: Final = 20 * 60.0  # into the run, the first; refund windows are short
_EARLY_GROWTH: Final = 1.5  # the next, when the run is so many times as long, but
_EARLY_LATEST: Final = 6 * 3600.0  # s later at the latest


@dataclass(slots=True)
class _Current:
    """A turn that runs now."""

    child: Child
    spec: TurnSpec
    seconds: float
    started: float  # CLOCK_BOOTTIME, s
    deadline: float  # likewise
    killed: bool = False


@dataclass(slots=True, kw_only=True)
class Runner:
    """Walks one profile.

    Args:
        profile: what to walk.
        metrics: by probe, all that it may emit, by name.
        writes: by probe, the metric that tells what it wrote to disk, B.
        missing: by probe, why this guest cannot be measured with it.
        alone: the probes during whose turns those in the background stand still.
        ticker: reads the monitors.
        watch: sees what happens to the guest.
        keeper: takes all that is measured.
        clock: the time.
        progress: is told what happens.
        folder: where probes may write.
        vcpus: the vCPUs that they may use.
        usable: those of them that are there now.
        seed: of all randomness.
        command: starts the process of a probe.
        judge: starts one that judges the run so far; its request's options are ``judge_options``.
        remember: told which turns run, and the latest verdict, each time that changes.
        resumed: whether an earlier process began this run.
        done: the turns that began then.
        written: B that they wrote to disk.
        early: the verdict that was reached then.
        next_early: when the next one is due, s since the run began.
    """

    profile: Profile
    metrics: Mapping[str, Mapping[str, Metric]]
    writes: Mapping[str, Metric]
    missing: Mapping[str, str]
    alone: frozenset[str] = frozenset()
    ticker: Ticker
    watch: Watch
    keeper: Keeper
    clock: Clock
    progress: Progress
    folder: str
    vcpus: tuple[int, ...]
    usable: Callable[[], set[int]] = lambda: os.sched_getaffinity(0)
    seed: int
    command: Callable[[str], list[str]] = worker
    judge: list[str] | None = None
    judge_options: dict[str, Any] = field(default_factory=dict)
    remember: Callable[[tuple[Began, ...], Early | None], None] = lambda *_: None
    resumed: bool = False
    done: tuple[Turn, ...] = ()
    written: float = 0.0
    early: Early | None = None
    next_early: float = _EARLY_SECONDS
    stop: str = ""  # set by a signal handler: why the run is to end now
    _current: _Current | None = None
    _beside: list[_Current] = field(default_factory=list)  # the background turns that run now
    _pulse: Pulse = field(init=False)
    _schedule: Schedule = field(init=False)
    _background: Schedule = field(init=False)

    def run(self) -> RunState:
        """Measures until the profile's time is up or ``stop`` is set."""
        self._pulse = Pulse(
            profile=self.profile,
            ticker=self.ticker,
            watch=self.watch,
            keeper=self.keeper,
            clock=self.clock,
            progress=self.progress,
        )
        self._schedule, self._background = Schedule(self.profile), Schedule(self.profile, background=True)
        if self.resumed:
            self._go_on()
        for reason in () if self.resumed else self.ticker.unavailable:
            self._event("monitor_unavailable", reason)
        try:
            self._loop()
        finally:
            for one in self._running():  # an error of our own: leave no process behind
                one.child.kill()
                one.child.close()
        for spec in (*self._schedule.never_began(), *self._background.never_began()):
            self._skip(spec, self._now(), self.stop or "no time was left for it in this run")
        if self.stop:
            self._event("interrupted", self.stop)
        return RunState.INTERRUPTED if self.stop else RunState.FINISHED

    def _go_on(self) -> None:
        """Takes up the schedule where an earlier process left it."""
        self.next_early = _next_early(self.early.at) if self.early else _EARLY_SECONDS
        for schedule in (self._schedule, self._background):
            for spec, due, count in schedule.go_on(self.done, self._now()):
                times = f"{count} times" if count > 1 else "once"
                self._skip(spec, due, f"{times}, as nobody measured then: the run had been cut off")

    def _skip(self, spec: TurnSpec, at: float, reason: str) -> None:
        self._record(Turn(spec.probe, at, 0.0, Status.SKIPPED, reason, spec.options, {}))

    def _now(self) -> float:
        return self.keeper.now()

    def _loop(self) -> None:
        next_tick = self.clock.boot()
        while not self._over() or self._running():
            if self.clock.boot() >= next_tick:
                next_tick = self._tick(next_tick)
            self._mind_background()
            if self._current:
                self._mind(self._current)
            elif not self.stop:
                self._begin()
            self._wait(next_tick)

    def _running(self) -> list[_Current]:
        return [*self._beside, *([self._current] if self._current else [])]

    def _tick(self, due: float) -> float:
        """Returns when the next tick is due."""
        due = self._pulse.beat(due, self._current.spec.probe if self._current else None)
        for one in self._running():
            one.deadline += self.watch.slept
        return due

    def _over(self) -> bool:
        """Whether nothing more is to be started."""
        return bool(self.stop) or self._schedule.next_due(self._now()) is None

    def _wait(self, next_tick: float) -> None:
        current = self._current
        until = min(next_tick, current.deadline) if current else next_tick
        if current is None and (due := self._schedule.next_due(self._now())) is not None:
            until = min(until, self.keeper.boot + due)
        seconds = min(until - self.clock.boot(), _SIGNAL_SECONDS)
        # What background turns say is heard with the next tick or signal.
        self.clock.wait(current.child.output if current else None, seconds)

    # --- turns ---

    def _begin(self) -> None:
        if self.judge and self._now() >= self.next_early:
            self.next_early = _next_early(self._now())
            self._current = self._start(_EARLY, _EARLY.duration, self.judge, 0, self.judge_options)
        else:
            self._current = self._next(self._schedule)
        if self._current:
            if self._current.spec.probe in self.alone:
                for one in self._beside:
                    one.child.halt()
            self.progress.turn(self._current.spec.probe, self._current.seconds)
            self._remember()

    def _remember(self) -> None:
        began = (
            Began(one.spec.probe, one.started - self.keeper.boot, one.seconds, one.spec.options)
            for one in self._running()
        )
        self.remember(tuple(began), self.early)

    def _mind_background(self) -> None:
        """Begins what is due beside the other turns, and ends it with the last of them."""
        alone = self._current is not None and self._current.spec.probe in self.alone
        if not self._over() and not alone and (begun := self._next(self._background)):
            self._beside.append(begun)
            self._remember()
        for one in list(self._beside):
            if self._over() and self._current is None and one.child.status is None:
                self._end(one, Status.OK, "")
            self._mind(one)

    def _next(self, schedule: Schedule) -> _Current | None:
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
        return self._start(spec, seconds, self.command(spec.probe), budget, spec.options)

    def _start(
        self, spec: TurnSpec, seconds: float, command: list[str], budget: int, options: dict[str, Any]
    ) -> _Current | None:
        """None, and a turn that failed, where it cannot be started."""
        usable = self.usable()
        request = Request(
            seconds=seconds,
            options=options,
            write_budget=budget,
            folder=self.folder,
            vcpus=tuple(vcpu for vcpu in self.vcpus if vcpu in usable) or self.vcpus,
            seed=self.seed,
            duty=self.profile.duty,
        )
        now = self.clock.boot()
        deadline = now + seconds * (1 + _GRACE) + _GRACE_SECONDS
        try:
            return _Current(
                Child(spec.probe, command, self.metrics.get(spec.probe, {}), request),
                spec,
                seconds,
                now,
                deadline,
            )
        except OSError as error:
            self._ended(spec, now, Status.FAILED, f"it could not be started: {error}", {})
            return None

    def _mind(self, current: _Current) -> None:
        """Listens to the probe, and ends it when it must."""
        now = self.clock.boot()
        if self.stop and current.child.status is None:
            self._end(current, Status.INTERRUPTED, self.stop)
        elif now >= current.deadline:
            if current.killed:  # and yet its output goes on: something of it hangs in the kernel
                self._finish(current)
                return
            if current.child.status is not None:  # it was asked to end, or has said that it is done
                current.child.kill()
                current.deadline, current.killed = now + _CLEAN_UP_SECONDS, True
            else:
                self._end(current, Status.TIMED_OUT, "it did not end in time")
        if self.clock.wait(current.child.output, 0.0):
            self._listen(current)

    def _end(self, current: _Current, status: Status, why: str) -> None:
        current.child.terminate(status, why)
        current.deadline = self.clock.boot() + _CLEAN_UP_SECONDS

    def _listen(self, current: _Current) -> None:
        heard = current.child.listen(self._now())
        if heard is None:
            self._finish(current)
            return
        self.keeper.collector.add(heard.samples, self.clock.boot(), probed=True)
        written = self.writes.get(current.spec.probe)
        self.written += sum(s.value for s in heard.samples if s.metric == written)
        for event in heard.events:
            self._event(event.kind, event.detail)
        if current is self._current:
            for note in heard.notes:
                self.progress.note(note)
        self.progress.seen(heard.samples)

    def _finish(self, current: _Current) -> None:
        child, now = current.child, self.clock.boot()
        child.close()
        if current is self._current:
            self._current = None
            for one in self._beside:
                one.child.go_on()
        else:
            self._beside.remove(current)
        if child.cost is not None:
            cost = Sample(TURN_COST, child.cost, (("probe", child.probe),))
            self.keeper.collector.add([cost], now, probed=True)
        status = child.status or Status.FAILED
        self._ended(current.spec, current.started, status, child.detail, child.raw)

    def _ended(
        self, spec: TurnSpec, started: float, status: Status, detail: str, raw: dict[str, str]
    ) -> None:
        """Records a turn that began at ``started`` (CLOCK_BOOTTIME, s), or shows the early verdict."""
        if spec is _EARLY:
            self._judged(status, detail)
            return
        if status in (Status.FAILED, Status.TIMED_OUT):
            self._event("probe_failed", f"{spec.probe}: {detail}")
        since, elapsed = started - self.keeper.boot, self.clock.boot() - started
        self._record(Turn(spec.probe, since, elapsed, status, detail, spec.options, raw))

    def _judged(self, status: Status, text: str) -> None:
        """An early verdict is shown and never recorded: the report judges anew, from all that there is."""
        if status is Status.OK:
            self.early = Early(self._now(), text)
        elif status is not Status.INTERRUPTED:
            self._event("not_judged", f"no early verdict: {text}")
        self.progress.told(f"so far: {text}")
        self._remember()

    def _record(self, turn: Turn) -> None:
        self.keeper.turn(turn)
        self._remember()
        self.progress.ended(turn)

    def _event(self, kind: str, detail: str) -> None:
        self.keeper.event(kind, detail)


def _next_early(last: float) -> float:
    return min(last * _EARLY_GROWTH, last + _EARLY_LATEST)
