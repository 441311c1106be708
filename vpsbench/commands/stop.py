"""``vpsbench stop``: ends the run that goes on; what was measured is kept."""

from __future__ import annotations

import os
import signal
import time
from argparse import ArgumentParser, Namespace
from typing import Final

from vpsbench.commands import Command
from vpsbench.errors import FAILED, VpsbenchError
from vpsbench.runner import lock

_SECONDS: Final = 60.0  # a probe that is asked to end cleans up; then what was measured is stored


def _run(_: Namespace) -> int:
    from vpsbench.wiring.measure import say

    told, process = lock.latest_run(), lock.holder()
    if process is None:
        raise VpsbenchError("No run goes on here.", "vpsbench status tells how the latest one ended.")
    if process == 0:  # which to a signal would be our own process group
        raise VpsbenchError("The run is of another container.", "Stop it there.")
    try:
        os.kill(process, signal.SIGINT)
    except PermissionError as error:
        hint = "Stop it as that user, or as root."
        raise VpsbenchError(f"Process {process} is another user's.", hint) from error
    until = time.monotonic() + _SECONDS
    while lock.holder() == process:
        if time.monotonic() > until:
            raise VpsbenchError(f"Process {process} did not end in {_SECONDS:.0f} s.", "", FAILED)
        time.sleep(0.1)
    say(f"stopped run {told.run}; vpsbench report --db {told.db} shows it" if told else "stopped")
    return 0


def _configure(_: ArgumentParser) -> None:
    pass


COMMAND = Command(
    name="stop",
    help="end the run that goes on; what was measured is kept, judged and reported",
    examples="vpsbench stop",
    configure=_configure,
    run=_run,
)
