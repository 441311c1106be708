"""One run: turns one after another, monitors all along, everything to the collector as it comes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from vpsbench.collector import Collector
from vpsbench.model import Kind, Metric, Profile, RunState, Sample, Status, Turn, TurnSpec
from vpsbench.probes import Probe, Request
from vpsbench.runner.child import Child, worker
from vpsbench.runner.clock import Clock
from vpsbench.runner.schedule import Schedule
from vpsbench.runner.ticker import Ticker

METRICS: Final = (
    Metric("clock.wall_offset", "s", Kind.GAUGE, "neither", "wall clock minus CLOCK_BOOTTIME"),
    Metric("instrument.tick_cost", "s", Kind.GAUGE, "lower", "CPU time of one tick of the monitors"),
    Metric("instrument.turn_cost", "s", Kind.GAUGE, "neither", "CPU time of one turn's processes"),
    Metric("load.applied", "1", Kind.GAUGE, "neither", "share of its time that a running turn may load"),
)
_GRACE: Final = 0.5  # of a turn's length, and
_GRACE_SECONDS: Final = 30.0  # on top, before a probe that does not end is asked to
_CLEAN_UP_SECONDS: Final = 10.0  # from the asking to the killing
_SIGNAL_SECONDS: Final = 1.0  # how long ``stop`` may go unnoticed
_STALL_TICKS: Final = 5.0  # a tick later than this many intervals is an event
_CLOCK_STEP_SECONDS: Final = 0.1  # of the wall clock against CLOCK_BOOTTIME between two ticks


class Progress(Protocol):
    """Told what happens, for a person who watches."""

    def turn(self, probe: str, seconds: float) -> None:
        """A turn begins."""

    def ended(self, turn: Turn) -> None:
        """A turn ended."""

    def note(self, text: str) -> None:
        """What the probe does now."""

    def seen(self, samples: list[Sample]) -> None:
        """Readings."""

    def tick(self, elapsed: float) -> None:
        """Time goes on."""


@dataclass(slots=True)
class _Current:
    """A turn that runs now."""

    child: Child
    spec: TurnSpec
    seconds: float
    started: float  # CLOCK_BOOTTIME, s
    deadline: float  # likewise


@dataclass(slots=True)
class Runner:
    """Walks one profile. ``missing`` gives, by probe, why this guest cannot be measured with it."""

    profile: Profile
    probes: Mapping[str, Probe]
    missing: Mapping[str, str]
    ticker: Ticker
    collector: Collector
    clock: Clock
    progress: Progress
    folder: str
    vcpus: tuple[int, ...]
    seed: int
    boot: float  # CLOCK_BOOTTIME when the run began, s
    command: Callable[[str], list[str]] = worker  # starts the process of a probe
    stop: str = ""  # set by a signal handler: why the run is to end now
    _current: _Current | None = None
    _beside: list[_Current] = field(default_factory=list)  # the background turns that run now
    _schedule: Schedule = field(init=False)
    _background: Schedule = field(init=False)
    _written: float = 0.0
    _wall_offset: float | None = None

    def run(self) -> RunState:
        """Measures until the profile's time is up or ``stop`` is set."""
        self._schedule, self._background = Schedule(self.profile), Schedule(self.profile, background=True)
        for reason in self.ticker.unavailable:
            self._event("monitor_unavailable", reason)
        try:
            self._loop()
        finally:
            for one in self._running():  # an error of our own, or of the disk: leave no process behind
                one.child.kill()
                one.child.close()
        for spec in (*self._schedule.never_began(), *self._background.never_began()):
            reason = self.stop or "no time was left for it in this run"
            self._record(Turn(spec.probe, self._now(), 0.0, Status.SKIPPED, reason, spec.options, {}))
        if self.stop:
            self._event("interrupted", self.stop)
        return RunState.INTERRUPTED if self.stop else RunState.FINISHED

    def _now(self) -> float:
        return self.clock.boot() - self.boot

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

    def _over(self) -> bool:
        """Whether nothing more is to be started."""
        return bool(self.stop) or self._schedule.next_due(self._now()) is None

    def _wait(self, next_tick: float) -> None:
        current = self._current
        until = min(next_tick, current.deadline) if current else next_tick
        if current is None and (due := self._schedule.next_due(self._now())) is not None:
            until = min(until, self.boot + due)
        seconds = min(until - self.clock.boot(), _SIGNAL_SECONDS)
        # What background turns say is heard with the next tick or signal.
        self.clock.wait(current.child.output if current else None, seconds)

    # --- turns ---

    def _begin(self) -> None:
        self._current = self._next(self._schedule)
        if self._current:
            self.progress.turn(self._current.spec.probe, self._current.seconds)

    def _mind_background(self) -> None:
        """Begins what is due beside the other turns, and ends it with the last of them."""
        if not self._over() and (begun := self._next(self._background)):
            self._beside.append(begun)
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
        budget = max(0, int((self.profile.write_budget - self._written) / coming))
        request = Request(
            seconds=seconds,
            options=spec.options,
            write_budget=budget,
            folder=self.folder,
            vcpus=self.vcpus,
            seed=self.seed,
            duty=self.profile.duty,
        )
        now = self.clock.boot()
        deadline = now + seconds * (1 + _GRACE) + _GRACE_SECONDS
        child = Child(spec.probe, self.command(spec.probe), request)
        return _Current(child, spec, seconds, now, deadline)

    def _mind(self, current: _Current) -> None:
        """Listens to the probe, and ends it when it must."""
        now = self.clock.boot()
        if self.stop and current.child.status is None:
            self._end(current, Status.INTERRUPTED, self.stop)
        elif now >= current.deadline:
            if current.child.status is not None:  # it was asked to end, or has said that it is done
                current.child.kill()
                current.deadline = now + _CLEAN_UP_SECONDS
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
        known = [
            s for s in heard.samples if s.metric in {m.name for m in self.probes[current.spec.probe].metrics}
        ]
        if len(known) < len(heard.samples):
            self._event("probe_garbage", f"{current.spec.probe} emitted a metric that it does not declare")
        self.collector.add(known, self.clock.boot())
        self._written += sum(s.value for s in known if s.metric == "disk.fio.written")
        for event in heard.events:
            self._event(event.kind, event.detail)
        if current is self._current:
            for note in heard.notes:
                self.progress.note(note)
        self.progress.seen(known)

    def _finish(self, current: _Current) -> None:
        child, now = current.child, self.clock.boot()
        child.close()
        if current is self._current:
            self._current = None
        else:
            self._beside.remove(current)
        if child.cost is not None:
            cost = Sample("instrument.turn_cost", child.cost, (("probe", child.probe),))
            self.collector.add([cost], now)
        status = child.status or Status.FAILED
        if status in (Status.FAILED, Status.TIMED_OUT):
            self._event("probe_failed", f"{child.probe}: {child.detail}")
        started = current.started - self.boot
        self._record(
            Turn(
                child.probe,
                started,
                now - current.started,
                status,
                child.detail,
                current.spec.options,
                child.raw,
            )
        )

    def _record(self, turn: Turn) -> None:
        self.collector.turn(turn)
        self.collector.commit(self._now())
        self.progress.ended(turn)

    def _event(self, kind: str, detail: str) -> None:
        self.collector.event(kind, detail, self.clock.boot())

    # --- ticks ---

    def _tick(self, due: float) -> float:
        """Reads the monitors; returns when the next tick is due."""
        began, cost = self.clock.boot(), self.clock.cpu()
        late = began - due
        if late > _STALL_TICKS * self.profile.tick:
            self._event("stall", f"a tick came {late:.1f} s late: the guest, or this program, did not run")
        tick = self.ticker.read()
        for problem in tick.problems:
            self._event("gap", problem)
        for metric, labels in tick.gaps:
            self.collector.gap(metric, labels, began)
        samples = [*tick.samples, *self._own()]
        samples.append(Sample("instrument.tick_cost", self.clock.cpu() - cost))
        self.collector.add(samples, began)
        self.collector.commit(self._now())
        self.progress.seen(samples)
        self.progress.tick(self._now())
        planned = due + self.profile.tick
        return planned if planned > began else began + self.profile.tick

    def _own(self) -> list[Sample]:
        """What the runner itself knows: the wall clock, and the load that it applies."""
        before, wall, after = self.clock.boot(), self.clock.wall(), self.clock.boot()
        offset = wall - (before + after) / 2  # read together: what happened in between is no drift
        if self._wall_offset is not None and abs(offset - self._wall_offset) > _CLOCK_STEP_SECONDS:
            self._event("clock_step", f"the wall clock stepped by {offset - self._wall_offset:+.3f} s")
        self._wall_offset = offset
        running = self._current.spec.probe if self._current else None
        loads = [
            Sample("load.applied", self.profile.duty if probe == running else 0.0, (("probe", probe),))
            for probe in sorted({spec.probe for spec in self.profile.turns if not spec.background})
        ]
        return [Sample("clock.wall_offset", offset), *loads]
