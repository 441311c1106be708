"""Busy neighbours on a guest's own cores: QEMU's vCPU threads are pinned, and share them with hogs."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import Final

from tests.lab import places
from tests.lab.cgroups import Cgroup
from tests.lab.journal import Entry, Journal, started

_HOG: Final = places.LAB / "hog.py"


def shared(threads: list[int], usable: list[int]) -> dict[int, int]:
    """A core for each vCPU's thread; where there are fewer cores, threads share them as well."""
    return {thread: usable[n % len(usable)] for n, thread in enumerate(threads)}


def commands(cores: list[int], count: int, pace: tuple[float, float] | None) -> list[list[str]]:
    """The command lines of all hogs: ``count`` a core, each in a rhythm of its own."""
    every = [core for core in cores for _ in range(count)]
    rhythm = [f"{seconds:g}" for seconds in pace or ()]
    return [
        [sys.executable, str(_HOG), str(core), *rhythm, *([str(seed)] if pace else [])]
        for seed, core in enumerate(every)
    ]


class Hogs:
    """Hogs as they run.

    Args:
        threads: the vCPUs', to be pinned.
        count: hogs on each of their cores.
        pace: mean lengths of busy and quiet stretches, s; None: busy all the time.
        cgroup: of the hogs; its weight is their share beside QEMU's.
        journal: notes their processes.
    """

    def __init__(
        self,
        threads: list[int],
        count: int,
        pace: tuple[float, float] | None,
        cgroup: Cgroup,
        journal: Journal,
    ) -> None:
        self._usable, self._threads, self._journal = os.sched_getaffinity(0), threads, journal
        cores = shared(threads, sorted(self._usable))
        for thread, core in cores.items():
            os.sched_setaffinity(thread, {core})
        ending = ["setpriv", "--pdeathsig", "KILL"]
        self._running = [
            self._start(cgroup.entering([*ending, *one]))
            for one in commands(sorted({*cores.values()}), count, pace)
        ]

    def _start(self, command: list[str]) -> tuple[subprocess.Popen[bytes], Entry]:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        return process, self._journal.note("process", pid=process.pid, started=started(process.pid))

    def stop(self) -> None:
        """Ends them, and lets the vCPUs run where they want."""
        while self._running:
            process, entry = self._running.pop()
            self._journal.undo(entry)
            process.wait()
        for thread in self._threads:
            with contextlib.suppress(ProcessLookupError):  # the guest has ended
                os.sched_setaffinity(thread, self._usable)
