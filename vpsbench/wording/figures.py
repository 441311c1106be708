"""Figures in words: shares, sizes, lengths of time, counts, and values of any unit.

A claim and a table round differently, so some functions come in pairs:

- ``percent``, ``size`` and ``span`` are for sentences. They round to what a tired person takes in.
- ``share``, ``quantity`` and ``duration`` are for figures that may be compared. They keep three digits, or
  the two leading units.
- ``clock_text`` is for a line that counts on: its width does not jump.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Final

from vpsbench.model import BYTE_UNITS, TIME_UNITS

MIB: Final[int] = BYTE_UNITS["MiB"]
GIB: Final[int] = BYTE_UNITS["GiB"]
_SCALES: Final = {  # (from this size on, unit), the largest first
    "s": (
        *((float(TIME_UNITS[unit]), unit) for unit in ("h", "min", "s")),
        *((1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")),
    ),
    "B": tuple((float(BYTE_UNITS[unit]), unit) for unit in ("TiB", "GiB", "MiB", "KiB", "B")),
    "B/s": tuple((float(BYTE_UNITS[unit]), f"{unit}/s") for unit in ("GB", "MB", "kB", "B")),
}


# --- for sentences ---------------------------------------------------------------------------------


def percent(part: float) -> str:
    """``0.05 %``, ``3.2 %``, ``51 %``."""
    value = 100 * part
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


# --- for tables ------------------------------------------------------------------------------------


def number(value: float) -> str:
    """Three significant digits, thousands apart, never an exponent within everyday sizes."""
    if not math.isfinite(value):
        return "unbounded"
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def share(part: float) -> str:
    """``8.3 %``, ``0.0312 %``, ``100 %``."""
    return f"{number(part * 100)} %"


def scale(value: float, unit: str) -> tuple[float, str]:
    """In which multiple of a unit a value reads best: its size in that unit, and its name."""
    if unit not in _SCALES or not value or not math.isfinite(value):
        return 1.0, unit
    return next((one for one in _SCALES[unit] if abs(value) >= one[0]), _SCALES[unit][-1])


def quantity(value: float, unit: str | None) -> str:
    """A value with its unit, scaled to what a reader knows: ``1.95 GiB``, ``32.0 µs``."""
    if unit in {None, "1"}:
        return number(value)
    size, name = scale(value, unit or "")
    return f"{number(value / size)} {name}"


def is_share(unit: str | None, values: list[float]) -> bool:
    """Whether values of unit "1" are parts of a whole, and so read best in per cent.

    Counts have the same unit, but are whole numbers.
    """
    return unit == "1" and all(abs(v) <= 1 for v in values) and any(v != int(v) for v in values)


def figure(value: float | None, interval: tuple[float, float] | None, unit: str | None) -> str:
    """A measured value with its interval; empty where there is none."""
    ends = [v for v in interval or () if math.isfinite(v)]
    in_percent = is_share(unit, ends if value is None else [value, *ends])

    def said(one: float) -> str:
        return share(one) if in_percent else quantity(one, unit)

    alone = "" if value is None else said(value)
    if not ends or interval is None:
        return alone
    low, high = map(said, interval)
    if not math.isfinite(interval[1]):
        between = f"at least {low}"
    elif not math.isfinite(interval[0]):
        between = f"at most {high}"
    else:
        between = f"{low} to {high}"
    return f"{alone} (interval: {between})" if alone else between


# --- times -----------------------------------------------------------------------------------------


def duration(seconds: float) -> str:
    """``45 s``, ``3 min 20 s``, ``4 h 5 min``, ``6 d 2 h``: the two leading units."""
    if seconds < 60:
        return f"{number(round(seconds, 1))} s"
    left = round(seconds)
    parts: list[str] = []
    for unit in ("d", "h", "min", "s"):
        count, left = divmod(left, TIME_UNITS[unit])
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
    return " ".join(p for p in parts[:2] if p)


def clock_text(seconds: float) -> str:
    """``9:05`` or ``3:59:00``, as a clock shows it."""
    minutes, secs = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{secs:02}" if hours else f"{minutes}:{secs:02}"


def moment(unix: float, *, short: bool = False) -> str:
    """A point in time, always UTC, as both sides of a dispute can read it."""
    return datetime.fromtimestamp(unix, UTC).strftime("%H:%M:%S UTC" if short else "%Y-%m-%d %H:%M:%S UTC")


def hours(start: int, length: int) -> str:
    """A part of the day that begins at an hour and lasts some: ``18:00 and 24:00 UTC``."""
    end = start + length if start + length == 24 else (start + length) % 24
    return f"{start:02}:00 and {end:02}:00 UTC"
