"""/proc/vmstat: events of the guest's memory management since boot, one ``name value`` a line."""

from __future__ import annotations

from typing import Final

from vpsbench.kernel_text.lines import named

FILE: Final = "/proc/vmstat"


def counts(text: str, *names: str) -> dict[str, int]:
    """By name, of those lines that are there; ValueError where one holds no number."""
    return {name: int(line.value(1)) for name, line in named({FILE: text}, FILE, names).items()}
