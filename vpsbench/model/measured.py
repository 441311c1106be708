"""What is measured, and how a run went."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from vpsbench.model.guest import Guest
from vpsbench.model.planned import Plan, Profile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Labels = tuple[tuple[str, str], ...]


class Kind(StrEnum):
    """A gauge is a value by itself; only the growth of a counter means something."""

    GAUGE = "gauge"
    COUNTER = "counter"


Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A measured quantity, and how to read it.

    Each exists once, beside the probe or monitor that owns it; ``metrics`` knows them all. Whoever emits,
    reads, exports or charts it names the object.
    """

    name: str  # "cpu.loop.gap"
    unit: str  # "s", "B", "B/s", "1/s", "1"
    kind: Kind
    better: Better
    help: str

    def __hash__(self) -> int:
        """By its name, which no other has."""
        return hash(self.name)

    def __str__(self) -> str:
        return self.name


class Selected(NamedTuple):
    """Those series of a metric that carry certain labels, as a finding names them."""

    metric: Metric
    labels: Labels

    def __str__(self) -> str:
        return f"{self.metric}{{{','.join(f'{key}={value}' for key, value in self.labels)}}}"


class Sample(NamedTuple):
    """One reading. ``at`` is CLOCK_BOOTTIME in seconds; None: the time of the tick it was read in.

    A named tuple, as each tick makes a hundred.
    """

    metric: Metric
    value: float
    labels: Labels = ()
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the run: a gap, a pause, a clock step, a killed probe, a full disk.

    Args:
        t: s since the run began.
        kind: what happened, in a word.
        detail: in words.
        source: the probe or monitor that it happened to; empty: to the run.
    """

    t: float
    kind: str
    detail: str
    source: str = ""

    @property
    def said(self) -> str:
        """In words, with where it happened."""
        return f"{self.source}: {self.detail}" if self.source else self.detail


class Status(StrEnum):
    """How a turn ended. ``SKIPPED``: it never began; the detail says why."""

    OK = "ok"
    UNAVAILABLE = "unavailable"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    INTERRUPTED = "interrupted"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Turn:
    """One act of measuring, as it went."""

    probe: str
    started: float
    elapsed: float
    status: Status
    detail: str
    options: dict[str, Any]
    raw: dict[str, str]  # whole outputs of tools, so that a better parser can read an old run again


@dataclass(frozen=True, slots=True)
class Series:
    """The course of one metric with one set of labels."""

    metric: Metric
    labels: dict[str, str]
    times: Floats  # s since the run began, rising
    values: Floats  # never NaN: what is missing is in gaps
    gaps: tuple[tuple[float, float], ...] = ()  # from the first failed reading to the next good one


class RunState(StrEnum):
    """How a run ended; ``RUNNING`` in a database that nobody writes to means that it was killed."""

    RUNNING = "running"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Run:
    """One run's own data."""

    id: int
    state: RunState
    started: float  # Unix time, s
    elapsed: float  # s
    seed: int
    profile: Profile
    plan: Plan | None
    guest: Guest


@dataclass(frozen=True, slots=True)
class Record:
    """A whole run as read back: all that a sign may look at.

    Args:
        run: the run's own data.
        series: all that was measured.
        turns: in their order.
        events: likewise.
        claims: how many claims each sign may make, as declared before the run; None until the judge has
            completed the record.
    """

    run: Run
    series: tuple[Series, ...]
    turns: tuple[Turn, ...]
    events: tuple[Event, ...]
    claims: dict[str, int] | None = None

    def named(self, metric: Metric, **labels: str) -> tuple[Series, ...]:
        """All series of a metric that carry these labels, in a fixed order."""
        wanted, name = labels.items(), metric.name
        return tuple(s for s in self.series if s.metric.name == name and wanted <= s.labels.items())
