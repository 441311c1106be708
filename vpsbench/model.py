"""Every noun of vpsbench, as frozen values. Imports nothing of ours and touches no machine.

Units are SI base units throughout: s, B, B/s, 1/s, and "1" for counts and ratios. A time without
further words is seconds since the run began, on the clock that also counts suspended time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BYTE_UNITS: Final = {
    "B": 1,
    **{f"{p}B": 1000**n for n, p in enumerate(("k", "M", "G", "T"), 1)},
    **{f"{p}iB": 1024**n for n, p in enumerate(("K", "M", "G", "T"), 1)},
    "KB": 1000,
}
TIME_UNITS: Final = {"s": 1, "min": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Quantity:
    """Marks a field whose text form carries a unit, such as ``"2 GiB"`` or ``"10 min"``.

    ``profiles.py`` reads the mark; values in memory are plain numbers of the base unit.
    """

    units: tuple[tuple[str, int], ...]


Bytes = Annotated[int, Quantity(tuple(BYTE_UNITS.items()))]
Duration = Annotated[float, Quantity(tuple(TIME_UNITS.items()))]
Bandwidth = Annotated[float, Quantity(tuple((f"{unit}/s", size) for unit, size in BYTE_UNITS.items()))]
Labels = tuple[tuple[str, str], ...]


# --- what is to be measured, and what was promised -------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnSpec:
    """One line of a profile: which probe, how long a turn lasts, and how often it comes back."""

    probe: str
    duration: Duration
    start: Duration = 0.0  # of the first turn, since the run began
    every: Duration | None = None  # from start to start; None: once
    background: bool = False  # runs beside all other turns, and ends with the last of them at the latest
    only: str | None = None  # the kind of the outermost layer that it is for; elsewhere it is left out
    options: dict[str, Any] = field(default_factory=dict)  # checked against the probe's own Options


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How to measure."""

    name: str
    description: str
    duration: Duration
    turns: tuple[TurnSpec, ...]
    tick: Duration = 1.0  # the monitors' interval
    write_budget: Bytes = 8 * 1024**3  # all that the probes together may write to disk
    duty: float = 1.0  # the share of a turn's time in which a probe may load the machine


