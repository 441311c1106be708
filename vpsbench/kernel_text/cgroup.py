"""What the files of control groups hold.

Formats: the kernel's Documentation/admin-guide/cgroup-v2.rst (version 2), and of version 1
Documentation/scheduler/sched-bwc.rst (cpu) and Documentation/admin-guide/cgroup-v1/memory.rst.
"""

from __future__ import annotations

from typing import Final

THROTTLED_TIME: Final = {  # line of cpu.stat -> how many of its units make one s
    "throttled_usec": 1e6,  # version 2
    "throttled_time": 1e9,  # version 1
}
# Version 1 writes "no limit" as LONG_MAX rounded down to whole pages, of 64 KiB at most.
V1_UNLIMITED: Final = 2**63 - 2**16
