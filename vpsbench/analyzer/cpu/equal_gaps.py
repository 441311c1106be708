"""Estimates host pauses that fell into our own run-queue delays, where all pauses are equally long.

A wait for others of the guest that lasts longer than such a gap holds one: fair schedulers let nobody wait
so long for a few others. Two of them lie as far apart as all do on the average, so its length tells how many
there are. That needs no rhythm, only gaps far longer than the waits without one. Of what else is lost, in
shorter gaps, the others are taken to lose the same share as the loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.analyzer.cpu import quota_period
from vpsbench.analyzer.cpu.accounting import LoopTimes
from vpsbench.model import Record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpsbench.model import Floats

COMPETES: Final = 0.1  # of the demanded time, that others of the guest take at least for that to matter
FEWEST: Final = 20  # usual gaps
ALIKE: Final = 0.2  # of the usual gap, by which eight in ten differ at most
CLEAR: Final = 4.0  # times as long as nine in ten of the waits without one
NEARLY: Final = 0.9  # of the usual gap, from which on a wait holds one
PARTS: Final = (10, 0.75)  # of the stretch, each of which has at least this part of its share of the gaps
ROUNDS: Final = 10  # until the number of gaps and their distance agree


def taken(
    record: Record, labels: dict[str, str], table: LoopTimes, stretch: tuple[float, float]
) -> float | None:
    """The share of a stretch that the host takes of whoever runs; None where run-queue delays do not tell.

    Args:
        record: has the single gaps and run-queue delays in this stretch.
        labels: the loop's.
        table: its bins.
        stretch: begin and end, s.
    """
    here = table.within(*stretch)
    demanded, own = float(here.demanded.sum()), float(here.run_queue_delay.sum())
    if own < COMPETES * demanded:
        return None
    (starts, ends), (since, until) = (
        quota_period.spells(record, metric, labels, *stretch) for metric in quota_period.SINGLE
    )
    gaps, waits = ends - starts, until - since
    if (usual := _usual(gaps)) is None:
        return None
    big = gaps > usual / 2
    long = waits >= NEARLY * usual
    brief = waits[~long]
    if big.sum() < FEWEST or (brief.size and np.quantile(brief, 0.9) > usual / CLEAR):
        return None
    held = _held(waits[long], usual, int(big.sum()), demanded)
    times = np.concatenate([ends[big], np.repeat(until[long], held)])
    counts, _ = np.histogram(times, PARTS[0], stretch)
    if counts.min() < PARTS[1] * counts.mean():
        return None
    other = float((here.gap - here.run_queue_delay_in_gaps).sum() - gaps[big].sum())
    return times.size * usual / demanded + max(0.0, other) / (demanded - own)


def _usual(gaps: Floats) -> float | None:
    """The mean of the gaps that are not far shorter than most of the time lost; None where they differ."""
    if not gaps.size:
        return None
    big = gaps[gaps > (gaps**2).sum() / gaps.sum() / 2]
    low, high = np.quantile(big, (0.1, 0.9))
    return float(big.mean()) if high - low <= ALIKE * big.mean() else None


def _held(waits: Floats, usual: float, seen: int, demanded: float) -> NDArray[np.int64]:
    """How many gaps each of these waits holds, beside those that were seen."""
    held = np.ones(waits.size, dtype=np.int64)
    for _ in range(ROUNDS):
        apart = demanded / (seen + held.sum())
        held = 1 + ((waits - NEARLY * usual) / apart).astype(np.int64)
    return held
