"""The balloon of a Xen guest: /sys/devices/system/xen_memory/xen_memory0/.

Format: one number a file in KiB (the kernel's Documentation/ABI/stable/sysfs-devices-system-xen_memory):
target_kb is what the host asks the guest to be content with, current_kb what it has; low_kb and
high_kb together are the pages that lie in the balloon.
"""

from __future__ import annotations

from typing import Final

from vpsbench.kernel_text.lines import Texts, first
from vpsbench.model import Kind, Metric, Sample
from vpsbench.monitors import Monitor, matching

FOLDER: Final = "/sys/devices/system/xen_memory/xen_memory0"
FILES: Final = {
    f"{FOLDER}/target_kb": "xen.memory.target",
    f"{FOLDER}/info/current_kb": "xen.memory.current",
    f"{FOLDER}/info/low_kb": "xen.memory.low",
    f"{FOLDER}/info/high_kb": "xen.memory.high",
}


def parse(texts: Texts) -> list[Sample]:
    """The balloon's figures that could be read, in B."""
    return [
        Sample(metric, first(texts, file).value(0) * 1024) for file, metric in FILES.items() if file in texts
    ]


def _gauge(name: str, text: str) -> Metric:
    return Metric(name, "B", Kind.GAUGE, "neither", text)


MONITOR = Monitor(
    name="xen_memory",
    files=matching(*FILES),
    metrics=(
        _gauge("xen.memory.target", "Memory that the host asks the guest to shrink or grow to."),
        _gauge("xen.memory.current", "Memory that the guest has now."),
        _gauge("xen.memory.low", "Ballooned memory that the guest's kernel could map directly."),
        _gauge("xen.memory.high", "Ballooned memory beyond that (32-bit guests)."),
    ),
    parse=parse,
)
