"""Active probes: each loads one resource for one bounded turn, in a process of its own.

Each module defines ``PROBE``. The runner starts ``python -m vpsbench.probes NAME`` with a request on
standard input. What the probe emits goes back at once, as one JSON object a line. So a probe that is killed
loses nothing that it had measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from vpsbench.model import Guest, Metric


class Emit(Protocol):
    """How a probe hands over what it finds, at once."""

    def sample(self, metric: Metric, value: float, at: float | None = None, **labels: str) -> None:
        """One reading; ``at`` is CLOCK_BOOTTIME in seconds, by default now."""

    def series(self, metric: Metric, values: Sequence[float], at: Sequence[float], **labels: str) -> None:
        """Several readings of one series at once."""

    def event(self, kind: str, detail: str) -> None:
        """Something that happened, such as a killed child."""

    def raw(self, name: str, text: str) -> None:
        """A tool's whole output, kept with the turn."""

    def note(self, text: str) -> None:
        """What goes on now, in a few words, for the progress line."""


class Unavailable(Exception):  # noqa: N818  it is an outcome, not a fault
    """Raised by a probe that finds that it cannot measure here; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Request:
    """What one turn may do.

    Args:
        seconds: how long the turn lasts, all in all; the runner ends a probe that takes far longer.
        options: an instance of the probe's ``Options`` (on the runner's side, its fields as a dict).
        write_budget: B that this turn may still write to disk.
        folder: an empty folder of the turn's own, on the disk under test; removed afterwards.
        vcpus: the vCPUs that may be used.
        seed: for all randomness.
        duty: the share of the time in which the probe may load the machine, above 0 and up to 1.
    """

    seconds: float
    options: Any
    write_budget: int
    folder: str
    vcpus: tuple[int, ...]
    seed: int
    duty: float = 1.0


@dataclass(frozen=True, slots=True)
class Probe:
    """One active measurement.

    Args:
        name: the module's name.
        metrics: all that ``run`` may emit.
        options: a frozen dataclass of settings, each with a default; a profile may override them.
        missing: why it cannot be measured on this guest, and what would mend it; None when it can.
        run: does it; returns when the time is up. Raises ``Unavailable`` where it finds it cannot.
        writes: of its metrics the one that tells the B that it wrote to disk; None: it writes nothing.
        alone: whether background turns stand still during its own, as they would take from what it measures.
    """

    name: str
    metrics: tuple[Metric, ...]
    options: type[Any]
    missing: Callable[[Guest], str | None]
    run: Callable[[Request, Emit], None]
    writes: Metric | None = None
    alone: bool = False
