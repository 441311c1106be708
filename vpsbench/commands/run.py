"""``vpsbench run``: measures, judges, and writes the report."""

from __future__ import annotations

import argparse
import os
import secrets
import time
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path
from typing import Final

from vpsbench.commands import Command
from vpsbench.errors import VpsbenchError
from vpsbench.wiring import conclude, cost_warning, measure, sealing, stored_run
from vpsbench.wiring.measure import RunOrder

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
    stored_run.add_db(parser)
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
    parser.add_argument(
        "--background",
        action="store_true",
        help="go on when the terminal is closed; vpsbench status, attach and stop find it from any other",
    )
    sealing.configure(parser)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)


def percent(text: str) -> float:
    """A share of the time."""
    value = float(text)
    if not 1 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text} is not in 1 to 100")
    return value


def run(arguments: Namespace) -> int:
    """See ``Command``."""
    from vpsbench.runner.lock import Lock
    from vpsbench.wiring.separate_process import apart

    if arguments.background and measure.DETACHED not in os.environ:
        return _start_in_background(arguments)
    with Lock() as lock:
        order = apart(lambda: _order(arguments))
        number = measure.measure(order, lock)
    return conclude.conclude(order, number, arguments.json, arguments.fail_on)


def _start_in_background(arguments: Namespace) -> int:
    """Checks all that can be checked while somebody looks, then leaves the rest to a process of its own."""
    from vpsbench.runner.lock import Lock
    from vpsbench.wiring import background
    from vpsbench.wiring.separate_process import apart

    with Lock():
        order = apart(lambda: _order(arguments))
    return background.start(order.db)


def _order(arguments: Namespace) -> RunOrder:
    """Checks everything that the user asked for before anything is measured."""
    from vpsbench import probes
    from vpsbench.analyzer.verdict import declaration
    from vpsbench.files.replace import require_writable
    from vpsbench.guest.inspect import inspect
    from vpsbench.plugins import collect
    from vpsbench.probes import Probe
    from vpsbench.profiles import load_plan, load_profile

    db: Path = arguments.db
    known = collect(probes, "PROBE", Probe)
    profile = load_profile(arguments.profile, {name: p.options for name, p in known.items()}, arguments.set)
    profile = profile if arguments.duty is None else replace(profile, duty=arguments.duty / 100)
    folder: Path = (arguments.dir or db.parent).absolute()
    plan, guest = load_plan(arguments.plan) if arguments.plan else None, inspect(folder=folder)
    ours = tuple(turn for turn in profile.turns if turn.only in (None, guest.layers[0].kind))
    profile = replace(profile, turns=ours)
    order = RunOrder(
        profile=profile,
        plan=plan,
        guest=guest,
        db=db,
        html=_html_path(arguments, db),
        json=arguments.json,
        folder=folder,
        seed=secrets.randbits(32) if arguments.seed is None else arguments.seed,
        seals=sealing.seals(arguments),
        declared=(declaration.DECLARED, declaration.stored(declaration.declare(profile, guest, plan))),
        **measure.about(known, guest),
    )
    cost_warning.require_yes(order.profile, order.guest, allowed=arguments.allow_full_load)
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


COMMAND = Command(
    name="run",
    help="measure this machine, judge it, and write a report",
    examples="""\
vpsbench run                                         ten minutes, no plan
vpsbench run --profile standard --plan my-plan.toml  hours, against a plan
vpsbench run --profile smoke --no-html --json -      findings as JSON, soon
vpsbench run --profile standard --duty 50            half of the time at most
vpsbench run --set turns.memory.options.share=0.2    hold less memory
vpsbench run --profile overnight --background        the terminal may close""",
    configure=configure,
    run=run,
)
