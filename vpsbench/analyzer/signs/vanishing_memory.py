"""Memory that is held, and yet has to be brought back by the host when it is touched again.

A page that the host had swapped out comes back far slower than one that is there, and no counter of the
guest moves. What is slow is not a fixed number: it lies in the valley between the two modes of the
latencies, and beyond what a fresh page costs; where there is one mode, nobody is accused. Slow touches that
the guest's own faults and swap, its run queue or reported steal could explain are taken away in full.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, isinf, log2
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.analyzer.signs import Sign
from vpsbench.analyzer.stats import share_difference
from vpsbench.analyzer.weigh import strength_of
from vpsbench.analyzer.words import percent, size
from vpsbench.model import Alternative, Finding, Level, Record

if TYPE_CHECKING:
    from vpsbench.model import Floats

EXCESS: Final = 0.005  # of the held pages, beyond the control's share
VALLEY: Final = 0.1  # of the lower of two modes: what lies between them is a valley
Z: Final = 3.66  # one side at 0.001 / 8: the family's share of this sign
ROUNDS: Final = 2  # that must show it, and two thirds of all
FEWEST_TOUCHES: Final = 1000  # a round and arm: fewer have no 99.9 % quantile
STEPS: Final = 4  # bins an octave; finer histograms are added up to these
OCTAVES: Final = 40  # up to 2^40 ns, 18 minutes


@dataclass(frozen=True, slots=True)
class Round:
    """One round of touching: histograms over quarter octaves of ns, and the guest's own doings."""

    t: float
    held: Floats
    hot: Floats
    faults: float  # pages: major, minor, and swapped in or out
    waits: float  # s of reported steal and of own run-queue wait


@dataclass(frozen=True, slots=True)
class Excess:
    """How many more of the held pages were slow, as a share, after all that explains it."""

    share: float
    low: float
    high: float


def look(record: Record) -> list[Finding]:
    """Weighs each round by itself; a finding needs most of them."""
    rounds = [r for r in _rounds(record) if min(r.held.sum(), r.hot.sum()) >= FEWEST_TOUCHES]
    if len(rounds) < ROUNDS:
        return [
            Finding(
                sign=SIGN.name,
                level=Level.NOT_MEASURABLE,
                claim=f"Held memory was touched again in {len(rounds)} full rounds; {ROUNDS} are the least.",
                series=SERIES,
            )
        ]
    held, hot = (np.sum([getattr(r, arm) for r in rounds], axis=0) for arm in ("held", "hot"))
    least = fresh_bin(record, hot)
    border = threshold(held, hot, least)
    found = [_excess(r, border or least) for r in rounds]
    level = strength_of([r.t for r in rounds], [e.low > EXCESS for e in found], ROUNDS, 2 / 3)
    if border is None and level is not Level.CLEAN:
        level = Level.NOT_MEASURABLE
    return [_finding(record, rounds, border or least, found, level)]


def _rounds(record: Record) -> list[Round]:
    """All rounds in the order of time; each is told by its end."""
    times = sorted({float(t) for s in record.named("memory.touch.total", arm="held") for t in s.times})
    held, hot = (_histograms(record, arm, times) for arm in ("held", "hot"))
    faults = sum(_at(record, f"memory.touch.{name}", times) for name in ("majflt", "minflt", "swap"))
    waits = sum(_at(record, f"memory.touch.{name}", times) for name in ("steal", "own_wait"))
    columns = zip(
        times, held, hot, np.broadcast_to(faults, len(times)), np.broadcast_to(waits, len(times)), strict=True
    )
    return [Round(t, a, b, float(f), float(w)) for t, a, b, f, w in columns]


def _histograms(record: Record, arm: str, times: list[float]) -> Floats:
    found = np.zeros((len(times), STEPS * OCTAVES))
    for series in record.named("memory.touch.count", arm=arm):
        bound = float(series.labels["le"])
        column = STEPS * OCTAVES - 1 if isinf(bound) else min(round(STEPS * log2(bound)), STEPS * OCTAVES - 1)
        here = np.isin(series.times, times)
        np.add.at(found[:, column], np.searchsorted(times, series.times[here]), series.values[here])
    return found


def _at(record: Record, metric: str, times: list[float]) -> Floats:
    """A figure of each round; one that this guest does not count explains nothing, and adds nothing."""
    found = np.zeros(len(times))
    for series in record.named(metric):
        here = np.isin(series.times, times)
        np.add.at(found, np.searchsorted(times, series.times[here]), series.values[here])
    return found


