"""``vpsbench status``: how far the run is, from any terminal."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from vpsbench.commands import Command
from vpsbench.wiring import run_status, stored_run

if TYPE_CHECKING:
    from vpsbench.model import RunState
    from vpsbench.wiring.run_status import RunStatus

_EVENTS: Final = 3  # the latest ones are shown


def _configure(parser: ArgumentParser) -> None:
    stored_run.add_run(parser, of_latest=True, default="the one that goes on, or the latest")
    parser.add_argument("--json", action="store_true", help="print it as JSON; times in seconds")


def _run(arguments: Namespace) -> int:
    import json

    status = run_status.look(run_status.where(arguments.db), arguments.run_id)
    if arguments.json:
        print(json.dumps(summary(status), indent=2, ensure_ascii=False))
    else:
        print(text(status))
    return 0


def summary(status: RunStatus) -> dict[str, Any]:
    """What docs/json.md describes."""
    import dataclasses

    run, note = status.run, status.note
    turn = _now(status)
    return {
        "run": run.id,
        "state": run.state,
        "process": status.process,
        "profile": run.profile.name,
        "plan": run.plan.name if run.plan else None,
        "started": run.started,
        "elapsed": run.elapsed,
        "duration": status.duration,
        "stored_ago": status.stored,
        "turn": dataclasses.asdict(turn) if turn else None,
        "turns": dict(Counter(turn.status.value for turn in status.turns)),
        "early": dataclasses.asdict(note.early) if note and note.early else None,
        "events": [{"t": e.t, "kind": e.kind, "detail": e.said} for e in _events(status)],
        "db": str(status.db.absolute()),
        "html": note.html if note else None,
        "log": status.log or None,
    }


def _now(status: RunStatus) -> Any:  # noqa: ANN401  a BegunTurn, of a module that is loaded only when used
    """The turn that runs now; of several the one that loads the machine."""
    turns = status.note.turns if status.note and status.process is not None else ()
    return turns[-1] if turns else None


def _events(status: RunStatus) -> list[Any]:
    return [event for event in status.events if event.kind in run_status.TELLING][-_EVENTS:]


def text(status: RunStatus) -> str:
    """The same for a person."""
    from vpsbench.wording.figures import clock_text
    from vpsbench.wording.text import plain

    run, note, turn = status.run, status.note, _now(status)
    plan = f" against {run.plan.name}" if run.plan else ""
    far = f"{clock_text(run.elapsed)} of {clock_text(status.duration)}"
    rows = [(f"run {run.id}", f"{run.profile.name}{plan}: {_state(status)}, {far}")]
    if turn:
        rows.append(("now", f"{turn.probe} for {clock_text(turn.seconds)}, since {clock_text(turn.started)}"))
    counts = Counter(turn.status.value.replace("_", " ") for turn in status.turns)
    rows.append(("turns", ", ".join(f"{n} {ended}" for ended, n in counts.items()) or "none ended yet"))
    if note and note.early:
        rows.append(("so far", f"{note.early.text} (at {clock_text(note.early.at)})"))
    rows += [("event", f"{clock_text(e.t)} {e.kind}: {e.said}") for e in _events(status)]
    if status.stored is not None:
        rows.append(("stored", f"{status.stored:.0f} s ago"))
    rows.append(("database", str(status.db)))
    rows += [(n, v) for n, v in (("report", note.html if note else None), ("log", status.log)) if v]
    return "\n".join(f"{name:9} {plain(value)}" for name, value in rows)


def _state(status: RunStatus) -> str:
    from vpsbench.model import RunState

    if status.process is not None:
        return f"goes on (process {status.process or 'of another container'})"
    words: dict[RunState, str] = {
        RunState.RUNNING: "cut off; vpsbench resume goes on with it",
        RunState.INTERRUPTED: "stopped" + ("; vpsbench resume goes on with it" if status.note else ""),
    }
    return words.get(status.run.state, status.run.state.value)


COMMAND = Command(
    name="status",
    help="how far the run is, from any terminal",
    examples="vpsbench status\nvpsbench status --json\nwatch vpsbench status",
    configure=_configure,
    run=_run,
)
