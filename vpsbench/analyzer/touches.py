"""Rounds of touching held memory: their histograms, and from which latency on a page was not there.

What is slow is not a fixed number: it lies in the valley between the two modes of the latencies. Where
there is one mode, no page is called slow.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, isinf, log2
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from vpsbench.model import Floats, Record

VALLEY: Final = 0.1  # of the lower of two modes: what lies between them is a valley
STEPS: Final = 4  # bins an octave; finer histograms are added up to these
OCTAVES: Final = 40  # up to 2^40 ns, 18 minutes
BEYOND: Final = 6  # bins beyond the control's mode, 2.8 times as slow: nothing that is present is
SPARED: Final = 0.5  # a hot page is hit less often than that, for each held page that is missing
LONG: Final = 1200.0  # s; rounds after so long count by themselves, too: some hosts take only what lies idle
_ARMS: Final = ("held", "hot", "warm")


@dataclass(frozen=True, slots=True)
class Round:
    """One round of touching: histograms over quarter octaves of ns, and the guest's own doings.

    Args:
        t: its end, s.
        held: touches of pages that had been left alone.
        hot: touches of the control arm's pages.
        warm: reads that kept those in use since the round before; empty where they were not timed.
        faults: pages: major, minor, and swapped in or out.
        steal: s of reported steal.
        own_wait: s in the guest's own run queue.
        preempted: how often another task of the guest took the vCPU; infinite where it was not told.
        age: s from writing the pages to the round; NaN where it was not told.
        control: the share of the control arm in all pages; NaN where it was not told.
        controls: pages in it; NaN where it was not told.
    """

    t: float
    held: Floats
    hot: Floats
    warm: Floats
    faults: float
    steal: float
    own_wait: float
    preempted: float
    age: float
    control: float
    controls: float


def rounds(record: Record) -> list[Round]:
    """All rounds in the order of time; each is told by its end."""
    times = sorted({float(t) for s in record.named("memory.touch.total", arm="held") for t in s.times})
    histograms = [_histograms(record, arm, times) for arm in _ARMS]
    faults = sum(_at(record, f"memory.touch.{name}", times, 0.0) for name in ("majflt", "minflt", "swap"))
    steal, own_wait = (_at(record, f"memory.touch.{name}", times, 0.0) for name in ("steal", "own_wait"))
    preempted = _at(record, "memory.touch.preempted", times, np.inf)
    age = _at(record, "memory.touch.age", times, np.nan)
    held, hot = (_at(record, "memory.touch.pages", times, np.nan, arm=arm) for arm in ("held", "hot"))
    columns = (
        np.broadcast_to(one, len(times)).tolist()
        for one in (faults, steal, own_wait, preempted, age, hot / (held + hot), hot)
    )
    return [Round(*one) for one in zip(times, *histograms, *columns, strict=True)]


def _histograms(record: Record, arm: str, times: list[float]) -> Floats:
    found = np.zeros((len(times), STEPS * OCTAVES))
    for series in record.named("memory.touch.count", arm=arm):
        bound = float(series.labels["le"])
        column = STEPS * OCTAVES - 1 if isinf(bound) else min(round(STEPS * log2(bound)), STEPS * OCTAVES - 1)
        here = np.isin(series.times, times)
        np.add.at(found[:, column], np.searchsorted(times, series.times[here]), series.values[here])
    return found


def _at(record: Record, metric: str, times: list[float], unknown: float, **labels: str) -> Floats:
    """A figure of each round; ``unknown`` where it was not told."""
    found = np.full(len(times), unknown)
    for series in record.named(metric, **labels):
        here = np.isin(series.times, times)
        found[np.searchsorted(times, series.times[here])] = series.values[here]
    return found


def border(record: Record, found: list[Round]) -> tuple[int, bool]:
    """The first bin that counts as slow, and whether a slow mode stands there.

    Slow is beyond what a fresh page costs, a fault in the guest and the host that puts a page behind it: a
    page that the host only unmapped for a moment (NUMA balancing, migration, a snapshot) comes back for
    less. Below that, where pages come back that were swapped to memory, only what spares the pages in use
    counts: who unmaps pages for a moment does it to all, and who needs room takes those that lie idle. And
    held pages must be of two kinds there: caches can make all of them some times slower than the control.
    """
    held, hot, warm = (np.sum([getattr(r, arm) for r in found], axis=0) for arm in _ARMS)
    fresh, near = fresh_bin(record, hot), int(hot.argmax()) + BEYOND
    early = threshold(held, hot, near) if near < fresh and warm.any() else None
    if early is not None and early < fresh and _of_two_kinds(held, early):
        # In any one round: unmapped once, an idle page is slow until it is touched, one in use just once.
        hits = np.max([r.warm[early:].sum() / r.controls for r in found])
        if hits < SPARED * held[early:].sum() / held.sum():
            return early, True
    late = threshold(held, hot, fresh)
    return (fresh, False) if late is None else (late, True)


def _of_two_kinds(held: Floats, border: int) -> bool:
    """Whether held pages below the border are a mode of their own, and not the slope of the one beyond it."""
    smooth = _smoothed(held)
    peak = int(smooth[:border].argmax())
    return bool(smooth[peak : border + 1].min() <= VALLEY * smooth[peak])


def _smoothed(counts: Floats) -> Floats:
    return np.convolve(counts, (0.25, 0.5, 0.25), mode="same")


def threshold(held: Floats, hot: Floats, least: int) -> int | None:
    """The first bin that counts as slow: the valley before the slow mode; None: there is no slow mode.

    A mode is slow beyond ``least`` with a valley before it; the slope of one that lies before is none. Cold
    caches and page tables make held pages slower than the control too, but as a slope and not as a mode. The
    control's own quantiles would not do: a host that is short of memory takes pages of the control too.
    """
    smooth = _smoothed(held + hot)
    fast = max(int(arm[:least].argmax()) for arm in (held, hot))
    if smooth[least] < smooth[least - 1]:
        fast = least
    lowest = np.minimum.accumulate(smooth[fast:])[least - fast :]
    beyond = smooth[least:]
    modes = np.where((lowest <= VALLEY * beyond) & (beyond > 0), beyond, 0.0)
    if not modes.any():
        return None
    between = smooth[fast : least + int(modes.argmax()) + 1]
    emptiest = np.flatnonzero(between == between.min())
    return max(fast + int(emptiest[len(emptiest) // 2]), least)


def fresh_bin(record: Record, hot: Floats) -> int:
    """The bin beyond what a fresh page costs; if unknown, two octaves beyond the control's mode."""
    fresh = [float(np.median(s.values)) for s in record.named("memory.first_touch") if s.values.size]
    if fresh:
        return max(1, ceil(STEPS * log2(max(fresh) * 1e9)) + 1)
    return int(hot.argmax()) + 2 * STEPS


def edge(place: int) -> float:
    """The lower edge of a bin, s."""
    return float(2 ** ((place - 1) / STEPS)) * 1e-9
