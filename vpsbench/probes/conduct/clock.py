"""The clock that the probes' readings and deadlines go by."""

from __future__ import annotations

import time


def now() -> float:
    """CLOCK_BOOTTIME, s: monotonic, and counts while the guest is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
