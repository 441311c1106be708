"""A run goes on in a new process: what is taken over, and where its time axis lies on this boot's clock.

Pure: no clock, no files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from vpsbench.model import Status, Turn
from vpsbench.runner.guest_watch import Happened
from vpsbench.runner.run_state import EarlyVerdict, SavedRun

_STEP_SECONDS: Final = 0.1  # of the wall clock, that is an event


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What earlier processes of a run did."""

    elapsed: float  # when it was last heard of, s since it began
    started: float  # Unix time at which it began, s
    offset: float  # wall clock minus CLOCK_BOOTTIME when it began, s
    drift: float  # how that changed until it was last heard of, s
    turns: tuple[Turn, ...]  # without their raw output
    written: float  # B, by probes
    saved: SavedRun | None  # None: it was lost


@dataclass(frozen=True, slots=True)
class Axis:
    """The run's time axis on this boot's clock."""

    boot: float  # CLOCK_BOOTTIME at which it began, or would have, s
    offset: float | None  # wall clock minus CLOCK_BOOTTIME at the last tick; None: of another boot
    shift: float  # to be added to that difference, so that it goes on as if there had been no reboot
    events: tuple[Happened, ...]


def axis(past: Past, boot_id: str, boot: float, wall: float) -> Axis:
    """Lays the axis on.

    On the same boot the clock that was used tells. After a reboot only the wall clock does; where that went
    backwards, the machine's uptime is the least that has passed.

    Args:
        past: what there was.
        boot_id: of this boot.
        boot: CLOCK_BOOTTIME now, s.
        wall: Unix time now, s.
    """
    saved, first = past.saved, past.started - past.offset  # CLOCK_BOOTTIME when the run began, of that boot
    if saved and saved.boot_id == boot_id:
        gap = boot - saved.boot - past.elapsed
        offset = past.started - saved.boot + past.drift
        return Axis(saved.boot, offset, saved.boot - first, (_resumed(gap, past),))
    passed = wall - (past.started + past.elapsed + past.drift)  # by the wall clock
    gap = max(passed, boot)
    events = [_resumed(gap, past)]
    was = f"boot {saved.boot_id}" if saved else "an unknown boot"
    events.append(("reboot", f"{was} became boot {boot_id}, {boot:.0f} s before the run went on"))
    if passed < boot - _STEP_SECONDS:
        back = f"the wall clock went back by at least {boot - passed:.0f} s over the reboot"
        events.append(("clock_step", f"{back}. The gap was longer than that; how much longer is not known"))
    began = boot - past.elapsed - gap
    return Axis(began, None, began - first, tuple(events))


def _resumed(gap: float, past: Past) -> Happened:
    return "resumed", f"nothing was read for {gap:.1f} s, from {past.elapsed:.1f} s on"


def cut_short(past: Past, why: str) -> Iterator[Turn]:
    """The turns that ran when the run was cut off, as far as they came."""
    known = {(turn.probe, turn.started) for turn in past.turns}
    for began in past.saved.turns if past.saved else ():
        if (began.probe, began.started) not in known:
            elapsed = max(0.0, past.elapsed - began.started)
            yield Turn(began.probe, began.started, elapsed, Status.INTERRUPTED, why, began.options, {})


def early(past: Past) -> EarlyVerdict | None:
    """The verdict that was reached before."""
    return past.saved.early if past.saved else None
