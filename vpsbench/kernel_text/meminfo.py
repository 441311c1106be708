"""/proc/meminfo: amounts of memory.

Format: proc(5) and the kernel's Documentation/filesystems/proc.rst; "kB" there means 1024 B.
"""

from __future__ import annotations

from typing import Final

from vpsbench.kernel_text.lines import Line, named

FILE: Final = "/proc/meminfo"


def amount(line: Line) -> float:
    """B; ValueError where the line tells no amount."""
    if line.word(2) != "kB":
        raise line.wrong("expected an amount in kB")
    return line.value(1) * 1024


def amounts(text: str, *names: str) -> dict[str, int]:
    """B by name, of those lines that tell an amount."""
    found = named({FILE: text}, FILE, names)
    return {name: int(amount(line)) for name, line in found.items() if line.words[2:] == ["kB"]}
