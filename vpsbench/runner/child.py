"""A probe's process as the runner sees it: started, listened to, ended."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import psutil

from vpsbench.model import Event, Metric, Sample, Status
from vpsbench.probes import Request

_PREFIX: Final = "vpsbench-turn-"  # of a turn's folder; the runner's process id follows
_REAP_SECONDS: Final = 3.0  # from a process's last word, or its killing, to its end


@dataclass(slots=True)
class Heard:
    """What a probe has said since it was last asked."""

    samples: list[Sample] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def worker(probe: str) -> list[str]:
    """The command line of a probe's own process."""
    return [sys.executable, "-m", "vpsbench.probes", probe]


class Child:
    """One turn's process, the folder it may write to, and all that it says.

    Args:
        probe: the probe's name.
        command: what to start.
        metrics: all that it may tell, by their names.
        request: what it may do; ``folder`` is the place in which the turn's own folder is made.

    Raises:
        OSError: it cannot be started, as where the disk is full; nothing is left of it.
    """

    def __init__(
        self, probe: str, command: list[str], metrics: Mapping[str, Metric], request: Request
    ) -> None:
        self.probe = probe
        self._metrics = metrics
        self.raw: dict[str, str] = {}
        self.status: Status | None = None
        self.detail = ""
        self.cost: float | None = None  # CPU s of the process and all that it waited for
        self._partial = b""
        self._folder = ""
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed by _clean
        try:
            self._folder = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=request.folder)
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                start_new_session=True,
            )
        except OSError:
            self._clean()
            raise
        self._ask(dataclasses.replace(request, folder=self._folder))

    def _ask(self, request: Request) -> None:
        assert self._process.stdin is not None  # noqa: S101  asked for above
        with (
            contextlib.suppress(BrokenPipeError),
            self._process.stdin as pipe,
        ):  # it may have died: poll() tells
            pipe.write(json.dumps(dataclasses.asdict(request)).encode())

    @property
    def output(self) -> int:
        """The file number to wait for."""
        assert self._process.stdout is not None  # noqa: S101  asked for above
        return self._process.stdout.fileno()

    def listen(self, at: float) -> Heard | None:
        """What it said, after ``output`` became readable; None at its end. ``at`` dates events, s."""
        data = os.read(self.output, 1 << 20)
        if not data:
            return None
        *lines, self._partial = (self._partial + data).split(b"\n")
        heard = Heard()
        for line in lines:
            try:
                self._understand(json.loads(line), heard, at)
            except (ValueError, KeyError, TypeError):
                heard.events.append(Event(at, "probe_garbage", f"it said {line[:200]!r}", self.probe))
        return heard

    def _understand(self, said: dict[str, Any], heard: Heard, at: float) -> None:
        match said["kind"]:
            case "sample":
                labels = tuple(sorted(said["labels"].items()))
                metric = self._metric(said["metric"])
                heard.samples.append(Sample(metric, float(said["value"]), labels, float(said["at"])))
            case "series":
                labels = tuple(sorted(said["labels"].items()))
                metric = self._metric(said["metric"])
                heard.samples += [
                    Sample(metric, float(value), labels, float(at))
                    for value, at in zip(said["values"], said["at"], strict=True)
                ]
            case "event":
                heard.events.append(Event(at, said["event"], said["detail"], self.probe))
            case "raw":
                self.raw[said["name"]] = said["text"]
            case "note":
                heard.notes.append(said["text"])
            case "done":
                self.status, self.detail = Status(said["status"]), said["detail"]
            case other:
                raise ValueError(other)

    def _metric(self, name: str) -> Metric:
        if name not in self._metrics:
            raise ValueError(f"{name} is no metric of this probe")
        return self._metrics[name]

    def terminate(self, status: Status, detail: str) -> None:
        """Asks it to end and to clean up; its turn has then this status."""
        self.status, self.detail = status, detail
        os.kill(self._process.pid, signal.SIGTERM)
        self.go_on()  # one that stands still heeds no request

    def halt(self) -> None:
        """Makes its process stand still."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Lets it work again."""
        os.kill(self._process.pid, signal.SIGCONT)  # it is ours until ``close`` reaps it

    def kill(self) -> None:
        """Ends it and all that it started at once: a session holds them, also when their parent is gone."""
        for pid in psutil.pids():
            with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
                if os.getsid(pid) == self._process.pid:
                    os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        """After its output ended, or it was killed: leaves no process and no file behind.

        A process that hangs in the kernel (state D: a disk that does not answer) ends by no signal. It is
        left there, with its folder, which the next run removes: touching that disk could hang us too.
        """
        reaped = self._reap()
        self.kill()
        reaped = reaped or self._reap()
        assert self._process.stdout is not None  # noqa: S101  asked for above
        self._process.stdout.close()
        if not reaped:
            self._process.returncode = -signal.SIGKILL
            self._errors.close()
            self.detail = f"{self.detail}; not even SIGKILL ended it: it hangs in the kernel".lstrip("; ")
            self.status = self.status or Status.TIMED_OUT
            return
        self._errors.seek(0)
        if text := self._errors.read().decode(errors="replace").strip():
            self.raw["stderr"] = text
        if self.status is None:
            self.status, self.detail = Status.FAILED, _ending(self._process.returncode, text)
        self._clean()

    def _reap(self) -> bool:
        """Waits for its end; False: it did not come."""
        until = time.monotonic() + _REAP_SECONDS
        while time.monotonic() < until:
            pid, status, usage = os.wait4(self._process.pid, os.WNOHANG)
            if pid:
                self._process.returncode = os.waitstatus_to_exitcode(status)
                self.cost = usage.ru_utime + usage.ru_stime
                return True
            time.sleep(0.005)
        return False

    def _clean(self) -> None:
        self._errors.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _ending(code: int, errors: str) -> str:
    last = errors.splitlines()[-1] if errors else "it said nothing"
    if code < 0:
        return f"killed by {signal.Signals(-code).name} ({last})"
    return f"ended with status {code} before it was done ({last})"


def remove_leftovers(folder: Path) -> list[str]:
    """Removes the turn folders of runs that were killed; returns their names.

    Each name tells its owner's process id, which since a reboot may be another program's, or our own.
    """
    removed = []
    for path in folder.glob(f"{_PREFIX}*-*"):
        owner = path.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdecimal() and path.is_dir() and not path.is_symlink() and not _is_a_run(int(owner)):
            shutil.rmtree(path, ignore_errors=True)
            removed.append(path.name)
    return removed


def _is_a_run(pid: int) -> bool:
    """Whether a process is one of ours, and not this one, which has no turn yet."""
    if pid == os.getpid():
        return False
    try:
        return b"vpsbench" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
