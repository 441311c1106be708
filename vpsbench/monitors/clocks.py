"""Two clocks to compare the others with: the real-time clock device, and the time since boot.

Formats:

- /sys/class/rtc/rtc0/since_epoch: whole s since 1970 (Documentation/ABI/testing/sysfs-class-rtc of the
  kernel). A host emulates it from its own clock. Many guests have none.
- /proc/uptime: its first word is s since boot with two decimals (proc(5)), time suspended included. In
  containers it often is the container's own.
"""

from __future__ import annotations

from typing import Final

from vpsbench.kernel_text.lines import Texts, first
from vpsbench.model import Kind, Metric, Sample
from vpsbench.monitors import Monitor, matching

RTC: Final = Metric(
    "clock.rtc", "s", Kind.GAUGE, "neither",
    "The real-time clock device, since 1970, whole s.",
)  # fmt: skip
UPTIME: Final = Metric(
    "clock.uptime", "s", Kind.GAUGE, "neither",
    "Time since the guest (or container) booted.",
)  # fmt: skip

CLOCKS: Final = {"/sys/class/rtc/rtc0/since_epoch": RTC, "/proc/uptime": UPTIME}


def parse(texts: Texts) -> list[Sample]:
    """The clocks that could be read, in s."""
    return [Sample(metric, first(texts, file).value(0)) for file, metric in CLOCKS.items() if file in texts]


MONITOR = Monitor(
    name="clocks",
    files=matching(*CLOCKS),
    metrics=tuple(CLOCKS.values()),
    parse=parse,
)