def threshold(held: Floats, hot: Floats, least: int) -> int | None:
    """The first bin that counts as slow: the valley before the slow mode; None: there is no slow mode.

    A mode is slow beyond ``least``, what a fresh page costs, with a valley before it. Cold caches
    and page tables make held pages slower than the control too, but as a slope and not as a mode. The
    control's own quantiles would not do: a host that is short of memory takes pages of the control too.
    """
    smooth = np.convolve(held + hot, (0.25, 0.5, 0.25), mode="same")
    fast = max(int(arm[:least].argmax()) for arm in (held, hot))
    lowest = np.minimum.accumulate(smooth[fast:])[least - fast :]
    beyond = smooth[least:]
    modes = np.where((lowest <= VALLEY * beyond) & (beyond > 0), beyond, 0.0)
    if not modes.any():
        return None
    between = smooth[fast : least + int(modes.argmax()) + 1]
    emptiest = np.flatnonzero(between == between.min())
    return max(fast + int(emptiest[len(emptiest) // 2]), least)


def fresh_bin(record: Record, hot: Floats) -> int:
    """The bin beyond what a fresh page costs: a fault in the guest, and the host that puts a page behind it.

    A page that the host only unmapped for a moment (NUMA balancing, migration, a snapshot) comes back for
    less, so it accuses nobody. Where the probe saw no first touch: two octaves beyond the control's mode.
    """
    fresh = [float(np.median(s.values)) for s in record.named("memory.first_touch") if s.values.size]
    if fresh:
        return max(1, ceil(STEPS * log2(max(fresh) * 1e9)) + 1)
    return int(hot.argmax()) + 2 * STEPS


def _excess(one: Round, border: int) -> Excess:
    """What is left of the slow held touches once all other causes have had theirs."""
    slow, calm = float(one.held[border:].sum()), float(one.hot[border:].sum())
    low_edges = 2.0 ** (np.arange(one.held.size) / STEPS - 1 / STEPS) * 1e-9
    spent = float((one.held * low_edges)[border:].sum() + (one.hot * low_edges)[border:].sum())
    waited = min(1.0, one.waits / spent) if spent > 0 else 0.0
    left = max(0.0, slow * (1 - waited) - one.faults)
    low, high = share_difference(left, float(one.held.sum()), calm, float(one.hot.sum()), Z)
    return Excess(left / one.held.sum() - calm / one.hot.sum(), low, high)


def _claim(level: Level, what: str, share: float, limit: str, found: list[Excess]) -> str:
    standing = f"{sum(e.low > EXCESS for e in found)} of {len(found)} rounds"
    if level is Level.NOT_MEASURABLE:
        return (
            f"{percent(share)} more of {what} than of the control came back beyond {limit}, but no slow "
            "group of pages stands apart: caches can do that too."
        )
    if level is not Level.CLEAN:
        return (
            f"{percent(share)} of {what} was not there when touched again: it came back beyond {limit} in "
            f"{standing}, while the guest itself swapped nothing out. The host had taken it."
        )
    seen = f"{percent(max(share, 0))} more of {what} than of the control came back slowly (beyond {limit})"
    over = f"{standing} were over {percent(EXCESS)}"
    if any(e.low > EXCESS for e in found):
        over += f", at most {percent(max(e.share for e in found))}; two thirds of them would accuse"
    return (
        f"When touched again {seen}; {over}. "
        "Pages that the host compressed, or swaps at other hours, are not excluded."
    )


def _finding(record: Record, rounds: list[Round], border: int, found: list[Excess], level: Level) -> Finding:
    share = float(np.median([e.share for e in found]))
    limit = _nanoseconds(border)
    claim = _claim(level, f"the memory held{_held(record)}", share, limit, found)
    return Finding(
        sign=SIGN.name,
        level=level,
        claim=claim,
        promised="memory that stays in memory",
        measured=share,
        interval=(float(np.median([e.low for e in found])), float(np.median([e.high for e in found]))),
        unit="1",
        since=rounds[0].t,
        until=rounds[-1].t,
        series=SERIES,
        alternatives=_alternatives(rounds, limit) if level in (Level.NOTICE, Level.STRONG) else (),
    )


def _nanoseconds(border: int) -> str:
    """The lower edge of a bin in words."""
    edge = 2 ** ((border - 1) / STEPS)
    return f"{edge / 1000:.0f} µs" if edge >= 10_000 else f"{edge / 1000:.1f} µs"


def _held(record: Record) -> str:
    most = max((float(s.values.max()) for s in record.named("memory.held") if s.values.size), default=0.0)
    return f" ({size(most)})" if most else ""


def _alternatives(rounds: list[Round], limit: str) -> tuple[Alternative, ...]:
    faults, waits = sum(r.faults for r in rounds), sum(r.waits for r in rounds)
    return (
        Alternative(
            "the guest's own faults and swap",
            ruled_out=True,
            because=f"{faults:.0f} pages in all rounds; each was taken away from the slow ones",
        ),
        Alternative(
            "the vCPU was taken away or busy at that moment",
            ruled_out=True,
            because=f"{waits:.2f} s of steal and own waiting are taken away, and the control arm felt it too",
        ),
        Alternative(
            "the host only unmapped the pages for a moment (NUMA balancing, migration, a snapshot)",
            ruled_out=True,
            because=f"such a page costs less than a fresh one, and these took longer ({limit} and more)",
        ),
        Alternative(
            "free page reporting",
            ruled_out=True,
            because="it gives back only free memory; these pages were held",
        ),
    )


SERIES: Final = tuple(
    f"memory.touch.{name}" for name in ("count", "total", "majflt", "minflt", "swap", "steal")
)
SIGN = Sign(
    name="vanishing_memory",
    question="Is the memory that I use really in memory?",
    promise="memory",
    needs=("memory.touch.count", "memory.touch.total"),
    look=look,
)
