"""What it means: findings and verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from vpsbench.model.measured import Metric, Record, Selected


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
