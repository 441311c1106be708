"""What happens to the guest during a run: its clock steps, it is suspended, its vCPUs and limits change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from vpsbench.model import Limits
from vpsbench.runner.clock import Clock

_CLOCK_STEP_SECONDS: Final = 0.1  # of the wall clock against CLOCK_BOOTTIME between two looks
_ASLEEP_SECONDS: Final = 0.5
_LIMITS_SECONDS: Final = 10.0  # between two looks at the limits
_LIMITS: Final = {
    "vcpus_online": "vCPUs online",
    "vcpus_usable": "the vCPUs that we may use",
    "cgroup_cpus": "our cgroup's CPU quota",
    "cgroup_memory": "our cgroup's memory limit, B",
}

Happened = tuple[str, str]  # kind and detail of an event


@dataclass(slots=True)
class GuestWatch:
    """Compares each look with the one before.

    Args:
        clock: the run's.
        limits: reads what the guest may use now.
        offset: wall clock minus CLOCK_BOOTTIME when this run was last looked at; None: never.
    """

    clock: Clock
    limits: Callable[[], Limits]
    offset: float | None = None
    shift: float = 0.0  # what reboots made of it, so that the run's series goes on as if there had been none
    slept: float = 0.0  # s, in the latest look
    _asleep: float | None = None
    known: Limits | None = None  # as they were
    _next_limits: float = 0.0

    def look(self) -> Iterator[Happened]:
        """What happened since the last look."""
        yield from self._sleep()
        yield from self._wall()
        if self.clock.boot() >= self._next_limits:
            self._next_limits = self.clock.boot() + _LIMITS_SECONDS
            yield from self._changed(self.limits())

    def _sleep(self) -> Iterator[Happened]:
        asleep = self.clock.asleep()
        self.slept = 0.0 if self._asleep is None else asleep - self._asleep
        self._asleep = asleep
        if self.slept > _ASLEEP_SECONDS:
            yield "suspended", f"the guest was suspended for {self.slept:.1f} s"

    def _wall(self) -> Iterator[Happened]:
        before, wall, after = self.clock.boot(), self.clock.wall(), self.clock.boot()
        offset = wall - (before + after) / 2  # read together: what happened in between is no drift
        if self.offset is not None and abs(offset - self.offset) > _CLOCK_STEP_SECONDS:
            yield "clock_step", f"the wall clock stepped by {offset - self.offset:+.3f} s"
        self.offset = offset

    def _changed(self, now: Limits) -> Iterator[Happened]:
        was, self.known = self.known, now
        for name, words in _LIMITS.items():
            old, new = getattr(was or now, name), getattr(now, name)
            if old != new:
                yield "limits_changed", f"{words}: {_text(old)} became {_text(new)}"


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "no limit" if value is None else str(value)