Virtualization = Literal["kvm", "xen", "vmware", "hyper-v", "openvz", "lxc", "container", "bare-metal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the seller promised. What was not promised (None) cannot be broken."""

    name: str
    seller: str | None = None
    source: str | None = None  # where the promise stands: an address, an invoice, a chat
    price: str | None = None
    vcpus: int | None = None
    cpu: Literal["shared", "dedicated"] | None = None
    cpu_model: str | None = None
    cpu_share: float | None = None  # a disclosed cap: the share of each vCPU that is always there
    whole_cores: bool | None = None  # True: each vCPU is a core of its own, not a thread of a shared one
    cpu_burst: bool | None = None  # True: the seller says that full speed lasts only for a while
    memory: Bytes | None = None
    disk: Bytes | None = None
    disk_iops: float | None = None
    disk_bandwidth: Bandwidth | None = None  # B/s
    disk_burst: bool | None = None  # True: the seller says that full speed lasts only for a while
    virtualization: Virtualization | None = None


# --- the machine that we are in --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of virtualization, outermost first in ``Guest.layers``, with what it rests on."""

    kind: str  # "kvm", "xen-pv", "lxc", "docker", "bare-metal", "unknown", …
    evidence: tuple[str, ...]  # "file: what it says"


@dataclass(frozen=True, slots=True)
class Answer:
    """A yes, a no, or (None) a "cannot be known here", always with the reason."""

    value: bool | None
    because: str


@dataclass(frozen=True, slots=True)
class Capability:
    """Whether something can be measured here, why, and what would mend it (empty: nothing would)."""

    name: str
    available: bool
    because: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What this guest may use. None: no limit is visible."""

    vcpus_online: int
    vcpus_usable: tuple[int, ...]  # the vCPUs that our processes may be pinned to
    memory_total: int  # B, MemTotal
    cgroup_cpus: float | None  # CPU quota of our cgroup or the tightest parent, in CPUs
    cgroup_memory: int | None  # B, likewise

    @property
    def memory(self) -> int:
        """B that may be used: all, or what our cgroups leave of it."""
        return min(self.memory_total, self.cgroup_memory or self.memory_total)


@dataclass(frozen=True, slots=True)
class Guest:
    """The machine that a run was made on, as found when it began."""

    hostname: str
    kernel: str
    arch: str
    os: str
    cpu_model: str
    python: str
    vpsbench: str
    root: bool
    layers: tuple[Layer, ...]
    steal_clock: Answer
    limits: Limits
    capabilities: tuple[Capability, ...]
    facts: dict[str, str]  # what else was read: clocksource, balloon features, DMI, …


# --- what is measured ------------------------------------------------------------------------------


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


# --- what it means ---------------------------------------------------------------------------------


class Level(StrEnum):
    """``DOUBT`` is about the measurement itself: it can make a verdict inconclusive, never accuse."""

    CLEAN = "clean"
    NOTICE = "notice"
    STRONG = "strong"
    NOT_MEASURABLE = "not_measurable"
    DOUBT = "doubt"


@dataclass(frozen=True, slots=True)
class Alternative:
    """What else could explain a finding.

    Args:
        cause: in words.
        ruled_out: None: that could not be decided here.
        because: why, in words.
        kind: the cause in a word for programs; empty where none asks.
    """

    cause: str
    ruled_out: bool | None
    because: str
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One claim about the run, in one plain sentence, with what it rests on.

    Args:
        sign: the sign's name.
        level: how much weight it has.
        claim: the sentence.
        further: sentences that go on from it; empty: none.
        ground: which of the sign's answers it is, in a word for programs, such as "too_short".
        promised: in words.
        measured: the figure, in ``unit``.
        interval: its bounds, likewise.
        unit: SI.
        since: of the time that it speaks of, s since the run began.
        until: likewise.
        series: what shows it.
        alternatives: what else could explain it.
        needed: s of measuring that would settle it, where more of it would.
    """

    sign: str
    level: Level
    claim: str
    further: str = ""
    ground: str = ""
    promised: str | None = None
    measured: float | None = None
    interval: tuple[float, float] | None = None
    unit: str | None = None
    since: float | None = None
    until: float | None = None
    series: tuple[Metric | Selected, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    needed: float | None = None

    @property
    def said(self) -> str:
        """All of its sentences."""
        return f"{self.claim} {self.further}".rstrip()


class Word(StrEnum):
    """A verdict in one word."""

    KEPT = "kept"
    SUSPECT = "suspect"
    BROKEN = "broken"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class PromiseVerdict:
    """The verdict on one promise of the plan (or on what any seller promises without saying so)."""

    promise: str  # "cpu", "memory", "disk", "virtualization"
    text: str  # the promise in words
    word: Word
    because: str
    item: str = ""  # which line of it: the plan's setting, or what goes without saying
    settle: str = ""  # what would settle it, or how far it was tested; empty: nothing is open
    grounds: tuple[Finding, ...] = ()  # the findings that it rests on


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on a run."""

    word: Word
    because: str
    promises: tuple[PromiseVerdict, ...]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A probe or monitor that measured nothing, and why."""

    probe: str
    reason: str


@dataclass(frozen=True, slots=True)
class Check:
    """A question that a sign asked of the run, in a buyer's words; findings name the sign."""

    sign: str
    question: str
    promise: str  # as of PromiseVerdict; "measurement": whether the run itself can be trusted


@dataclass(frozen=True, slots=True)
class Judgement:
    """All that the analyzer says of a run; what the report and the JSON contract are made from."""

    record: Record
    verdict: Verdict
    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    checks: tuple[Check, ...] = ()
