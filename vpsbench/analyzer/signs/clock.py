"""Doubt: the guest's clocks disagree, so it was paused, or its seconds are not seconds.

Durations rest on the boot clock. Steps of the wall clock change none of them, so those are reported without a
time range. A pause of the whole guest hides what happened meanwhile: it has its time range.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench import metrics
from vpsbench.analyzer.signs import Sign
from vpsbench.model import Finding, Level, Record
from vpsbench.monitors import clocks
from vpsbench.wording.figures import span

if TYPE_CHECKING:
    from vpsbench.model import Floats

DRIFT: Final = 0.1  # s of wall clock against boot clock
JUMP: Final = 2.0  # s; the battery clock reads whole seconds
AROUND: Final = 10  # readings on each side of a jump


def look(record: Record) -> list[Finding]:
    """One finding for each clock that disagrees, or one that says which agreed."""
    found = [f for f in (_wall(record), _pause(record)) if f]
    if found:
        return found
    return [_agreed(record)]


def _agreed(record: Record) -> Finding:
    if record.named(clocks.RTC):
        claim = "The clocks agreed: wall clock within 0.1 s, battery clock without a jump."
        return _finding(Level.CLEAN, "agreed", claim)
    return _finding(
        Level.CLEAN,
        "no_battery_clock",
        "The clocks agreed: wall clock within 0.1 s; without a battery clock, a pause of the whole guest is "
        "not seen here.",
    )


def _wall(record: Record) -> Finding | None:
    values = np.concatenate([s.values for s in record.named(metrics.WALL_OFFSET)] or [np.zeros(0)])
    drift = float(values.max() - values.min()) if values.size else 0.0
    if drift <= DRIFT:
        return None
    return _finding(
        Level.DOUBT,
        "wall_clock_moved",
        f"The wall clock moved by {drift:.2f} s against the time since boot: times of day are "
        "uncertain, durations are not.",
        drift,
    )


def _pause(record: Record) -> Finding | None:
    """The greatest jump of the battery clock against the time since the run began."""
    jumps = [_jump(s.times, s.values - s.times) for s in record.named(clocks.RTC) if s.times.size > 2]
    since, until, jump = max(jumps, key=lambda j: abs(j[2]), default=(0.0, 0.0, 0.0))
    if abs(jump) < JUMP:
        return None
    return _finding(
        Level.DOUBT,
        "stood_still",
        f"The guest stood still for about {span(abs(jump))} without noticing: its battery clock "
        "jumped against its own.",
        abs(jump),
        (since, until),
    )


def _jump(times: Floats, offsets: Floats) -> tuple[float, float, float]:
    """(last time before, first time after, s) of the largest lasting jump."""
    place = int(np.abs(np.diff(offsets)).argmax()) + 1
    before, after = offsets[max(0, place - AROUND) : place], offsets[place : place + AROUND]
    return float(times[place - 1]), float(times[place]), float(np.median(after) - np.median(before))


def _finding(
    level: Level,
    ground: str,
    claim: str,
    measured: float | None = None,
    when: tuple[float, float] | None = None,
) -> Finding:
    return Finding(
        sign=SIGN.name,
        level=level,
        ground=ground,
        claim=claim,
        measured=measured,
        unit="s",
        since=when[0] if when else None,
        until=when[1] if when else None,
        series=(metrics.WALL_OFFSET, clocks.RTC),
    )


SIGN = Sign(
    name="clock",
    question="Can this machine's clocks be trusted?",
    promise="measurement",
    needs=(metrics.WALL_OFFSET,),
    look=look,
)
