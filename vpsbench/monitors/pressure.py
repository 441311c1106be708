"""How long the guest's own tasks had to wait for a resource: /proc/pressure/*.

Format: the kernel's Documentation/accounting/psi.rst; total= is in µs since boot. There since 4.20
where the kernel has PSI switched on; ``irq`` has no ``some``, and old kernels no ``full`` of the cpu.
Steal is no wait here: the pressure is the guest's own doing, unless a resource itself got slower.
"""

from __future__ import annotations

from typing import Final

from vpsbench.kernel_text.lines import Line, Texts, named
from vpsbench.model import Kind, Metric, Sample
from vpsbench.monitors import Monitor, matching

SOME: Final = Metric(
    "pressure.some", "s", Kind.COUNTER, "lower",
    "Time since boot in which at least one task of the guest waited for the resource.",
)  # fmt: skip
FULL: Final = Metric(
    "pressure.full", "s", Kind.COUNTER, "lower",
    "Time since boot in which all tasks with anything to do waited for the resource.",
)  # fmt: skip

KINDS: Final = {"some": SOME, "full": FULL}


def parse(texts: Texts) -> list[Sample]:
    """Waiting time in s since boot per resource."""
    return [sample for file in texts for sample in _resource(texts, file)]


def _resource(texts: Texts, file: str) -> list[Sample]:
    found = named(texts, file, KINDS)
    if not found:
        raise LookupError(f"{file}: neither a line some nor a line full")
    labels = (("resource", file.rpartition("/")[2]),)
    return [Sample(KINDS[kind], _total(line), labels) for kind, line in found.items()]


def _total(line: Line) -> float:
    for word in line.words[1:]:
        key, _, value = word.partition("=")
        if key == "total" and value.isdecimal():
            return int(value) / 1e6
    raise line.wrong("expected total= and a number")


MONITOR = Monitor(
    name="pressure",
    files=matching("/proc/pressure/*"),
    metrics=tuple(KINDS.values()),
    parse=parse,
)
