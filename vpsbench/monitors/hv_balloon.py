"""The balloon of a Hyper-V guest (dynamic memory): /sys/kernel/debug/hv-balloon, for root, since Linux 6.0.

Format: ``name : value`` a line, as the kernel's drivers/hv/hv_balloon.c writes it (hv_balloon_debug_show);
pages_ballooned are in the host's hands now, page_size says how large they are.
"""

from __future__ import annotations

from typing import Final

from vpsbench.model import Kind, Metric, Sample
from vpsbench.monitors import Monitor, Texts, matching
from vpsbench.monitors._lines import by_name

FILE: Final = "/sys/kernel/debug/hv-balloon"


def parse(texts: Texts) -> list[Sample]:
    """What the balloon holds, in B."""
    table = by_name({FILE: texts[FILE].replace(":", " ")}, FILE)
    if not {"pages_ballooned", "page_size"} <= table.keys():
        raise LookupError(f"{FILE}: no line pages_ballooned or no line page_size")
    return [Sample("hyperv.balloon.taken", table["pages_ballooned"].value(1) * table["page_size"].value(1))]


MONITOR = Monitor(
    name="hv_balloon",
    files=matching(FILE),
    metrics=(
        Metric(
            "hyperv.balloon.taken", "B", Kind.GAUGE, "neither",
            "Memory that Hyper-V's balloon has given to the host.",
        ),
    ),
    parse=parse,
)  # fmt: skip
