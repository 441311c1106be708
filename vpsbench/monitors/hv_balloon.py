"""The balloon of a Hyper-V guest (dynamic memory): /sys/kernel/debug/hv-balloon, for root, since Linux 6.0.

Format: ``name : value`` a line, as the kernel's drivers/hv/hv_balloon.c writes it (hv_balloon_debug_show);
pages_ballooned are in the host's hands now, page_size says how large they are.
"""

from __future__ import annotations

import math
from typing import Final

from vpsbench.kernel_text.lines import Texts, named
from vpsbench.model import Kind, Metric, Sample
from vpsbench.monitors import Monitor, matching

TAKEN: Final = Metric(
    "hyperv.balloon.taken", "B", Kind.GAUGE, "neither",
    "Memory that Hyper-V's balloon has given to the host.",
)  # fmt: skip

FILE: Final = "/sys/kernel/debug/hv-balloon"
LINES: Final = ("pages_ballooned", "page_size")


def parse(texts: Texts) -> list[Sample]:
    """What the balloon holds, in B."""
    found = named({FILE: texts[FILE].replace(":", " ")}, FILE, LINES)
    if len(found) < len(LINES):
        raise LookupError(f"{FILE}: no line {' or no line '.join(LINES)}")
    return [Sample(TAKEN, math.prod(line.value(1) for line in found.values()))]


MONITOR = Monitor(
    name="hv_balloon",
    files=matching(FILE),
    metrics=(TAKEN,),
    parse=parse,
)
