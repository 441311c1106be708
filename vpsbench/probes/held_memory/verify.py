"""Verifies held pages, and tells of each that is not what was written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vpsbench.probes import Emit
from vpsbench.probes.held_memory import metrics
from vpsbench.probes.held_memory.held import PAGE, Held

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHOWN: Final = 5  # changed pages that are told of one by one


class Verifier:
    """Remembers what was found in a turn, so that no changed page counts twice."""

    def __init__(self, held: Held, emit: Emit) -> None:
        self._held, self._emit = held, emit
        self._known: set[int] = set()  # pages that have changed
        self._looked = self._bits = self._told = 0

    def look(self, pages: NDArray[np.int64]) -> None:
        """Verifies a batch of pages; a changed one is looked at again, word by word."""
        self._looked += len(pages)
        for page in self._held.changed(pages).tolist():
            if page not in self._known:
                self._look_again(page)

    def _look_again(self, page: int) -> None:
        found = self._held.look_again(page)
        self._known.add(page)
        self._bits += found.bits
        if len(self._known) <= SHOWN:
            said = f"page {page} of {self._held.filled // PAGE} is not what was written"
            again = f"at a second look {found.bits} bits in {found.words} words differ"
            self._emit.event("memory.changed", f"{said}: {again}")

    def report(self, at: float) -> None:
        """How many pages were looked at since the last report, and what was found."""
        self._emit.sample(metrics.VERIFIED, self._looked, at)
        self._emit.sample(metrics.ERRORS, len(self._known) - self._told, at)
        self._emit.sample(metrics.BITS, self._bits, at)
        self._looked, self._bits, self._told = 0, 0, len(self._known)
