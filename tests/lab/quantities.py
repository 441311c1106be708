"""Texts with units, as scenarios write them: ``"768 MiB"``, ``"100 ms"``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Final

from pydantic import BeforeValidator, TypeAdapter

from vpsbench.model import BYTE_UNITS, TIME_UNITS

_TIMES: Final = {**TIME_UNITS, "ms": 1e-3, "us": 1e-6}
_FORM: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*")


def _reader(units: Mapping[str, float], example: str) -> Callable[[object], object]:
    def read(value: object) -> object:
        if not isinstance(value, str):
            return value  # a plain number is of the base unit
        found = _FORM.fullmatch(value)
        if not found or found[2] not in units:
            raise ValueError(f"expected a number and a unit of {', '.join(units)}, such as {example!r}")
        return float(found[1]) * units[found[2]]

    return read


Seconds = Annotated[float, BeforeValidator(_reader(_TIMES, "100 ms"))]
Bytes = Annotated[int, BeforeValidator(_reader(BYTE_UNITS, "768 MiB"))]


def seconds(value: str | float) -> float:
    """A duration as a profile writes it, in s."""
    return TypeAdapter(Seconds).validate_python(value)
