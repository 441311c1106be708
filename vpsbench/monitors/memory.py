"""How much memory the guest has, and how much of it is left: /proc/meminfo.

Format: see ``kernel_text.meminfo``.
MemAvailable exists since 3.14; Balloon (what a balloon driver took and accounts for) in newer kernels only.
"""

from __future__ import annotations

from typing import Final

from vpsbench.kernel_text import meminfo
from vpsbench.kernel_text.lines import Texts, named
from vpsbench.model import Kind, Metric, Sample
from vpsbench.monitors import Monitor, matching

TOTAL: Final = Metric(
    "memory.total", "B", Kind.GAUGE, "neither",
    "Memory that the guest's kernel manages; a balloon can make it shrink.",
)  # fmt: skip
FREE: Final = Metric(
    "memory.free", "B", Kind.GAUGE, "neither",
    "Memory that nobody in the guest uses.",
)  # fmt: skip
AVAILABLE: Final = Metric(
    "memory.available", "B", Kind.GAUGE, "neither",
    "The kernel's estimate of what programs can take without swapping.",
)  # fmt: skip
CACHED: Final = Metric(
    "memory.cached", "B", Kind.GAUGE, "neither",
    "Page cache of files, shared memory included.",
)  # fmt: skip
SWAP_TOTAL: Final = Metric(
    "memory.swap_total", "B", Kind.GAUGE, "neither",
    "Swap space of the guest's own.",
)  # fmt: skip
SWAP_FREE: Final = Metric(
    "memory.swap_free", "B", Kind.GAUGE, "neither",
    "Swap space of the guest's own that is unused.",
)  # fmt: skip
BALLOON: Final = Metric(
    "memory.balloon", "B", Kind.GAUGE, "neither",
    "Memory that a balloon driver gave back to the host, where it is told.",
)  # fmt: skip

LINES: Final = {
    "MemTotal": TOTAL,
    "MemFree": FREE,
    "MemAvailable": AVAILABLE,
    "Cached": CACHED,
    "SwapTotal": SWAP_TOTAL,
    "SwapFree": SWAP_FREE,
    "Balloon": BALLOON,
}


def parse(texts: Texts) -> list[Sample]:
    """Amounts of memory in B; MemTotal must be there, the others where the kernel tells them."""
    found = named(texts, meminfo.FILE, LINES)
    if "MemTotal" not in found:
        raise LookupError(f"{meminfo.FILE}: no line MemTotal")
    return [Sample(LINES[name], meminfo.amount(line)) for name, line in found.items()]


MONITOR = Monitor(
    name="memory",
    files=matching(meminfo.FILE),
    metrics=tuple(LINES.values()),
    parse=parse,
)
