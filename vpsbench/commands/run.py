"""``vpsbench run``: measures, judges, and writes the report."""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
import time
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vpsbench.commands import Command, _politeness
from vpsbench.errors import VpsbenchError

if TYPE_CHECKING:
    from vpsbench.model import Guest, Judgement, Plan, Profile
    from vpsbench.monitors import Monitor
    from vpsbench.probes import Probe
    from vpsbench.runner.runner import Runner

_SPACE: Final = 64 * 1024**2  # B that database and report may need beside the probes' files


def configure(parser: ArgumentParser) -> None:
    """See ``Command``."""
    parser.add_argument(
        "--profile",
        default="quick",
        help="how to measure: smoke, quick (default), standard, overnight, week, or a TOML file",
    )
    parser.add_argument(
        "--plan", help="what was promised: a TOML file, or an example (shared-kvm, dedicated, container)"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting of the profile"
    )
    parser.add_argument(
        "--duty",
        type=percent,
        metavar="PERCENT",
        help="load the machine for this share of the time only, 1 to 100 (default: as the profile says, 100)",
    )
    parser.add_argument(
        "--allow-full-load",
        action="store_true",
        help="load it for long also where the instance type bills for that",
    )
    parser.add_argument("--db", type=Path, metavar="FILE", help="the database (default: reports/vpsbench.db)")
    parser.add_argument("--html", type=Path, metavar="FILE", help="the report (default: beside the database)")
    parser.add_argument("--no-html", action="store_true", help="measure and judge, but write no HTML report")
    parser.add_argument(
        "--json", metavar="FILE", help="write the verdict and findings as JSON; - for standard output"
    )
    parser.add_argument(
        "--dir",
        type=Path,
        metavar="DIR",
        help="a folder on the disk to be measured (default: the database's)",
    )
    parser.add_argument("--fail-on", choices=("notice", "strong"), help="exit with 1 on such findings")
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)


def percent(text: str) -> float:
    """A share of the time."""
    value = float(text)
    if not 1 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text} is not in 1 to 100")
    return value


@dataclass(frozen=True)
class _Order:
    """What is to be done, all of it checked."""

    profile: Profile
    plan: Plan | None
    guest: Guest
    db: Path
    html: Path | None
    folder: Path
    seed: int


def run(arguments: Namespace) -> int:
    """See ``Command``."""
    from vpsbench import monitors, probes
    from vpsbench.analyzer.judge import judge
    from vpsbench.monitors import Monitor
    from vpsbench.packages import collect
    from vpsbench.probes import Probe
    from vpsbench.records import read

    known = collect(probes, "PROBE", Probe)
    order = _order(arguments, known)
    number = _measure(order, known, collect(monitors, "MONITOR", Monitor))
    judgement = judge(read(order.db, number))
    _show(judgement, order.html, arguments.json)
    return _status(judgement, arguments.fail_on)


def _order(arguments: Namespace, probes: dict[str, Probe]) -> _Order:
    """Checks everything that the user asked for before anything is measured."""
    from vpsbench import database
    from vpsbench.guest.inspect import inspect
    from vpsbench.profiles import load_plan, load_profile
    from vpsbench.report.files import require_writable

    db: Path = arguments.db or database.default_path()
    profile = load_profile(arguments.profile, {name: p.options for name, p in probes.items()}, arguments.set)
    order = _Order(
        profile=profile if arguments.duty is None else replace(profile, duty=arguments.duty / 100),
        plan=load_plan(arguments.plan) if arguments.plan else None,
        guest=inspect(),
        db=db,
        html=_html_path(arguments, db),
        folder=arguments.dir or db.parent,
        seed=secrets.randbits(32) if arguments.seed is None else arguments.seed,
    )
    _politeness.require_yes(order.profile, order.guest, allowed=arguments.allow_full_load)
    for place in (order.db.parent, order.folder):
        _room(place)
    for path in (order.html, arguments.json):
        if path and path != "-":
            require_writable(Path(path))
    return order


def _html_path(arguments: Namespace, db: Path) -> Path | None:
    if arguments.no_html:
        return None
    stamp = time.strftime("%Y%m%d-%H%M%S")
    path: Path = arguments.html or db.parent / f"vpsbench-{stamp}.html"
    return path


