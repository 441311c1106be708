"""``vpsbench resume``: goes on with a run that a kill, a reboot or a power cut has cut off."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vpsbench.commands import Command
from vpsbench.errors import VpsbenchError
from vpsbench.runner.run_state import RunStateFile
from vpsbench.wiring import conclude, measure, run_status, sealing

if TYPE_CHECKING:
    from vpsbench.model import Record
    from vpsbench.runner.resumption import Past
    from vpsbench.runner.run_state import SavedRun
    from vpsbench.wiring.measure import RunOrder


def _configure(parser: ArgumentParser) -> None:
    parser.add_argument(
        "run_id", metavar="RUN", nargs="?", type=int, help="the run's number (default: the one cut off)"
    )
    run_status.add_db(parser)
    parser.add_argument("--background", action="store_true", help="go on when the terminal is closed")
    parser.add_argument("--if-any", action="store_true", help="do nothing where no run was cut off")
    sealing.configure(parser)


def _run(arguments: Namespace) -> int:
    from vpsbench.runner.lock import Lock
    from vpsbench.wiring.separate_process import apart

    db = run_status.where(arguments.db)
    if arguments.if_any and RunStateFile(db).read() is None:
        return 0
    with Lock() as lock:
        order = apart(lambda: _order(db, arguments))
        if not arguments.background or measure.DETACHED in os.environ:
            measure.measure(order, lock)
            return conclude.conclude(order, order.number, order.json)
    from vpsbench.wiring import background

    return background.start(db)


def _order(db: Path, arguments: Namespace) -> RunOrder:
    """What the run was begun with, on this machine as it is now."""
    from vpsbench import probes
    from vpsbench.analyzer.verdict import declaration
    from vpsbench.guest.inspect import inspect
    from vpsbench.plugins import collect
    from vpsbench.probes import Probe
    from vpsbench.store.reader import read
    from vpsbench.wiring.measure import RunOrder

    saved = RunStateFile(db).read()
    record = read(db, saved.run if saved and arguments.run_id is None else arguments.run_id)
    saved = saved if saved and saved.run == record.run.id else None
    guest, run = inspect(), record.run
    _require_same(record, guest.hostname, saved)
    return RunOrder(
        profile=run.profile,
        plan=run.plan,
        guest=run.guest,
        db=db,
        html=_html(saved, db, run.id),
        json=saved.json if saved else None,
        folder=Path(saved.folder) if saved else db.parent.absolute(),
        seed=run.seed,
        declared=(declaration.DECLARED, ""),
        seals=sealing.seals(arguments),
        number=run.id,
        past=_past(record, saved),
        **measure.about(collect(probes, "PROBE", Probe), guest),
    )


def _html(saved: SavedRun | None, db: Path, run: int) -> Path | None:
    if saved:
        return Path(saved.html) if saved.html else None
    return db.parent.absolute() / f"vpsbench-run-{run}.html"


def _require_same(record: Record, hostname: str, saved: SavedRun | None) -> None:
    from vpsbench.model import RunState

    run = record.run
    if run.state is RunState.FINISHED or (run.state is RunState.FAILED and not saved):
        raise VpsbenchError(f"Run {run.id} has ended: {run.state}.", "vpsbench run begins a new one.")
    if run.guest.hostname != hostname:
        raise VpsbenchError(
            f"Run {run.id} was begun on {run.guest.hostname}, and this is {hostname}.",
            "A run goes on only on the machine that it measures; vpsbench run begins a new one.",
        )


def _past(record: Record, saved: SavedRun | None) -> Past:
    from vpsbench import probes
    from vpsbench.metrics import WALL_OFFSET
    from vpsbench.plugins import collect
    from vpsbench.probes import Probe
    from vpsbench.runner.resumption import Past

    offsets = [value for series in record.named(WALL_OFFSET) for value in series.values]
    tells = {probe.writes for probe in collect(probes, "PROBE", Probe).values() if probe.writes}
    written = sum(float(series.values.sum()) for metric in tells for series in record.named(metric))
    return Past(
        elapsed=record.run.elapsed,
        started=record.run.started,
        offset=float(offsets[0]) if offsets else record.run.started,
        drift=float(offsets[-1] - offsets[0]) if offsets else 0.0,
        turns=tuple(replace(turn, raw={}) for turn in record.turns),
        written=written,
        saved=saved,
    )


COMMAND = Command(
    name="resume",
    help="go on with a run that a kill, a reboot or a power cut has cut off",
    examples="vpsbench resume\nvpsbench resume 3 --background\nvpsbench resume --if-any --db old.db",
    configure=_configure,
    run=_run,
)
