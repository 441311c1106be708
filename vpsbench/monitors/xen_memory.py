"""The balloon of a Xen guest: /sys/devices/system/xen_memory/xen_memory0/.

Format: one number a file in KiB (the kernel's Documentation/ABI/stable/sysfs-devices-system-xen_memory):
target_kb is what the host lets the guest have, and current_kb what it has. low_kb and high_kb together are
the pages that lie in the balloon.
"""

from __future__ import annotations

from typing import Final

from vpsbench.kernel_text.lines import Texts, first
from vpsbench.model import Kind, Metric, Sample
from vpsbench.monitors import Monitor, matching

TARGET: Final = Metric(
    "xen.memory.target", "B", Kind.GAUGE, "neither",
    "Memory that the host asks the guest to shrink or grow to.",
)  # fmt: skip
CURRENT: Final = Metric(
    "xen.memory.current", "B", Kind.GAUGE, "neither",
    "Memory that the guest has now.",
)  # fmt: skip
LOW: Final = Metric(
    "xen.memory.low", "B", Kind.GAUGE, "neither",
    "Ballooned memory that the guest's kernel could map directly.",
)  # fmt: skip
HIGH: Final = Metric(
    "xen.memory.high", "B", Kind.GAUGE, "neither",
    "Ballooned memory beyond that (32-bit guests).",
)  # fmt: skip

FOLDER: Final = "/sys/devices/system/xen_memory/xen_memory0"
FILES: Final = {
    f"{FOLDER}/target_kb": TARGET,
    f"{FOLDER}/info/current_kb": CURRENT,
    f"{FOLDER}/info/low_kb": LOW,
    f"{FOLDER}/info/high_kb": HIGH,
}


def parse(texts: Texts) -> list[Sample]:
    """The balloon's figures that could be read, in B."""
    return [
        Sample(metric, first(texts, file).value(0) * 1024) for file, metric in FILES.items() if file in texts
    ]


MONITOR = Monitor(
    name="xen_memory",
    files=matching(*FILES),
    metrics=tuple(FILES.values()),
    parse=parse,
)
