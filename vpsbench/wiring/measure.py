"""A run from its first tick, or from where it was cut off, to its last; holds no heavy library meanwhile."""

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
    from vpsbench.runner.run_state import Began, Early, Note, Notebook
    from vpsbench.runner.runner import Runner
    from vpsbench.store.writer import Collector
    from vpsbench.wiring.progress import TerminalProgress

_PATIENCE: Final = 600.0  # s that a run's end waits for a disk that is full; a signal ends the wait
DETACHED: Final = "VPSBENCH_DETACHED"  # an environment variable: the log of a run in the background


@dataclass(frozen=True, kw_only=True)
class Order:
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
    """What an order has to know of the probes, in plain values: they themselves stay out of this process."""

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


def announce(number: int, order: Order) -> None:
    """Says what is measured, and what that may cost."""
    from vpsbench.runner.schedule import planned
    from vpsbench.wording.figures import clock_text

    profile, plan = order.profile, order.plan
    what = f"against {plan.name}" if plan else "no plan (--plan tests a seller's promises)"
    about = clock_text(planned(profile))
    duty = f" at a duty of {100 * profile.duty:g} %" if profile.duty < 1 else ""
    say(f"run {number}: profile {profile.name}{duty}, about {about}, {what}; into {order.db}")
    for text in (cost_warning.writes(profile, order.guest, order.folder), cost_warning.warning(profile)):
        if text:
            say(text)


def measure(order: Order, lock: Lock) -> int:
    """Measures; signals end it early, and what was measured until then stays. Returns the run's number."""
    from rich.console import Console

    from vpsbench.runner.child import remove_leftovers
    from vpsbench.runner.clock import RealClock
    from vpsbench.runner.lock import Told
    from vpsbench.runner.run_state import Notebook
    from vpsbench.runner.schedule import planned
    from vpsbench.store.writer import Collector
    from vpsbench.wiring.progress import TerminalProgress

    for name in remove_leftovers(order.folder):
        say(f"removed {name}, left behind by a run that was killed")
    console, clock, notebook = Console(stderr=True), RealClock(), Notebook(order.db)
    with (
        Collector(order.db, sealer=sealing.sealer(order.seals)) as collector,
        TerminalProgress(console, planned(order.profile)) as progress,
    ):
        runner, note = (_go_on if order.past else _begin)(order, collector, clock, progress)
        notebook.write(note)
        lock.tell(Told(str(order.db.absolute()), note.run, os.getpid(), os.environ.get(DETACHED, "")))
        announce(note.run, order)
        _remember_in(notebook, note, runner)
        _stop_on_signals(runner)
        state = runner.run()
        runner.keeper.finish(state, 0.0 if runner.stop else _PATIENCE)
    if "SIGTERM" not in runner.stop:  # the system goes down, perhaps: the run may go on afterwards
        notebook.remove()
    return note.run


def _begin(
    order: Order, collector: Collector, clock: RealClock, progress: TerminalProgress
) -> tuple[Runner, Note]:
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
    return _runner(order, number, collector, clock, progress, boot), _note(order, number, boot)


def _go_on(
    order: Order, collector: Collector, clock: RealClock, progress: TerminalProgress
) -> tuple[Runner, Note]:
    """Takes over a run; what its monitors read until then has a gap that begins one tick later."""
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
    runner.done, runner.written, runner.early = (*past.turns, *cut), past.written, early(past)
    runner.watch.offset, runner.watch.shift = found.offset, found.shift
    note = dataclasses.replace(_note(order, order.number, found.boot), early=runner.early)
    return runner, note


def _metrics(order: Order) -> list[Metric]:
    from vpsbench import monitors
    from vpsbench.metrics import INSTRUMENT
    from vpsbench.monitors import Monitor
    from vpsbench.plugins import collect

    probed = {m.name: m for told in order.metrics.values() for m in told.values()}
    watched = (m for one in collect(monitors, "MONITOR", Monitor).values() for m in one.metrics)
    return [*INSTRUMENT, *probed.values(), *watched]


def _runner(  # noqa: PLR0913, PLR0917  the parts of a run, wired together here and nowhere else
    order: Order,
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
    from vpsbench.runner.guest_watch import Watch
    from vpsbench.runner.monitor_reader import Ticker
    from vpsbench.runner.retrying_writer import Keeper
    from vpsbench.runner.runner import Runner

    files = Files()
    return Runner(
        profile=order.profile,
        metrics=order.metrics,
        writes=order.writes,
        missing=order.missing,
        alone=order.alone,
        ticker=Ticker(collect(monitors, "MONITOR", Monitor).values(), files),
        watch=Watch(clock, lambda: limits(files, os.sched_getaffinity(0), 0), known=order.guest.limits),
        keeper=Keeper(collector, clock, boot),
        clock=clock,
        progress=progress,
        folder=str(order.folder),
        vcpus=order.guest.limits.vcpus_usable,
        seed=order.seed,
        judge=[sys.executable, "-m", "vpsbench.wiring.early_verdict"],
        judge_options={"db": str(order.db), "run": number, "html": order.html and str(order.html)},
    )


def _note(order: Order, number: int, boot: float) -> Note:
    from vpsbench.runner.run_state import Note

    return Note(
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


def _remember_in(notebook: Notebook, note: Note, runner: Runner) -> None:
    """Keeps the note as the run goes on; one that cannot be written now is written at the next turn."""

    def remember(turns: tuple[Began, ...], early: Early | None) -> None:
        try:
            notebook.write(dataclasses.replace(note, turns=turns, early=early))
        except VpsbenchError as error:
            runner.keeper.event("unstored", error.message)

    runner.remember = remember


def _stop_on_signals(runner: Runner) -> None:
    """Ctrl-C, a termination and a lost terminal end the run cleanly; ``nohup`` keeps it going."""

    def stop(number: int, _: object) -> None:
        if "SIGTERM" not in runner.stop:  # logind sends SIGHUP with it when the machine goes down
            runner.stop = f"stopped by {signal.Signals(number).name}"

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)
