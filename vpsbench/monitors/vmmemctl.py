"""The balloon of a VMware guest: /sys/kernel/debug/vmmemctl, for root.

Format: ``name: value`` a line, as the kernel's drivers/misc/vmw_balloon.c writes it (vmballoon_debug_show);
older kernels write ``pages`` behind the numbers. A page is 4 KiB.
"""

from __future__ import annotations

from typing import Final

from vpsbench.kernel_text.lines import Texts, named
from vpsbench.model import Kind, Metric, Sample
from vpsbench.monitors import Monitor, matching

TAKEN: Final = Metric(
    "vmware.balloon.taken", "B", Kind.GAUGE, "neither",
    "Memory that VMware's balloon has given to the host.",
)  # fmt: skip
TARGET: Final = Metric(
    "vmware.balloon.target", "B", Kind.GAUGE, "neither",
    "Memory that the host wants it to give.",
)  # fmt: skip

FILE: Final = "/sys/kernel/debug/vmmemctl"
PAGE: Final = 4096
LINES: Final = {"current": TAKEN, "target": TARGET}


def parse(texts: Texts) -> list[Sample]:
    """What the balloon holds, and shall hold, in B."""
    found = named({FILE: texts[FILE].replace(":", " ")}, FILE, LINES)
    if "current" not in found:
        raise LookupError(f"{FILE}: no line current")
    return [Sample(LINES[name], line.value(1) * PAGE) for name, line in found.items()]


MONITOR = Monitor(
    name="vmmemctl",
    files=matching(FILE),
    metrics=tuple(LINES.values()),
    parse=parse,
)
