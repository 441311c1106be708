"""Which turn comes next. Pure: times are seconds since the run began."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from vpsbench.model import Profile, Status, Turn, TurnSpec

# A turn that would get less than this share of its time shows too little to be worth the load.
_WORTHWHILE = 0.5


def planned(profile: Profile) -> float:
    """How long a run will last, s: less than its profile's time where all turns come once and are short."""
    turns = [turn for turn in profile.turns if not turn.background]
    if any(turn.every is not None or turn.start for turn in turns):
        return profile.duration
    return min(profile.duration, sum(turn.duration for turn in turns))


@dataclass(slots=True)
class _Line:
    spec: TurnSpec
    due: float | None

    def take(self, now: float) -> None:
        """Drops turns that were missed while others ran: made up for, they would crowd the rest."""
        self.due = None if self.spec.every is None else max(self.due or 0.0, now) + self.spec.every

    def began(self, turn: Turn) -> bool:
        """Whether it may have been one of this line's."""
        same = (turn.probe, turn.options) == (self.spec.probe, self.spec.options)
        return same and turn.status is not Status.SKIPPED


class Schedule:
    """Walks some lines of a profile: the longest overdue first, then in the profile's order.

    Args:
        profile: the profile.
        background: whether of those that run beside the others, or of the others.
    """

    def __init__(self, profile: Profile, *, background: bool = False) -> None:
        self._duration = profile.duration
        self._lines = [_Line(spec, spec.start) for spec in profile.turns if spec.background == background]

    def take(self, now: float) -> tuple[TurnSpec, float] | None:
        """The turn to start now and the seconds it may last; None: nothing is due."""
        due = [line for line in self._lines if line.due is not None and line.due <= now]
        if not due:
            return None
        line = min(due, key=lambda one: one.due or 0.0)
        left = self._duration - now
        if left < line.spec.duration * _WORTHWHILE:
            return None
        line.take(now)
        return line.spec, min(line.spec.duration, left)

    def go_on(self, turns: Iterable[Turn], now: float) -> Iterator[tuple[TurnSpec, float, int]]:
        """Goes on after a run was cut off: marks its turns as taken, and passes over those missed meanwhile.

        A line that comes again and again is late once, not once for each turn that it missed.

        Args:
            turns: all that began, in that order.
            now: when the run goes on.

        Yields:
            For each line that missed turns: the line, when the first of them was due, and how many.
        """
        for turn in turns:
            fitting = [line for line in self._lines if line.due is not None and line.began(turn)]
            if fitting:
                min(fitting, key=lambda one: one.due or 0.0).take(turn.started)
        for line in self._lines:
            first, missed = line.due, 0
            while self._missed(line, now):
                line.due, missed = (line.due or 0.0) + (line.spec.every or 0.0), missed + 1
            if first is not None and missed:
                yield line.spec, first, missed

    def next_due(self, now: float) -> float | None:
        """When something can start next; None: nothing more fits into this run."""
        times = [max(line.due, now) for line in self._lines if line.due is not None and self._fits(line, now)]
        return min(times, default=None)

    def coming(self, probe: str, now: float) -> int:
        """How many turns of a probe can still come, at most; for sharing a budget among them."""
        return sum(self._count(line, now) for line in self._lines if line.spec.probe == probe)

    def never_began(self) -> Iterator[TurnSpec]:
        """The turns that no time was left for."""
        return (line.spec for line in self._lines if line.due == line.spec.start)

    def _missed(self, line: _Line, now: float) -> bool:
        """Whether the next turn of a line is due, too, and would have fitted in."""
        if line.due is None or line.spec.every is None:
            return False
        return line.due + line.spec.every <= now and self._fits(line, line.due)

    def _fits(self, line: _Line, now: float) -> bool:
        starts = max(line.due or 0.0, now)
        return self._duration - starts >= line.spec.duration * _WORTHWHILE

    def _count(self, line: _Line, now: float) -> int:
        if line.due is None or not self._fits(line, now):
            return 0
        if line.spec.every is None:
            return 1
        last = self._duration - line.spec.duration * _WORTHWHILE
        return 1 + int((last - max(line.due, now)) / line.spec.every)
