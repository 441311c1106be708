"""The process in which one probe runs its turn: ``python -m vpsbench.probes NAME``.

Reads a request (JSON) from standard input, writes one JSON object a line to standard output.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import select
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import IO, Any

from vpsbench.model import Metric
from vpsbench.probes import Probe, Request, Unavailable
from vpsbench.probes.conduct.clock import now

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


class Lines:
    """An ``Emit`` that writes JSON lines."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out

    def _line(self, kind: str, **fields: Any) -> None:  # noqa: ANN401  any JSON value
        self._out.write(json.dumps({"kind": kind, **fields}, allow_nan=False) + "\n")
        self._out.flush()

    def sample(self, metric: Metric, value: float, at: float | None = None, **labels: str) -> None:
        """See ``Emit``."""
        when = now() if at is None else at
        self._line("sample", metric=metric.name, value=float(value), labels=labels, at=when)

    def series(self, metric: Metric, values: Sequence[float], at: Sequence[float], **labels: str) -> None:
        """See ``Emit``."""
        self._line("series", metric=metric.name, values=list(values), labels=labels, at=list(at))

    def event(self, kind: str, detail: str) -> None:
        """See ``Emit``."""
        self._line("event", event=kind, detail=detail)

    def raw(self, name: str, text: str) -> None:
        """See ``Emit``."""
        self._line("raw", name=name, text=text)

    def note(self, text: str) -> None:
        """See ``Emit``."""
        self._line("note", text=text)

    def done(self, status: str, detail: str = "") -> None:
        """The last line."""
        self._line("done", status=status, detail=detail)


def main() -> int:
    """Runs one turn; every outcome is the last line, so that the runner need not guess."""
    _end_with_parent()
    lines = Lines(os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8"))
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints must not mix with our lines
    try:
        probe, request = _asked(sys.argv[1], json.load(sys.stdin))
        probe.run(request, lines)
    except Unavailable as reason:
        lines.done("unavailable", str(reason))
    except Exception as error:  # noqa: BLE001  whatever it is belongs into the run's record
        lines.raw("traceback", traceback.format_exc())
        lines.done("failed", f"{type(error).__name__}: {error}")
    else:
        lines.done("ok")
    return 0


def _asked(name: str, data: dict[str, Any]) -> tuple[Probe, Request]:
    probe: Probe = importlib.import_module(f"vpsbench.probes.{name}").PROBE
    data["options"] = probe.options(
        **{k: tuple(v) if isinstance(v, list) else v for k, v in data["options"].items()}
    )
    data["vcpus"] = tuple(data["vcpus"])
    return probe, Request(**data)


def _end_with_parent() -> None:
    """Asks for SIGTERM when the runner dies, and turns SIGTERM into an exit that runs clean-ups."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is the runner's to handle
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if _nobody_listens(sys.stdout.fileno()):  # it died before it could be asked for
        sys.exit(143)


def _nobody_listens(number: int) -> bool:
    """Whether all readers of a pipe are gone."""
    pipe = select.poll()
    pipe.register(number, 0)
    return any(event & select.POLLERR for _, event in pipe.poll(0))


if __name__ == "__main__":
    sys.exit(main())
