"""A clock that tests move by hand, or that moves whenever somebody waits."""

from __future__ import annotations

import select

from vpsbench.runner.clock import Clock

PATIENCE = 0.3  # s of real time for a process that may be about to say something: the machine may be busy


class FakeClock(Clock):
    """Waiting takes no time, except for what a probe's process needs to answer."""

    def __init__(self, boot: float = 1000.0, wall: float = 1_700_000_000.0) -> None:
        self.now = boot
        self.wall_at_boot = wall - boot
        self.slept = 0.0

    def boot(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now + self.wall_at_boot

    def asleep(self) -> float:
        return self.slept

    def cpu(self) -> float:
        return 0.0

    def wait(self, file: int | None, seconds: float) -> bool:
        if file is not None and select.select([file], [], [], PATIENCE if seconds else 0)[0]:
            return True
        self.now += max(0.0, seconds)
        return False

    def suspend(self, seconds: float) -> None:
        """The guest sleeps."""
        self.now += seconds
        self.slept += seconds
