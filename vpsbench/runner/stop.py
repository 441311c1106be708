"""Why a run ends before its time is up."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Stop:
    """One reason.

    Args:
        said: in words.
        signal: the signal that asked for it; None: none did.
    """

    said: str
    signal: int | None = None

    @classmethod
    def by(cls, number: int) -> Self:
        """A signal asked for it."""
        return cls(f"stopped by {signal.Signals(number).name}", number)

    @property
    def resumable(self) -> bool:
        """Whether the run may go on later: the machine goes down, perhaps, and sends SIGTERM to all."""
        return self.signal == signal.SIGTERM
