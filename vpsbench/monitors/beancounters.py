"""What an OpenVZ or Virtuozzo container holds and may hold: /proc/user_beancounters.

Format: OpenVZ's manual, "User Beancounters", version 2.5: a line a resource with held, maxheld,
barrier, limit and failcnt; the container's number stands before its first resource. ``dummy`` lines
fill gaps. Mostly readable by root alone. Unit: whatever the resource is counted in: pages of 4 KiB
where its name ends in ``pages``, B where it ends in ``size`` or ``buf``, else pieces.
"""

from __future__ import annotations

from typing import Final

from vpsbench.kernel_text.lines import Line, Texts, first, lines
from vpsbench.model import Kind, Metric, Sample
from vpsbench.monitors import Monitor, matching

HELD: Final = Metric(
    "ubc.held", "1", Kind.GAUGE, "neither",
    "What the container uses of the resource.",
)  # fmt: skip
MAX_HELD: Final = Metric(
    "ubc.maxheld", "1", Kind.GAUGE, "neither",
    "The most it has used since its counting began.",
)  # fmt: skip
BARRIER: Final = Metric(
    "ubc.barrier", "1", Kind.GAUGE, "higher",
    "The lower bound; of *guarpages: what is guaranteed.",
)  # fmt: skip
LIMIT: Final = Metric(
    "ubc.limit", "1", Kind.GAUGE, "higher",
    "The upper bound, where there is one.",
)  # fmt: skip
FAILCNT: Final = Metric(
    "ubc.failcnt", "1", Kind.COUNTER, "lower",
    "How often the container was refused the resource.",
)  # fmt: skip

FILE: Final = "/proc/user_beancounters"
COLUMNS: Final = {"held": HELD, "maxheld": MAX_HELD, "barrier": BARRIER, "limit": LIMIT, "failcnt": FAILCNT}
UNLIMITED: Final = {2.0**31 - 1, float(2**63 - 1)}  # LONG_MAX of 32-bit and of 64-bit kernels
HEADINGS: Final = {"Version:", "uid"}


def parse(texts: Texts) -> list[Sample]:
    """The columns of each resource; a barrier or limit that stands for "unlimited" is left out."""
    version = first(texts, FILE)
    if version.words[0] != "Version:":
        raise version.wrong("expected the version of the format")
    rows = [line for line in lines(texts, FILE) if line.words[0] not in HEADINGS]
    if others := [line for line in rows[1:] if line.words[0].endswith(":")]:
        raise others[0].wrong("expected the resources of one container, our own, alone")
    return [sample for line in rows for sample in _resource(line)]


def _resource(line: Line) -> list[Sample]:
    name = 1 if line.words[0].endswith(":") else 0
    if (resource := line.word(name)) == "dummy":
        return []
    values = {metric: line.value(name + place) for place, metric in enumerate(COLUMNS.values(), 1)}
    return [
        Sample(metric, value, (("resource", resource),))
        for metric, value in values.items()
        if metric not in {BARRIER, LIMIT} or value not in UNLIMITED
    ]


MONITOR = Monitor(
    name="beancounters",
    files=matching(FILE),
    metrics=tuple(COLUMNS.values()),
    parse=parse,
)
