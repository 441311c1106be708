"""How much memory the guest has, and how much of it is left: /proc/meminfo.

Format: proc(5) and the kernel's Documentation/filesystems/proc.rst; "kB" there means 1024 B.
MemAvailable exists since 3.14; Balloon (what a balloon driver took and accounts for) in newer kernels only.
"""

from __future__ import annotations

from typing import Final

from vpsbench.kernel_text.lines import Line, Texts, named
from vpsbench.model import Kind, Metric, Sample
from vpsbench.monitors import Monitor, matching

FILE: Final = "/proc/meminfo"
LINES: Final = {
    "MemTotal": "memory.total",
    "MemFree": "memory.free",
    "MemAvailable": "memory.available",
    "Cached": "memory.cached",
    "SwapTotal": "memory.swap_total",
    "SwapFree": "memory.swap_free",
    "Balloon": "memory.balloon",
}


def parse(texts: Texts) -> list[Sample]:
    """Amounts of memory in B; MemTotal must be there, the others where the kernel tells them."""
    found = named(texts, FILE, LINES)
    if "MemTotal" not in found:
        raise LookupError(f"{FILE}: no line MemTotal")
    return [Sample(LINES[name], _bytes(line)) for name, line in found.items()]


def _bytes(line: Line) -> float:
    if line.word(2) != "kB":
        raise line.wrong("expected an amount in kB")
    return line.value(1) * 1024


def _gauge(name: str, text: str) -> Metric:
    return Metric(name, "B", Kind.GAUGE, "neither", text)


MONITOR = Monitor(
    name="memory",
    files=matching(FILE),
    metrics=(
        _gauge("memory.total", "Memory that the guest's kernel manages; a balloon can make it shrink."),
        _gauge("memory.free", "Memory that nobody in the guest uses."),
        _gauge("memory.available", "The kernel's estimate of what programs can take without swapping."),
        _gauge("memory.cached", "Page cache of files, shared memory included."),
        _gauge("memory.swap_total", "Swap space of the guest's own."),
        _gauge("memory.swap_free", "Swap space of the guest's own that is unused."),
        _gauge("memory.balloon", "Memory that a balloon driver gave back to the host, where it is told."),
    ),
    parse=parse,
)
