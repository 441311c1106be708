"""``vpsbench status``: how far the run is, from any terminal."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from vpsbench.commands import Command
from vpsbench.wiring import run_status

if TYPE_CHECKING:
    from vpsbench.model import RunState
    from vpsbench.wiring.run_status import Standing

_EVENTS: Final = 3  # the latest ones are shown


def _configure(parser: ArgumentParser) -> None:
    parser.add_argument(
        "run_id",
        metavar="RUN",
        nargs="?",
        type=int,
        help="the run's number (default: the one that goes on, or the latest)",
    )
    run_status.add_db(parser)
    parser.add_argument("--json", action="store_true", help="print it as JSON; times in seconds")


def _run(arguments: Namespace) -> int:
    import json

    standing = run_status.look(run_status.where(arguments.db), arguments.run_id)
    if arguments.json:
        print(json.dumps(summary(standing), indent=2, ensure_ascii=False))
    else:
        print(text(standing))
    return 0


def summary(standing: Standing) -> dict[str, Any]:
    """What docs/json.md describes."""
    import dataclasses

    run, note = standing.run, standing.note
    turn = _now(standing)
    return {
        "run": run.id,
        "state": run.state,
        "process": standing.process,
        "profile": run.profile.name,
        "plan": run.plan.name if run.plan else None,
        "started": run.started,
        "elapsed": run.elapsed,
        "duration": standing.duration,
        "stored_ago": standing.stored,
        "turn": dataclasses.asdict(turn) if turn else None,
        "turns": dict(Counter(turn.status.value for turn in standing.turns)),
        "early": dataclasses.asdict(note.early) if note and note.early else None,
        "events": [dataclasses.asdict(event) for event in _events(standing)],
        "db": str(standing.db.absolute()),
        "html": note.html if note else None,
        "log": standing.log or None,
    }


def _now(standing: Standing) -> Any:  # noqa: ANN401  a BegunTurn, of a module that is loaded only when used
    """The turn that runs now, the one that loads the machine first."""
    turns = standing.note.turns if standing.note and standing.process is not None else ()
    return turns[-1] if turns else None


def _events(standing: Standing) -> list[Any]:
    return [event for event in standing.events if event.kind in run_status.TELLING][-_EVENTS:]


def text(standing: Standing) -> str:
    """The same for a person."""
    from vpsbench.wiring.progress import clock_text
    from vpsbench.wording.reader import plain

    run, note, turn = standing.run, standing.note, _now(standing)
    plan = f" against {run.plan.name}" if run.plan else ""
    far = f"{clock_text(run.elapsed)} of {clock_text(standing.duration)}"
    rows = [(f"run {run.id}", f"{run.profile.name}{plan}: {_state(standing)}, {far}")]
    if turn:
        rows.append(("now", f"{turn.probe} for {clock_text(turn.seconds)}, since {clock_text(turn.started)}"))
    counts = Counter(turn.status.value.replace("_", " ") for turn in standing.turns)
    rows.append(("turns", ", ".join(f"{n} {status}" for status, n in counts.items()) or "none ended yet"))
    if note and note.early:
        rows.append(("so far", f"{note.early.text} (at {clock_text(note.early.at)})"))
    rows += [("event", f"{clock_text(e.t)} {e.kind}: {e.detail}") for e in _events(standing)]
    if standing.stored is not None:
        rows.append(("stored", f"{standing.stored:.0f} s ago"))
    rows.append(("database", str(standing.db)))
    rows += [(n, v) for n, v in (("report", note.html if note else None), ("log", standing.log)) if v]
    return "\n".join(f"{name:9} {plain(value)}" for name, value in rows)


def _state(standing: Standing) -> str:
    from vpsbench.model import RunState

    if standing.process is not None:
        return f"goes on (process {standing.process or 'of another container'})"
    words: dict[RunState, str] = {
        RunState.RUNNING: "cut off; vpsbench resume goes on with it",
        RunState.INTERRUPTED: "stopped" + ("; vpsbench resume goes on with it" if standing.note else ""),
    }
    return words.get(standing.run.state, standing.run.state.value)


COMMAND = Command(
    name="status",
    help="how far the run is, from any terminal",
    examples="vpsbench status\nvpsbench status --json\nwatch vpsbench status",
    configure=_configure,
    run=_run,
)
