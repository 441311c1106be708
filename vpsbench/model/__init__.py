"""Every noun of vpsbench, as a frozen value. Nothing here touches the machine or knows another room.

Units are SI base units throughout: s, B, B/s, 1/s, and "1" for counts and ratios. A time without
further words is seconds since the run began, on the clock that also counts suspended time.

All names are taken from here: ``from vpsbench.model import Finding``.
"""

from typing import TYPE_CHECKING

from vpsbench.model.guest import Answer, Capability, Guest, Layer, Limits
from vpsbench.model.judged import (
    Alternative,
    Check,
    Finding,
    Judgement,
    Level,
    PromiseVerdict,
    Skipped,
    Verdict,
    Word,
)
from vpsbench.model.measured import (
    Better,
    Event,
    Kind,
    Labels,
    Metric,
    Record,
    Run,
    RunState,
    Sample,
    Selected,
    Series,
    Status,
    Turn,
)
from vpsbench.model.planned import Plan, Profile, TurnSpec, Virtualization
from vpsbench.model.units import BYTE_UNITS, TIME_UNITS, Bandwidth, Bytes, Duration, Quantity

if TYPE_CHECKING:
    from vpsbench.model.measured import Floats as Floats

__all__ = [
    "BYTE_UNITS",
    "TIME_UNITS",
    "Alternative",
    "Answer",
    "Bandwidth",
    "Better",
    "Bytes",
    "Capability",
    "Check",
    "Duration",
    "Event",
    "Finding",
    "Guest",
    "Judgement",
    "Kind",
    "Labels",
    "Layer",
    "Level",
    "Limits",
    "Metric",
    "Plan",
    "Profile",
    "PromiseVerdict",
    "Quantity",
    "Record",
    "Run",
    "RunState",
    "Sample",
    "Selected",
    "Series",
    "Skipped",
    "Status",
    "Turn",
    "TurnSpec",
    "Verdict",
    "Virtualization",
    "Word",
]
