"""Dose and response: whether what a rest brings back is what a burst bucket would have taken back.

A bucket that ran dry fills at a fixed rate, so what comes back is rate times rest, on a line through the
origin; a neighbour who left, a cooler processor or an empty cache give back all or nothing, whatever
the rest. Three rests of 1, 2 and 4 times a step are enough to see which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

TOLERANCE: Final = 0.15  # of what is expected
FEWEST: Final = 3  # rests, so that two points' line through the origin is no accident
NOTHING: Final = 0.25  # of what is expected: less is no refill
TOO_MUCH: Final = 1.5  # times what is expected: more is no refill either


class Response(Enum):
    """What the rests told."""

    FILLS = "fills"
    NOTHING_BACK = "nothing back"
    TOO_MUCH_BACK = "too much back"
    UNCLEAR = "unclear"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Reload:
    """One rest and the load after it.

    Args:
        rest: s.
        returned: what the load got above the low rate, as rate times s.
        expected: what a bucket would have taken back, likewise.
        drained: whether the load ended at the low rate again.
    """

    rest: float
    returned: float
    expected: float
    drained: bool


def response(reloads: Sequence[Reload], floor: float) -> Response:
    """What the reloads tell, together.

    Args:
        reloads: in the order of time.
        floor: what noise alone makes of an amount; smaller differences tell nothing.
    """
    if not reloads:
        return Response.NOT_TRIED
    if len(reloads) < FEWEST or reloads[-1].expected < 2 * floor:
        return Response.UNCLEAR
    if all(one.drained and _near(one, floor) for one in reloads):
        return Response.FILLS
    if all(one.drained and one.returned < max(NOTHING * one.expected, floor) for one in reloads):
        return Response.NOTHING_BACK
    beyond = [one for one in reloads if one.returned > max(TOO_MUCH * one.expected, one.expected + 2 * floor)]
    return Response.TOO_MUCH_BACK if 2 * len(beyond) > len(reloads) else Response.UNCLEAR


def _near(one: Reload, floor: float) -> bool:
    return abs(one.returned - one.expected) <= max(TOLERANCE * one.expected, floor)


def rests(reloads: Sequence[Reload]) -> str:
    """The rests in words: "6, 12 and 24 s"."""
    return f"{listed([f'{one.rest:.0f}' for one in reloads])} s"


def listed(numbers: Sequence[str]) -> str:
    """``1, 2 and 3``."""
    return f"{', '.join(numbers[:-1])} and {numbers[-1]}" if len(numbers) > 1 else "".join(numbers)
