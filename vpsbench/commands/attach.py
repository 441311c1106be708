"""``vpsbench attach``: watches a run that goes on, in any terminal, to its end."""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from vpsbench.commands import Command
from vpsbench.errors import VpsbenchError
from vpsbench.wiring import run_status

if TYPE_CHECKING:
    from vpsbench.wiring.progress import TerminalProgress
    from vpsbench.wiring.run_status import Standing

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
            seen = Seen()
            for standing in _course(first):
                seen.show(standing, progress)
    except KeyboardInterrupt:
        say("left; the run goes on: vpsbench status, vpsbench stop")
        return 0
    return _end(first)


def _course(first: Standing) -> Iterator[Standing]:
    """The run as it stands now, again and again, and once more when it has ended."""
    standing = first
    yield standing
    while standing.process is not None:
        time.sleep(_LOOK_SECONDS)
        standing = run_status.look(first.db, first.run.id)
        yield standing


def _end(standing: Standing) -> int:
    from rich.console import Console

    from vpsbench.analyzer.verdict.judge import judge
    from vpsbench.report import text
    from vpsbench.store.reader import read

    text.show(judge(read(standing.db, standing.run.id)), Console())
    return 0


class Seen:
    """What of a run was shown already."""

    def __init__(self) -> None:
        self._turns: int | None = None
        self._events: int | None = None
        self._now: object = None

    def show(self, standing: Standing, progress: TerminalProgress) -> None:
        """Shows what is new; of what was before the first look, nothing."""
        progress.tick(standing.run.elapsed)
        for turn in standing.turns[self._turns :] if self._turns is not None else ():
            progress.ended(turn)
        for event in standing.events[self._events :] if self._events is not None else ():
            if event.kind in run_status.TELLING:
                progress.told(event.said)
        now = standing.note.turns[-1] if standing.note and standing.note.turns else None
        if now and now != self._now:
            progress.turn(now.probe, now.seconds)
        self._turns, self._events, self._now = len(standing.turns), len(standing.events), now


def _configure(parser: ArgumentParser) -> None:
    run_status.add_db(parser)


COMMAND = Command(
    name="attach",
    help="watch a run that goes on; Ctrl-C leaves it running",
    examples="vpsbench attach",
    configure=_configure,
    run=_run,
)
