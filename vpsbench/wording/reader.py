"""How values are put into words: units a reader knows, and no character that could mislead the eye."""

from __future__ import annotations

import math
import unicodedata
from datetime import UTC, datetime

LONGEST = 400  # characters of any one text from outside; longer ones are cut, and end in "…"
_SCALES = {  # (from this size on, unit), the largest first
    "s": ((3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")),
    "B": ((1024.0**4, "TiB"), (1024.0**3, "GiB"), (1024.0**2, "MiB"), (1024.0, "KiB"), (1.0, "B")),
    "B/s": ((1e9, "GB/s"), (1e6, "MB/s"), (1e3, "kB/s"), (1.0, "B/s")),
}
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # controls, direction marks, lone surrogates, separators


def plain(text: str, longest: int = LONGEST) -> str:
    r"""Text from outside as it may be shown: what is invisible or turns the reading order is spelt out.

    A name can hold terminal escapes, or marks that make the rest of a line read backwards; each
    appears as its code point (``\u202e``) instead.
    """
    text = " ".join(text.splitlines())
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    return "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) in _HIDDEN else c for c in text)


def number(value: float) -> str:
    """Three significant digits, thousands apart, never an exponent within everyday sizes."""
    if not math.isfinite(value):
        return "unbounded"
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def quantity(value: float, unit: str | None, *, share: bool = False) -> str:
    """A value with its unit, scaled to what a reader knows: ``1.95 GiB``, ``32.0 µs``, ``8.3 %``."""
    if share:
        return f"{number(value * 100)} %"
    if unit in _SCALES and value and math.isfinite(value):
        size, unit = next((s for s in _SCALES[unit] if abs(value) >= s[0]), _SCALES[unit][-1])
        value /= size
    return number(value) if unit in {None, "1"} else f"{number(value)} {unit}"


def is_share(unit: str | None, values: list[float]) -> bool:
    """Whether values of unit "1" are parts of a whole, and so read best in per cent.

    Counts have the same unit, but are whole numbers.
    """
    return unit == "1" and all(abs(v) <= 1 for v in values) and any(v != int(v) for v in values)


def figure(value: float | None, interval: tuple[float, float] | None, unit: str | None) -> str:
    """A measured value with its interval; empty where there is none."""
    ends = [v for v in interval or () if math.isfinite(v)]
    share = is_share(unit, ends if value is None else [value, *ends])
    said = "" if value is None else quantity(value, unit, share=share)
    if not ends or interval is None:
        return said
    low, high = (quantity(v, unit, share=share) for v in interval)
    if not math.isfinite(interval[1]):
        between = f"at least {low}"
    elif not math.isfinite(interval[0]):
        between = f"at most {high}"
    else:
        between = f"{low} to {high}"
    return f"{said} (interval: {between})" if said else between


def duration(seconds: float) -> str:
    """``45 s``, ``3 min 20 s``, ``4 h 5 min``, ``6 d 2 h``: the two leading units."""
    if seconds < 60:
        return f"{number(round(seconds, 1))} s"
    left = round(seconds)
    parts: list[str] = []
    for size, name in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count} {name}" if count else "")
    return " ".join(p for p in parts[:2] if p)


def moment(unix: float, *, short: bool = False) -> str:
    """A point in time, always UTC, as both sides of a dispute can read it."""
    return datetime.fromtimestamp(unix, UTC).strftime("%H:%M:%S UTC" if short else "%Y-%m-%d %H:%M:%S UTC")


def sentence(text: str) -> str:
    """Ends as a sentence does."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def listed(names: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
