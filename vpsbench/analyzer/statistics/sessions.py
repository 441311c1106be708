"""Sessions: parts of a long series that lie hours apart, so that each is a look of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


SESSION: Final = 3600.0  # s, the longest stretch that counts as one session
APART: Final = (
    7200.0  # s between the end of one session and the start of the next: hours, not one busy evening
)


def sessions(times: Sequence[float] | Floats) -> list[list[int]]:
    """Groups rising times into sessions that are hours apart, as places in ``times``.

    A session is at most an hour long; what falls into the two hours after it belongs to none, so that
    two sessions of one continuous run are separate looks and not one event seen twice.
    """
    found: list[list[int]] = []
    for place, time in enumerate(times):
        if found and time < times[found[-1][0]] + SESSION:
            found[-1].append(place)
        elif not found or time >= times[found[-1][-1]] + APART:
            found.append([place])
    return found


def most_sessions(duration: float) -> int:
    """How many sessions a run of this length (s) can have at the most: known before it begins."""
    return 1 + int(duration // APART)


def looks(duration: float) -> int:
    """How often a run of this length (s) can be looked at: as a whole, and session by session if several."""
    return 1 if (most := most_sessions(duration)) == 1 else 1 + most
