"""The units of quantities, as profiles and plans write them. In memory all are numbers of the base unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

BYTE_UNITS: Final = {
    "B": 1,
    **{f"{p}B": 1000**n for n, p in enumerate(("k", "M", "G", "T"), 1)},
    **{f"{p}iB": 1024**n for n, p in enumerate(("K", "M", "G", "T"), 1)},
    "KB": 1000,
}
TIME_UNITS: Final = {"s": 1, "min": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Quantity:
    """Marks a field whose text form carries a unit, such as ``"2 GiB"`` or ``"10 min"``.

    ``profiles.py`` reads the mark; values in memory are plain numbers of the base unit.
    """

    units: tuple[tuple[str, int], ...]


Bytes = Annotated[int, Quantity(tuple(BYTE_UNITS.items()))]
Duration = Annotated[float, Quantity(tuple(TIME_UNITS.items()))]
Bandwidth = Annotated[float, Quantity(tuple((f"{unit}/s", size) for unit, size in BYTE_UNITS.items()))]
