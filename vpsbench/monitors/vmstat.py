"""Events of the guest's memory management: /proc/vmstat.

Format: one ``name value`` a line, cumulative since boot; names as in the kernel's mm/vmstat.c. Which
lines there are depends on the kernel: balloon_* needs CONFIG_MEMORY_BALLOON, oom_kill exists since 4.13.
Unit: pages for pswpin, pswpout and balloon_*, else events. A page is the machine's own, mostly 4 KiB.
"""

from __future__ import annotations

from typing import Final

from vpsbench.kernel_text import vmstat
from vpsbench.kernel_text.lines import Texts, named
from vpsbench.model import Kind, Metric, Sample
from vpsbench.monitors import Monitor, matching

PSWPIN: Final = Metric(
    "vm.pswpin", "1", Kind.COUNTER, "neither",
    "Pages read back from the guest's own swap since boot.",
)  # fmt: skip
PSWPOUT: Final = Metric(
    "vm.pswpout", "1", Kind.COUNTER, "neither",
    "Pages written to the guest's own swap since boot.",
)  # fmt: skip
PGMAJFAULT: Final = Metric(
    "vm.pgmajfault", "1", Kind.COUNTER, "neither",
    "Page faults of the guest since boot that had to wait for a disk.",
)  # fmt: skip
PGFAULT: Final = Metric(
    "vm.pgfault", "1", Kind.COUNTER, "neither",
    "Page faults of the guest since boot, minor and major.",
)  # fmt: skip
BALLOON_INFLATE: Final = Metric(
    "vm.balloon_inflate", "1", Kind.COUNTER, "neither",
    "Pages that the balloon gave to the host since boot.",
)  # fmt: skip
BALLOON_DEFLATE: Final = Metric(
    "vm.balloon_deflate", "1", Kind.COUNTER, "neither",
    "Pages that the balloon got back from the host since boot.",
)  # fmt: skip
BALLOON_MIGRATE: Final = Metric(
    "vm.balloon_migrate", "1", Kind.COUNTER, "neither",
    "Pages that moved within the balloon since boot (compaction inside the guest).",
)  # fmt: skip
OOM_KILL: Final = Metric(
    "vm.oom_kill", "1", Kind.COUNTER, "neither",
    "Processes that the guest's kernel killed since boot because memory ran out.",
)  # fmt: skip

LINES: Final = {
    "pswpin": PSWPIN,
    "pswpout": PSWPOUT,
    "pgmajfault": PGMAJFAULT,
    "pgfault": PGFAULT,
    "balloon_inflate": BALLOON_INFLATE,
    "balloon_deflate": BALLOON_DEFLATE,
    "balloon_migrate": BALLOON_MIGRATE,
    "oom_kill": OOM_KILL,
}


def parse(texts: Texts) -> list[Sample]:
    """Pages or events since boot."""
    found = named(texts, vmstat.FILE, LINES)
    if not found:
        raise LookupError(f"{vmstat.FILE}: none of the lines {', '.join(LINES)}")
    return [Sample(LINES[name], line.value(1)) for name, line in found.items()]


MONITOR = Monitor(
    name="vmstat",
    files=matching(vmstat.FILE),
    metrics=tuple(LINES.values()),
    parse=parse,
)
