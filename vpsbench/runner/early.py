"""When a run is judged while it still goes on: early, as refund windows are short, and ever less often."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from vpsbench.model import TurnSpec
from vpsbench.runner.run_state import EarlyVerdict

SPEC: Final = TurnSpec(probe="early verdict", duration=120.0)  # no probe: it judges what there is so far
_FIRST: Final = 20 * 60.0  # s into the run
_GROWTH: Final = 1.5  # the next one comes when the run is so many times as long, but
_LATEST: Final = 6 * 3600.0  # s later at the latest


@dataclass(slots=True)
class EarlyVerdicts:
    """Those of one run.

    Args:
        command: starts a process that judges the run so far; None: nobody judges before the end.
        options: of its request.
        latest: the verdict that was reached before.
        due: when the next one is, s since the run began.
    """

    command: list[str] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    latest: EarlyVerdict | None = None
    due: float = _FIRST

    def take(self, now: float) -> list[str] | None:
        """The command to start now, s since the run began; None: none is due."""
        if self.command is None or now < self.due:
            return None
        self.due = _after(now)
        return self.command

    def resume(self) -> None:
        """Takes the schedule up where the latest verdict left it."""
        self.due = _after(self.latest.at) if self.latest else _FIRST


def _after(last: float) -> float:
    return min(last * _GROWTH, last + _LATEST)
