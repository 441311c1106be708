"""Rounds of touching held memory: their histograms, and from which latency on a page was not there.

No fixed number says what is slow. A touch is slow beyond what pages that are there can take, by the control
and by what a fresh page costs. Below that cost it is slow beyond the valley between two modes of latencies.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, isinf, log2, sqrt
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.probes.held_memory import metrics as held

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpsbench.model import Floats, Metric, Record

VALLEY: Final = 0.2  # of the lower of two modes: what lies between them is a valley
STEPS: Final = 4  # bins an octave; finer histograms are added up to these
OCTAVES: Final = 40  # up to 2^40 ns, 18 minutes
COLD: Final = 8  # bins, 4 times: cold caches and page tables make no page slower than that
BEYOND: Final = 6  # bins beyond the control's mode, 2.8 times as slow: nothing that is present is
SPARED: Final = 0.5  # a hot page is hit less often than that, for each held page that is missing
EXCESS: Final = 0.005  # of the held pages may be slow, beyond the control's share
ASIDE: Final = 0.03  # the same below what a fresh page costs: so many a host only unmapped, to take them
DISK: Final = 30e-6  # s; no flash disk brings a page back faster; memory, and pages unmapped, may be
TAIL: Final = 10.0  # times as many pages below a fresh page's cost: those beyond it are the group's tail
LONG: Final = 1200.0  # s; rounds after so long count by themselves, too: some hosts take only what lies idle
_ARMS: Final = ("held", "hot", "warm", "again")


@dataclass(frozen=True, slots=True)
class Round:
    """One round of touching: histograms over quarter octaves of ns, and the guest's own doings.

    Args:
        t: its end, s.
        held: touches of pages that had been left alone.
        hot: touches of the control arm's pages.
        warm: reads that kept those in use since the round before; empty where they were not timed.
        again: reads of the same pages right after those; empty likewise.
        faults: pages: major, minor, and swapped in or out.
        steal: s of reported steal.
        run_queue_delay: s in the guest's own run queue.
        preempted: how often another task of the guest took the vCPU; infinite where it was not told.
        age: s from writing the pages to the round; NaN where it was not told.
        control: the share of the control arm in all pages; NaN where it was not told.
        controls: pages in it; NaN where it was not told.
    """

    t: float
    held: Floats
    hot: Floats
    warm: Floats
    again: Floats
    faults: float
    steal: float
    run_queue_delay: float
    preempted: float
    age: float
    control: float
    controls: float


def rounds(record: Record) -> list[Round]:
    """All rounds in the order of time; each is told by its end."""
    times = sorted({float(t) for s in record.named(held.TOTAL, arm="held") for t in s.times})
    histograms = [_histograms(record, arm, times) for arm in _ARMS]
    faults = sum(
        _at(record, metric, times, 0.0) for metric in (held.MAJOR_FAULTS, held.MINOR_FAULTS, held.SWAP)
    )
    steal, delay = (_at(record, metric, times, 0.0) for metric in (held.STEAL, held.RUN_QUEUE_DELAY))
    preempted = _at(record, held.PREEMPTED, times, np.inf)
    age = _at(record, held.AGE, times, np.nan)
    cold, hot = (_at(record, held.PAGES, times, np.nan, arm=arm) for arm in ("held", "hot"))
    columns = (
        np.broadcast_to(one, len(times)).tolist()
        for one in (faults, steal, delay, preempted, age, hot / (cold + hot), hot)
    )
    return [Round(*one) for one in zip(times, *histograms, *columns, strict=True)]


def _histograms(record: Record, arm: str, times: list[float]) -> Floats:
    found = np.zeros((len(times), STEPS * OCTAVES))
    for series in record.named(held.COUNT, arm=arm):
        bound = float(series.labels["le"])
        column = STEPS * OCTAVES - 1 if isinf(bound) else min(round(STEPS * log2(bound)), STEPS * OCTAVES - 1)
        here = np.isin(series.times, times)
        np.add.at(found[:, column], np.searchsorted(times, series.times[here]), series.values[here])
    return found


def _at(record: Record, metric: Metric, times: list[float], unknown: float, **labels: str) -> Floats:
    """A figure of each round; ``unknown`` where it was not told."""
    found = np.full(len(times), unknown)
    for series in record.named(metric, **labels):
        here = np.isin(series.times, times)
        found[np.searchsorted(times, series.times[here])] = series.values[here]
    return found


@dataclass(frozen=True, slots=True)
class Border:
    """From where on a touch was slow, in bins.

    Args:
        slow: the first bin that counts for a page that was left alone.
        control: the same for the control, against which it is weighed; earlier, where cold caches may make
            each page slower than the control by a factor.
        group: where the group of slow pages begins, once it is proven that there is one.
        least: the share of slow pages over the control's that may be.
    """

    slow: int
    control: int
    group: int
    least: float

    def gain(self, found: Sequence[Round]) -> float:
        """By how much the share of slow pages exceeds the control's."""
        held, hot = pooled(found)
        return float(_beyond(held)[self.slow] - _beyond(hot)[self.control])


def pooled(found: Sequence[Round]) -> tuple[Floats, Floats]:
    """The histograms of all held and all hot pages."""
    return np.sum([r.held for r in found], axis=0), np.sum([r.hot for r in found], axis=0)


