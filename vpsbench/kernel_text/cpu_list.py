"""Lists of CPUs as the kernel writes them: ``0-3,8``."""

from __future__ import annotations

import re
from typing import Final

LIST: Final = re.compile(r"[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*")


def cpus(text: str) -> tuple[int, ...]:
    """Their numbers in the order of the list.

    Raises:
        ValueError: it is no such list.
    """
    if not LIST.fullmatch(text):
        raise ValueError(f"expected a list of CPUs such as 0-3,8 instead of {text[:200]!r}")
    spans = [part.partition("-") for part in text.split(",")]
    return tuple(cpu for first, _, last in spans for cpu in range(int(first), int(last or first) + 1))
