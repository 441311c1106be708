"""Runs fio, one process a job, bounded in time; says nothing about what its output means."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

STOP: Final = 3.0  # s that fio has to write down its results when it is told to stop
_LONGEST: Final = 4 * 1024**2  # B of output that are kept; a whole report has under 0.2 MiB
_LOOK: Final = 0.5  # s between two looks whether it ended, as a child of it may hold its output open
_PR_SET_PDEATHSIG: Final = 1  # <linux/prctl.h>
_LIBC: Final = ctypes.CDLL(None)


@dataclass(frozen=True, slots=True)
class Left:
    """What a fio process left behind.

    Args:
        report: its last whole report; empty where it made none.
        noise: all else that it wrote to standard output.
        complaints: what it wrote to standard error.
        code: its exit status; negative: the signal that ended it; None: nothing could.
        stopped: whether it was us who ended it.
    """

    report: str
    noise: str
    complaints: str
    code: int | None
    stopped: bool


class Reports:
    """Cuts what fio writes, as it comes, into its reports: each from a line ``{`` to a line ``}``."""

    def __init__(self) -> None:
        self.last = ""
        self.noise = b""
        self._pending = b""

    def feed(self, data: bytes) -> list[str]:
        """The reports that became whole."""
        *lines, rest = (self._pending + data).split(b"\n")
        found: list[str] = []
        inside: list[bytes] = []
        for line in lines:
            if inside or line == b"{":
                inside.append(line)
            else:
                self._keep(line + b"\n")
            if line == b"}" and inside:
                found.append(b"\n".join(inside).decode(errors="replace"))
                inside = []
        self._pending = b"\n".join([*inside, rest])
        if len(self._pending) > _LONGEST:
            self.end()
        self.last = found[-1] if found else self.last
        return found

    def end(self) -> None:
        """Nothing more will come: what is not whole is noise."""
        self._keep(self._pending)
        self._pending = b""

    def _keep(self, noise: bytes) -> None:
        self.noise = (self.noise + noise)[:_LONGEST]


class FioProcess:
    """One fio under way in a process group of its own; it never outlives the ``with`` block, nor us.

    Args:
        arguments: fio's own.
        folder: where it runs and writes.
        heard: told each whole report; fio makes one at its end, and with ``--status-interval`` others.
    """

    def __init__(
        self, arguments: list[str], folder: Path, heard: Callable[[str], None] = lambda _: None
    ) -> None:
        self._err = folder / "fio.err"
        self._stopped = False
        self._heard, self._reports = heard, Reports()
        with self._err.open("wb") as err:
            self._process = subprocess.Popen(
                ["fio", *arguments],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=err,
                process_group=0,
                preexec_fn=_end_with_parent,  # noqa: PLW1509  a probe has one thread, and nothing else does it
            )
        assert self._process.stdout is not None  # noqa: S101  asked for above
        self._out = self._process.stdout
        os.set_blocking(self._out.fileno(), False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._stop()
        finally:
            self._out.close()

    def wait(self, seconds: float, look: Callable[[], None] = lambda: None) -> bool:
        """Listens until its end, and looks around meanwhile; False: it did not come in time."""
        until = time.monotonic() + seconds
        while self._process.poll() is None:
            look()
            left = until - time.monotonic()
            if left <= 0:
                return False
            if not self._listen(min(left, _LOOK)):  # it closed its output, and will end now
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(min(left, _LOOK))
        while self._listen(0):
            pass
        return True

    def _listen(self, seconds: float) -> bool:
        """Hears what comes within so many seconds; False: no more will, or nothing did at once."""
        if not select.select([self._out], [], [], seconds)[0]:
            return seconds > 0
        data = os.read(self._out.fileno(), 1 << 20)
        for report in self._reports.feed(data):
            self._heard(report)
        return bool(data)

    def _stop(self) -> None:
        """Ends it and its children: asked first, as fio then writes its results, forced soon after."""
        if self._process.poll() is None:
            self._stopped = True
            os.killpg(self._process.pid, signal.SIGTERM)
            self.wait(STOP)
        with suppress(ProcessLookupError):  # the usual case: nobody is left
            os.killpg(self._process.pid, signal.SIGKILL)
        self.wait(STOP)  # a process that hangs in the kernel, on a dead disk, does not even end then
        self._reports.end()

    def left(self) -> Left:
        """Everything that it wrote; to be asked after the ``with`` block."""
        return Left(
            self._reports.last,
            self._reports.noise.decode(errors="replace"),
            _read(self._err),
            self._process.returncode,
            self._stopped,
        )


def _end_with_parent() -> None:
    """Should we be killed without a chance to end it, the kernel asks it to end."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_LONGEST).decode(errors="replace")
