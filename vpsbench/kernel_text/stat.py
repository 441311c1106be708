"""/proc/stat: where the time of each vCPU went.

Format: proc(5) and the kernel's Documentation/filesystems/proc.rst. A line ``cpuN`` per online vCPU
(one that went offline has none) after the line ``cpu`` of all of them. A column a state: kernels before
2.6.11 have no steal, before 2.6.24 no guest, before 2.6.33 no guest_nice. user includes guest, and nice
includes guest_nice.
"""

from __future__ import annotations

import re
from itertools import takewhile
from typing import Final

from vpsbench.kernel_text.lines import Line, Texts, lines, named

FILE: Final = "/proc/stat"
# Ticks a second in Linux's user interface: on all but alpha and ia64, whatever the kernel's own HZ is.
USER_HZ: Final = 100
STATES: Final = (
    "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice",
)  # fmt: skip
_OLDEST: Final = 4  # user, nice, system and idle have always been there
_VCPU: Final = re.compile(r"cpu([0-9]+)")


def vcpus(texts: Texts) -> dict[str, Line]:
    """The lines of the vCPUs that are online, by their numbers; LookupError where the file was not read."""
    of_cpus = takewhile(lambda line: line.words[0].startswith("cpu"), lines(texts, FILE))
    return {match[1]: line for line in of_cpus if (match := _VCPU.fullmatch(line.words[0]))}


def seconds(line: Line) -> list[tuple[str, float]]:
    """The states that a vCPU's line has, each with its s since boot; ValueError where it is no such line."""
    columns = min(max(_OLDEST, len(line.words) - 1), len(STATES))
    return [(state, line.value(column) / USER_HZ) for column, state in enumerate(STATES[:columns], 1)]


def ticks(text: str, cpu: str) -> dict[str, int]:
    """Ticks since boot by state, as one line tells, such as that of ``cpu`` or ``cpu0``.

    Empty where there is no such line. What follows a column that is no number is passed over.
    """
    line = named({FILE: text}, FILE, (cpu,)).get(cpu)
    columns = takewhile(str.isdecimal, line.words[1:]) if line else ()
    return dict(zip(STATES, map(int, columns), strict=False))
