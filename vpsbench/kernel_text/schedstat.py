"""/proc/PID/schedstat: how long a thread ran, and how long it waited for a vCPU behind others of this guest.

Format: the kernel's Documentation/scheduler/sched-stats.rst: ns of running, ns of run-queue delay, slices.
A kernel that was built without it has no such file; one that keeps it switched off shows three zeros.
"""

from __future__ import annotations


def run_queue_delay(text: str | bytes) -> int:
    """So far, ns. Read within hot loops, so nothing is checked.

    Raises:
        LookupError, ValueError: it is no such text.
    """
    return int(text.split()[1])


def counted(text: str) -> bool:
    """Whether the kernel counts at all."""
    fields = text.split()
    return len(fields) >= 3 and fields[0] != "0"