def _beyond(counts: Floats) -> Floats:
    """The share of touches in each bin and those beyond it."""
    return np.asarray(counts[::-1].cumsum()[::-1] / counts.sum())


def borders(record: Record, found: Sequence[Round]) -> list[Border]:
    """Where pages may count as slow: beyond what a fresh page costs, and perhaps below.

    A fresh page costs a fault in the guest, and the host puts a page behind it. What the host only unmapped
    for a moment (NUMA balancing, migration, a snapshot) comes back for less. Beyond that cost, pages that
    are there may still be a few times as slow as the control's (``COLD``). So each of them is allowed that
    much, and what is slower may have any shape. The border lies where most stands out.
    """
    held, hot = pooled(found)
    fresh = fresh_bin(record, hot)
    gains = _beyond(held)[fresh:] - _beyond(hot)[fresh - COLD : -COLD]
    best = fresh + int(gains.argmax())
    near = min(int(hot.argmax()) + BEYOND, fresh)
    late = Border(best, best - COLD, _emptiest(held + hot, near, fresh), EXCESS)
    early = _below(found, held, hot, fresh)
    if early is None:
        return [late]
    below = Border(early, early, early, ASIDE)
    return [below] if below.gain(found) > TAIL * late.gain(found) else [late, below]


def _below(found: Sequence[Round], held: Floats, hot: Floats, fresh: int) -> int | None:
    """The first slow bin below what a fresh page costs, where pages come back that were swapped to memory.

    There held pages must be of two kinds by themselves, with a valley between: caches could make all of them
    a few times slower. And only what spares the pages in use counts: a host that unmaps pages for a moment
    does so to all of them, and one that needs room takes those that lie idle.
    """
    near = int(hot.argmax()) + BEYOND
    border = threshold(held, hot, near) if near < fresh else None
    if border is None or border >= fresh or not _of_two_kinds(held, border):
        return None
    return border if _spared(found, border, float(held[border:].sum() / held.sum())) else None


def _spared(found: Sequence[Round], border: int, share: float) -> bool:
    """Whether pages in use were hit far less often than idle ones.

    That holds in each single round: once unmapped, an idle page is slow until it is touched, and one in use
    just once. Reads may be slow for other reasons, as often as those of the same pages that follow at once.
    """
    if not sum(r.warm.sum() for r in found):
        return False
    for one in found:
        slow, usual = one.warm[border:].sum(), one.again[border:].sum()
        if (slow - usual + 2 * sqrt(slow + usual)) / one.controls >= SPARED * share:
            return False
    return True


def _of_two_kinds(held: Floats, border: int) -> bool:
    """Whether held pages below the border are a mode of their own, and not the slope of the one beyond it."""
    smooth = _smoothed(held)
    peak = int(smooth[:border].argmax())
    return bool(smooth[peak : border + 1].min() <= VALLEY * smooth[peak])


def _smoothed(counts: Floats) -> Floats:
    return np.convolve(counts, (0.25, 0.5, 0.25), mode="same")


def threshold(held: Floats, hot: Floats, least: int) -> int | None:
    """The first bin that counts as slow: the valley before the slow mode; None: there is no slow mode.

    A slow mode lies beyond ``least`` and has a valley before it. The slope of an earlier mode is none. Cold
    caches and page tables make held pages slower than the control too, but as a slope and not as a mode.
    What the control shows as well (a tail of interruptions) fills no valley. The control's own quantiles
    would not do: a host that is short of memory takes pages of the control too.
    """
    net = _net(held, hot)
    fast = max(int(arm[:least].argmax()) for arm in (held, hot))
    if net[least] < net[least - 1]:
        fast = least
    lowest = np.minimum.accumulate(net[fast:])[least - fast :]
    beyond = net[least:]
    modes = np.where((lowest <= VALLEY * beyond) & (beyond > 0), beyond, 0.0)
    if not modes.any():
        return None
    return max(_emptiest(held + hot, fast, least + int(modes.argmax())), least)


def _emptiest(counts: Floats, first: int, last: int) -> int:
    """The emptiest bin between these two; the one in the middle where several are."""
    between = _smoothed(counts)[first : last + 1]
    emptiest = np.flatnonzero(between == between.min())
    return first + int(emptiest[len(emptiest) // 2])


def _net(held: Floats, hot: Floats) -> Floats:
    """Held touches beyond those that the control's, less two standard deviations, let expect; smoothed."""
    scale = held.sum() / hot.sum()
    expected = scale * _smoothed(hot)
    sure = np.maximum(expected - 2 * np.sqrt(scale * expected), 0.0)
    return np.asarray(np.maximum(_smoothed(held) - sure, 0.0))


def fresh_bin(record: Record, hot: Floats) -> int:
    """The bin beyond what a fresh page costs, and beyond ``DISK``.

    Where that cost is not known, it is taken as two octaves beyond the control's mode. A host that swaps
    meanwhile makes many fresh pages slow, so the quickest count.
    """
    fresh = [float(s.values.min()) for s in record.named(held.FIRST_TOUCH) if s.values.size]
    return max(_bin(DISK), _bin(max(fresh)) + 1 if fresh else int(hot.argmax()) + 2 * STEPS)


def _bin(seconds: float) -> int:
    return ceil(STEPS * log2(seconds * 1e9))


def edge(place: int) -> float:
    """The lower edge of a bin, s."""
    return float(2 ** ((place - 1) / STEPS)) * 1e-9
