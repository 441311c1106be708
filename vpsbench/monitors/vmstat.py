"""Events of the guest's memory management: /proc/vmstat.

Format: one ``name value`` a line, cumulative since boot; names as in the kernel's mm/vmstat.c. Which
lines there are depends on the kernel: balloon_* needs CONFIG_MEMORY_BALLOON, oom_kill exists since 4.13.
Unit: pages for pswpin, pswpout and balloon_*, else events. A page is the machine's own, mostly 4 KiB.
"""

from __future__ import annotations

from typing import Final

from vpsbench.kernel_text.lines import Texts, named
from vpsbench.model import Kind, Metric, Sample
from vpsbench.monitors import Monitor, matching

FILE: Final = "/proc/vmstat"
HELP: Final = {
    "pswpin": "Pages read back from the guest's own swap since boot.",
    "pswpout": "Pages written to the guest's own swap since boot.",
    "pgmajfault": "Page faults of the guest since boot that had to wait for a disk.",
    "pgfault": "Page faults of the guest since boot, minor and major.",
    "balloon_inflate": "Pages that the balloon gave to the host since boot.",
    "balloon_deflate": "Pages that the balloon got back from the host since boot.",
    "balloon_migrate": "Pages that moved within the balloon since boot (compaction inside the guest).",
    "oom_kill": "Processes that the guest's kernel killed since boot because memory ran out.",
}


def parse(texts: Texts) -> list[Sample]:
    """Pages or events since boot."""
    found = named(texts, FILE, HELP)
    if not found:
        raise LookupError(f"{FILE}: none of the lines {', '.join(HELP)}")
    return [Sample(f"vm.{name}", line.value(1)) for name, line in found.items()]


MONITOR = Monitor(
    name="vmstat",
    files=matching(FILE),
    metrics=tuple(Metric(f"vm.{name}", "1", Kind.COUNTER, "neither", text) for name, text in HELP.items()),
    parse=parse,
)
