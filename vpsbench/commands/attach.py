"""``vpsbench attach``: shows a run that is going on, in any terminal, until it ends."""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from vpsbench.commands import Command
from vpsbench.errors import VpsbenchError
from vpsbench.wiring import run_status, stored_run

if TYPE_CHECKING:
    from vpsbench.wiring.progress import TerminalProgress
    from vpsbench.wiring.run_status import RunStatus

_LOOK_SECONDS: Final = 1.0


def _run(arguments: Namespace) -> int:
    from rich.console import Console

    from vpsbench.wiring.measure import say
    from vpsbench.wiring.progress import TerminalProgress

    db = run_status.where(arguments.db)
    first = run_status.look(db)
    if first.process is None:
        raise VpsbenchError("No run goes on there.", "vpsbench status tells how the latest one ended.")
    try:
        with TerminalProgress(Console(stderr=True), first.duration) as progress:
            shown = Shown()
            for status in _until_its_end(first):
                shown.show(status, progress)
    except KeyboardInterrupt:
        say("left; the run goes on: vpsbench status, vpsbench stop")
        return 0
    return _end(first)


def _until_its_end(first: RunStatus) -> Iterator[RunStatus]:
    """The run's status, again and again, and once more when it has ended."""
    status = first
    yield status
    while status.process is not None:
        time.sleep(_LOOK_SECONDS)
        status = run_status.look(first.db, first.run.id)
        yield status


def _end(status: RunStatus) -> int:
    from rich.console import Console

    from vpsbench.analyzer.verdict.judge import judge
    from vpsbench.report import text
    from vpsbench.store.reader import read

    text.show(judge(read(status.db, status.run.id)), Console())
    return 0


class Shown:
    """Remembers which of a run's turns and events were shown already."""

    def __init__(self) -> None:
        self._turns: int | None = None
        self._events: int | None = None
        self._now: object = None

    def show(self, status: RunStatus, progress: TerminalProgress) -> None:
        """Shows what is new. What was there at the first look is not shown."""
        progress.tick(status.run.elapsed)
        for turn in status.turns[self._turns :] if self._turns is not None else ():
            progress.ended(turn)
        for event in status.events[self._events :] if self._events is not None else ():
            if event.kind in run_status.TELLING:
                progress.told(event.said)
        now = status.note.turns[-1] if status.note and status.note.turns else None
        if now and now != self._now:
            progress.turn(now.probe, now.seconds)
        self._turns, self._events, self._now = len(status.turns), len(status.events), now


def _configure(parser: ArgumentParser) -> None:
    stored_run.add_db(parser, of_latest=True)


COMMAND = Command(
    name="attach",
    help="watch a run that is going on; Ctrl-C leaves it running",
    examples="vpsbench attach",
    configure=_configure,
    run=_run,
)
