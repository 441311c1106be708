"""Runs fio, one process a job, bounded in time; says nothing about what its output means."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

STOP: Final = 3.0  # s that fio has to write down its results when it is told to stop
_LONGEST: Final = 4 * 1024**2  # B of output that are looked at; a whole report has under 0.2 MiB


@dataclass(frozen=True, slots=True)
class Left:
    """What a fio process left behind."""

    out: str
    complaints: str
    code: int | None  # negative: the signal that ended it; None: nothing could
    stopped: bool  # by us


class Process:
    """One fio under way in a process group of its own; it never outlives the ``with`` block.

    Args:
        arguments: fio's own.
        folder: where it runs and writes.
    """

    def __init__(self, arguments: list[str], folder: Path) -> None:
        self._out, self._err = folder / "fio.out", folder / "fio.err"
        self._stopped = False
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(
                ["fio", *arguments],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                process_group=0,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def wait(self, seconds: float) -> bool:
        """Waits for its end; False: it did not come in time."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _stop(self) -> None:
        """Ends it and its children: asked first, as fio then writes its results, forced soon after."""
        if self._process.poll() is None:
            self._stopped = True
            os.killpg(self._process.pid, signal.SIGTERM)
            self.wait(STOP)
        with suppress(ProcessLookupError):  # the usual case: nobody is left
            os.killpg(self._process.pid, signal.SIGKILL)
        self.wait(STOP)  # a process that hangs in the kernel, on a dead disk, does not even end then

    def left(self) -> Left:
        """Everything that it wrote; to be asked after the ``with`` block."""
        return Left(_read(self._out), _read(self._err), self._process.returncode, self._stopped)


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_LONGEST).decode(errors="replace")
