"""Numbers in a claim's sentence: short, with the unit that a tired person expects."""

from __future__ import annotations

MIB = 1024**2
GIB = 1024**3


def percent(share: float) -> str:
    """``0.05 %``, ``3.2 %``, ``51 %``."""
    value = 100 * share
    digits = ".0f" if abs(value) >= 10 else ".3g" if abs(value) >= 1 else ".2g"
    return f"{value:{digits}} %" if abs(value) >= 0.005 else "0 %"


def size(count: float) -> str:
    """``512 MiB``, ``1.95 GiB``."""
    return f"{count / GIB:.2f} GiB" if abs(count) >= GIB else f"{count / MIB:.0f} MiB"


def vcpus(count: int) -> str:
    """``1 vCPU``, ``4 vCPUs``."""
    return f"{count} vCPU" if count == 1 else f"{count} vCPUs"


def span(seconds: float) -> str:
    """``45 s``, ``2.5 min``, ``12 min``, ``3.5 h``."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.1f} min" if seconds < 600 else f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def hours(start: int, length: int) -> str:
    """A part of the day that begins at an hour and lasts some: ``18:00 and 24:00 UTC``."""
    end = start + length if start + length == 24 else (start + length) % 24
    return f"{start:02}:00 and {end:02}:00 UTC"
