"""Makes a run, or goes on with one that was cut off; loads no heavy library meanwhile."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypedDict

from vpsbench.errors import VpsbenchError
from vpsbench.wiring import cost_warning, sealing

if TYPE_CHECKING:
    from vpsbench.model import Guest, Metric, Plan, Profile
    from vpsbench.probes import Probe
    from vpsbench.runner.clock import RealClock
    from vpsbench.runner.lock import Lock
    from vpsbench.runner.resumption import Past
    from vpsbench.runner.run_state import BegunTurn, EarlyVerdict, RunStateFile, SavedRun
    from vpsbench.runner.runner import Runner
    from vpsbench.store.writer import Collector
    from vpsbench.wiring.progress import TerminalProgress

_PATIENCE: Final = 600.0  # s that a run's end waits for a disk that is full; a signal ends the wait
DETACHED: Final = "VPSBENCH_DETACHED"  # an environment variable: the log of a run in the background


@dataclass(frozen=True, kw_only=True)
class RunOrder:
    """What is to be done, all of it checked."""

    profile: Profile
    plan: Plan | None
    guest: Guest
    db: Path
    html: Path | None
    json: str | None
    folder: Path
    seed: int
    metrics: dict[str, dict[str, Metric]]  # by probe and by name
    writes: dict[str, Metric]  # by probe, what tells the B that it wrote to disk
    missing: dict[str, str]  # by probe, why this guest cannot be measured with it
    alone: frozenset[str]  # the probes during whose turns background ones stand still
    declared: tuple[str, str]  # an event: the claims that are to be tested
    seals: sealing.Seals
    number: int = 0  # of a run that goes on
    past: Past | None = None  # likewise


class About(TypedDict):
    """What a run order knows of the probes, in plain values: their modules stay out of this process."""

    metrics: dict[str, dict[str, Metric]]
    writes: dict[str, Metric]
    missing: dict[str, str]
    alone: frozenset[str]


def about(probes: Mapping[str, Probe], guest: Guest) -> About:
    """All of it."""
    return About(
        metrics={name: {m.name: m for m in probe.metrics} for name, probe in probes.items()},
        writes={name: probe.writes for name, probe in probes.items() if probe.writes},
        missing={name: why for name, probe in probes.items() if (why := probe.missing(guest))},
        alone=frozenset(name for name, probe in probes.items() if probe.alone),
    )


def say(text: str) -> None:
    """Tells a person, not a program."""
    print(text, file=sys.stderr, flush=True)


def announce(number: int, order: RunOrder) -> None:
    """Says what is measured, and what that may cost."""
    from vpsbench.runner.schedule import planned
    from vpsbench.wiring.progress import clock_text

    profile, plan = order.profile, order.plan
    what = f"against {plan.name}" if plan else "no plan (--plan tests a seller's promises)"
    about = clock_text(planned(profile))
    duty = f" at a duty of {100 * profile.duty:g} %" if profile.duty < 1 else ""
    say(f"run {number}: profile {profile.name}{duty}, about {about}, {what}; into {order.db}")
    for text in (cost_warning.writes(profile, order.guest, order.folder), cost_warning.warning(profile)):
        if text:
            say(text)


def measure(order: RunOrder, lock: Lock) -> int:
    """Measures; signals end it early, and what was measured until then stays. Returns the run's number."""
    from rich.console import Console

    from vpsbench.runner.child import remove_leftovers
    from vpsbench.runner.clock import RealClock
    from vpsbench.runner.lock import LatestRun
    from vpsbench.runner.run_state import RunStateFile
    from vpsbench.runner.schedule import planned
    from vpsbench.store.writer import Collector
    from vpsbench.wiring.progress import TerminalProgress

    for name in remove_leftovers(order.folder):
        say(f"removed {name}, left behind by a run that was killed")
    console, clock, state_file = Console(stderr=True), RealClock(), RunStateFile(order.db)
    with (
        Collector(order.db, sealer=sealing.sealer(order.seals)) as collector,
        TerminalProgress(console, planned(order.profile)) as progress,
    ):
        runner, saved = (_go_on if order.past else _begin)(order, collector, clock, progress)
        state_file.write(saved)
        lock.tell(LatestRun(str(order.db.absolute()), saved.run, os.getpid(), os.environ.get(DETACHED, "")))
        announce(saved.run, order)
        _remember_in(state_file, saved, runner)
        _stop_on_signals(runner)
        state = runner.run()
        runner.writer.finish(state, 0.0 if runner.stop else _PATIENCE)
    if not (runner.stop and runner.stop.resumable):
        state_file.remove()
    return saved.run


def _begin(
    order: RunOrder, collector: Collector, clock: RealClock, progress: TerminalProgress
) -> tuple[Runner, SavedRun]:
    from vpsbench.guest.provenance import names, surroundings

    boot, wall = clock.boot(), clock.wall()
    number = collector.begin(
        profile=order.profile,
        plan=order.plan,
        guest=order.guest,
        seed=order.seed,
        metrics=_metrics(order),
        wall=wall,
        boot=boot,
        surroundings=surroundings(order.guest, wall),
        names=names(order.guest),
    )
    if order.seals.unsigned:
        collector.event("unsealed", order.seals.unsigned, boot)
    collector.event(*order.declared, boot)
    return _runner(order, number, collector, clock, progress, boot), _to_save(order, number, boot)


