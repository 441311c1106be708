"""The clocks that a run is measured with, handed in so that tests can use their own."""

from __future__ import annotations

import select
import time
from typing import Protocol


class Clock(Protocol):
    """Time, and waiting."""

    def boot(self) -> float:
        """CLOCK_BOOTTIME, s: monotonic, and counts while the guest is suspended."""

    def wall(self) -> float:
        """Unix time, s."""

    def asleep(self) -> float:
        """For how long the guest was suspended since it booted, s."""

    def cpu(self) -> float:
        """CPU time that this process used so far, s."""

    def wait(self, file: int | None, seconds: float) -> bool:
        """Returns when ``file`` can be read (True) or the time is over (False)."""


class RealClock:
    """The machine's clocks."""

    def boot(self) -> float:
        """See ``Clock``."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def wall(self) -> float:
        """See ``Clock``."""
        return time.time()

    def asleep(self) -> float:
        """See ``Clock``: meanwhile CLOCK_MONOTONIC stands still, and CLOCK_BOOTTIME does not."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)

    def cpu(self) -> float:
        """See ``Clock``."""
        return time.process_time()

    def wait(self, file: int | None, seconds: float) -> bool:
        """See ``Clock``."""
        poll = select.poll()
        if file is not None:
            poll.register(file, select.POLLIN)
        return bool(poll.poll(1000 * max(0.0, seconds)))
