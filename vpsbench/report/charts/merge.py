"""How long first writes to equal and to unique pages took: whether the host keeps equal ones only once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.analyzer.signs import merged_memory
from vpsbench.analyzer.signs.merged_memory import STEPS, ages
from vpsbench.model import Record
from vpsbench.report.charts.vegalite import Absent, Chart, TimeAxis, tail
from vpsbench.wording.figures import span

if TYPE_CHECKING:
    from vpsbench.model import Floats

_TITLE: Final = "Writing to pages left alone: share of writes that took longer than …"
_NAMES: Final = {
    "duplicate": "pages in equal pairs",
    "unique": "unique pages (the control)",
    "zero": "pages of zeros",
}


def merge_chart(record: Record, t_axis: TimeAxis) -> Iterator[Chart | Absent]:
    """The oldest pages' first writes by arm, and the second writes to those in pairs."""
    del t_axis
    found = [one for one in ages(record) if all(one.first[arm].sum() for arm in _NAMES)]
    if not found:
        yield Absent(_TITLE, "the merge probe gave no readings")
        return
    oldest = max(found, key=lambda one: one.age)
    curves = {name: _tail(oldest.first[arm]) for arm, name in _NAMES.items()}
    if oldest.second["duplicate"].sum():
        curves["pages in equal pairs, second write"] = _tail(oldest.second["duplicate"])
    note = (
        f"After {span(oldest.age)}. Where the host had merged equal pages, their line stays high to the "
        "right of the control's. That of a second write does not. Both axes are logarithmic."
    )
    yield Chart("merge", _TITLE, note, tail(curves), shows=(merged_memory.SIGN.name,))


def _tail(counts: Floats) -> tuple[Floats, Floats]:
    """(latency in s, share of writes above it), from the first bin that has any to the last."""
    seen = np.flatnonzero(counts)
    part = counts[seen[0] : seen[-1] + 1]
    bounds = 2 ** (np.arange(seen[0], seen[-1] + 1) / STEPS) * 1e-9
    above = 1 - np.cumsum(part) / part.sum()
    return bounds, np.maximum(above, 0.5 / part.sum())  # the last is 0, which a log axis has no place for
