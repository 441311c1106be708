"""The lab's one clock."""

from __future__ import annotations

import time


def now() -> float:
    """CLOCK_BOOTTIME, s: a container's own, and what a guest's uptime is laid beside."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