def _room(folder: Path) -> None:
    """Finds out now, and not after hours, that a folder cannot be written to."""
    import shutil
    import tempfile

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0" * 4096)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        hint = "choose other places with --db, --html and --dir"
        raise VpsbenchError(f"cannot write to {folder}: {error.strerror}", hint) from error
    if free < _SPACE:
        raise VpsbenchError(
            f"{folder} has only {free / 2**20:.0f} MiB free; a run needs at least {_SPACE / 2**20:.0f} MiB",
            "make room, or choose other places with --db, --html and --dir",
        )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _announce(number: int, order: _Order) -> None:
    from vpsbench.progress import clock_text
    from vpsbench.runner.schedule import planned

    profile, plan = order.profile, order.plan
    what = f"against {plan.name}" if plan else "no plan (--plan tests a seller's promises)"
    about = clock_text(planned(profile))
    duty = f" at a duty of {100 * profile.duty:g} %" if profile.duty < 1 else ""
    _say(f"run {number}: profile {profile.name}{duty}, about {about}, {what}; into {order.db}")
    if warning := _politeness.warning(profile):
        _say(warning)


def _measure(order: _Order, probes: dict[str, Probe], monitors: dict[str, Monitor]) -> int:
    """Runs the profile; signals end it early, and what was measured until then stays. Returns its number."""
    from rich.console import Console

    from vpsbench.analyzer import family
    from vpsbench.collector import Collector
    from vpsbench.guest.files import Files
    from vpsbench.progress import TerminalProgress
    from vpsbench.runner.child import remove_leftovers
    from vpsbench.runner.clock import RealClock
    from vpsbench.runner.runner import METRICS, Runner
    from vpsbench.runner.schedule import planned
    from vpsbench.runner.ticker import Ticker

    for name in remove_leftovers(order.folder):
        _say(f"removed {name}, left behind by a run that was killed")
    guest, clock = order.guest, RealClock()
    metrics = [*METRICS]
    for source in (probes, monitors):
        metrics += [metric for one in source.values() for metric in one.metrics]
    console = Console(stderr=True)
    with Collector(order.db) as collector, TerminalProgress(console, planned(order.profile)) as progress:
        boot = clock.boot()
        number = collector.begin(
            profile=order.profile,
            plan=order.plan,
            guest=guest,
            seed=order.seed,
            metrics=metrics,
            wall=clock.wall(),
            boot=boot,
        )
        claims = family.declare(order.profile, guest, order.plan)
        collector.event(family.DECLARED, family.stored(claims), boot)
        _announce(number, order)
        runner = Runner(
            profile=order.profile,
            probes=probes,
            missing={name: why for name, one in probes.items() if (why := one.missing(guest))},
            ticker=Ticker(monitors.values(), Files()),
            collector=collector,
            clock=clock,
            progress=progress,
            folder=str(order.folder),
            vcpus=guest.limits.vcpus_usable,
            seed=order.seed,
            boot=boot,
        )
        _stop_on_signals(runner)
        state = runner.run()
        collector.finish(state, clock.boot() - boot)
    return number


def _stop_on_signals(runner: Runner) -> None:
    """Ctrl-C, a termination and a lost terminal end the run cleanly; ``nohup`` keeps it going."""

    def stop(number: int, _: object) -> None:
        runner.stop = f"stopped by {signal.Signals(number).name}"

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)


def _show(judgement: Judgement, html: Path | None, json_file: str | None) -> None:
    """The verdict in the terminal (or the JSON in its place), and the report."""
    from rich.console import Console

    from vpsbench.report import files, json, text

    if html:
        from vpsbench.report import html as page

        page.write(judgement, html)
    if json_file == "-":
        print(json.render(judgement), end="")
    else:
        text.show(judgement, Console())
    if json_file and json_file != "-":
        with files.replacing(Path(json_file)) as file:
            file.write(json.render(judgement))
    if html:
        _say(f"the report: {html}")


def _status(judgement: Judgement, fail_on: str | None) -> int:
    from vpsbench.model import Level

    failing = {"notice": {Level.NOTICE, Level.STRONG}, "strong": {Level.STRONG}}.get(fail_on or "", set())
    return int(any(finding.level in failing for finding in judgement.findings))


COMMAND = Command(
    name="run",
    help="measure this machine, judge it, and write a report",
    examples="""\
vpsbench run                                        ten minutes, no particular plan
vpsbench run --profile standard --plan my-plan.toml   four hours against what was promised
vpsbench run --profile smoke --no-html --json -     under a minute, findings as JSON
vpsbench run --profile standard --duty 50           load the machine half of the time at most
vpsbench run --set turns.memory.options.share=0.2   hold less memory than the profile says
nohup vpsbench run --profile overnight &            goes on when the terminal is closed""",
    configure=configure,
    run=run,
)