def _go_on(
    order: RunOrder, collector: Collector, clock: RealClock, progress: TerminalProgress
) -> tuple[Runner, SavedRun]:
    """Takes over a run. The gap in what its monitors read begins one tick after the last reading."""
    from vpsbench.guest.provenance import surroundings
    from vpsbench.metrics import TICK_COST, TURN_COST
    from vpsbench.runner.resumption import axis, cut_short, early

    assert order.past  # noqa: S101  asked by our caller
    past, now = order.past, clock.boot()
    found = axis(past, _boot_id(), now, clock.wall())
    collector.resume(
        order.number,
        metrics=_metrics(order),
        boot=found.boot,
        surroundings=surroundings(order.guest, clock.wall()),
    )
    # What comes by turns has no gap between two of them.
    by_turns = {TICK_COST.name, TURN_COST.name}.union(*order.metrics.values())
    for metric, labels in collector.known():
        if metric not in by_turns:
            collector.gap(metric, labels, found.boot + past.elapsed + order.profile.tick)
    for kind, detail in found.events:
        collector.event(kind, detail, now)
    cut = tuple(cut_short(past, found.events[-1][1]))
    for turn in cut:
        collector.turn(turn)
    collector.commit(now - found.boot)
    runner = _runner(order, order.number, collector, clock, progress, found.boot)
    runner.resumed = True
    runner.done, runner.written, runner.early.latest = (*past.turns, *cut), past.written, early(past)
    runner.guest_watch.offset, runner.guest_watch.shift = found.offset, found.shift
    saved = dataclasses.replace(_to_save(order, order.number, found.boot), early=runner.early.latest)
    return runner, saved


def _metrics(order: RunOrder) -> list[Metric]:
    from vpsbench import monitors
    from vpsbench.metrics import INSTRUMENT
    from vpsbench.monitors import Monitor
    from vpsbench.plugins import collect

    probed = {m.name: m for told in order.metrics.values() for m in told.values()}
    watched = (m for one in collect(monitors, "MONITOR", Monitor).values() for m in one.metrics)
    return [*INSTRUMENT, *probed.values(), *watched]


def _runner(  # noqa: PLR0913, PLR0917  the parts of a run, wired together here and nowhere else
    order: RunOrder,
    number: int,
    collector: Collector,
    clock: RealClock,
    progress: TerminalProgress,
    boot: float,
) -> Runner:
    from vpsbench import monitors
    from vpsbench.guest.files import Files
    from vpsbench.guest.limits import limits
    from vpsbench.monitors import Monitor
    from vpsbench.plugins import collect
    from vpsbench.runner.early import EarlyVerdicts
    from vpsbench.runner.guest_watch import GuestWatch
    from vpsbench.runner.monitor_reader import MonitorReader
    from vpsbench.runner.retrying_writer import RetryingWriter
    from vpsbench.runner.runner import Runner

    files = Files()
    return Runner(
        profile=order.profile,
        metrics=order.metrics,
        writes=order.writes,
        missing=order.missing,
        alone=order.alone,
        monitors=MonitorReader(collect(monitors, "MONITOR", Monitor).values(), files),
        guest_watch=GuestWatch(
            clock, lambda: limits(files, os.sched_getaffinity(0), 0), known=order.guest.limits
        ),
        writer=RetryingWriter(collector, clock, boot),
        clock=clock,
        progress=progress,
        folder=str(order.folder),
        vcpus=order.guest.limits.vcpus_usable,
        seed=order.seed,
        early=EarlyVerdicts(
            [sys.executable, "-m", "vpsbench.wiring.early_verdict"],
            {"db": str(order.db), "run": number, "html": order.html and str(order.html)},
        ),
    )


def _to_save(order: RunOrder, number: int, boot: float) -> SavedRun:
    from vpsbench.runner.run_state import SavedRun

    return SavedRun(
        run=number,
        boot_id=_boot_id(),
        boot=boot,
        folder=str(order.folder.absolute()),
        html=str(order.html.absolute()) if order.html else None,
        json=order.json,
    )


def _boot_id() -> str:
    from vpsbench.guest.files import Files

    return Files().text("/proc/sys/kernel/random/boot_id") or "unknown"


def _remember_in(state_file: RunStateFile, saved: SavedRun, runner: Runner) -> None:
    """Saves the run as it goes on; what cannot be written now is written at the next turn."""

    def remember(turns: tuple[BegunTurn, ...], early: EarlyVerdict | None) -> None:
        try:
            state_file.write(dataclasses.replace(saved, turns=turns, early=early))
        except VpsbenchError as error:
            runner.writer.event("unstored", error.message)

    runner.remember = remember


def _stop_on_signals(runner: Runner) -> None:
    """Ctrl-C, a termination and a lost terminal end the run cleanly; ``nohup`` keeps it going."""
    from vpsbench.runner.stop import Stop

    def stop(number: int, _: object) -> None:
        if not (runner.stop and runner.stop.resumable):  # logind sends SIGHUP with it, at a shutdown
            runner.stop = Stop.by(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)
