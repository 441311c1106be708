"""The period of a CPU quota: gaps of a busy vCPU that end on the grid of an exact timer.

A quota (Linux CFS bandwidth, a hypervisor's cap) is refilled by a timer. The vCPU runs until it is used up
and comes back at the refill, so the ENDS of its gaps lie on a grid that holds over the whole stretch, and
what it is given in each period is the same. Contention has neither: a neighbour comes when it pleases, and a
fair scheduler's alternation keeps no phase beyond the host's tick.

Method: the power spectrum of the point process of the gaps' ends, long gaps weighing more (by Wiener and
Khinchin the Fourier transform of its autocorrelation, and far sharper for long stretches).
Coherence at a frequency is the length of the weighted mean of unit vectors (Rayleigh's statistic): 1 for an
exact grid, about 1 / sqrt(gaps) for chance. The fundamental is the longest period that is about as coherent
as any, as its harmonics are as coherent as itself. Then, for that period: the phase must hold from the
beginning to the end, most periods must have their loss, and all about the same one. Thresholds were set on
simulated schedulers (docs/method/cpu-quota.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.analyzer.cpu import alternation
from vpsbench.model import Metric
from vpsbench.probes.cpu_loop import metrics as loop

if TYPE_CHECKING:
    from vpsbench.analyzer.cpu.alternation import Spells
    from vpsbench.model import Floats, Record

SINGLE: Final = (loop.ONE_GAP, loop.ONE_RUN_QUEUE_DELAY)
SHORTEST: Final = 10.0  # s, of a stretch
LOGGED: Final = 60.0  # s at the start and the end of a load, for which the probe keeps each gap by itself
PERIODS: Final = (0.002, 2.0)  # s, between which a quota period is looked for
FEWEST: Final = 20  # gaps, and periods in the stretch
LEAST_LOSS: Final = 0.02  # of the time; also the least that must be left
STEP: Final = 0.0005  # s, the bins of the point process: a quarter of the shortest period
# Ends are weighted with their gap's length, squared where a few long gaps are the quota's among many short
# visits, and plain where the quota's are short.
POWERS: Final = (2, 1)
PADDING: Final = 4  # finer frequencies by zeroes: no peak may fall between two of them
LEAST_COHERENCE: Final = 0.4  # a refill that comes late by a fifth of its period on average still reaches 0.6
NEARLY: Final = 0.85  # of the greatest coherence: a harmonic is as coherent as the period itself
NEAR: Final = 4.0  # median distances from the usual phase, within which an end belongs to the timer
LEAST_NEAR: Final = 0.02  # of the period, likewise
EARLY: Final = 0.1  # the share of ends that tell when the timer was due; the others came late
BLOCKS: Final = 10  # parts of the stretch in each of which the timer's phase is read
# How far those may differ: s, as a share of the period, or of the ends' spread over the root of their number
# in a part. A timer drifts by µs, a scheduler slips by ticks.
DRIFT: Final = (0.0005, 0.01, 1.5)
WANDERS: Final = 0.2  # of what independent delays make of the squared steps from one to the next
CLOCK: Final = 0.00005  # s, that the guest's own clock may wander
SEEN: Final = 0.05  # of a period: with more run-queue delay than that its loss is not known
LEAST_OCCUPANCY: Final = 0.6  # of the periods, that lost at least a quarter of the usual
AT_WORK: Final = (9, 0.5)  # periods, that lose at least this part of the usual where the quota is at work
# How much the loss may differ among the middle 80 % of the periods: as a share of what is usually lost or
# left, whichever is less; or by the tick at which a host sees that a quota is used up, s and as a share.
UNEVEN: Final = 0.3
TICKED: Final = (0.011, 0.7)


@dataclass(frozen=True, slots=True)
class QuotaPeriod:
    """What was found; s, shares in [0, 1].

    Args:
        period: of the timer.
        coherence: of the gaps' ends with it.
        occupancy: the share of periods that lost at least a quarter of the usual.
        lost: the share lost in all, but for what run-queue delays hid.
        taken: what a period loses while the quota is at work, as a share, where no run-queue delay hid it.
        like_alternation: whether busy threads that take turns on a core would look the same.
    """

    period: float
    coherence: float
    occupancy: float
    lost: float
    taken: float
    like_alternation: bool


@dataclass(frozen=True, slots=True)
class _Gaps:
    """Gaps in the order of time, s since the stretch began, none over another."""

    starts: Floats
    ends: Floats
    seconds: float  # of the stretch
    waits: Spells  # starts and ends of run-queue delays, in which no gap would be seen

    @property
    def lengths(self) -> Floats:
        return self.ends - self.starts

    @property
    def lost(self) -> float:
        return float(self.lengths.sum()) / self.seconds


@dataclass(frozen=True, slots=True)
class _Refills:
    """The timer, and the gaps that ended with it; s."""

    period: float
    begin: float
    coherence: float
    starts: Floats
    ends: Floats
    late: Floats  # after the timer


def of_loop(record: Record, labels: dict[str, str], since: float, until: float) -> QuotaPeriod | None:
    """The quota period in what one of the CPU probe's loops saw in a stretch (see ``find``)."""
    gaps, waits = (spells(record, metric, labels, since, until) for metric in SINGLE)
    return find(*gaps, since, until, waits)


def spells(record: Record, metric: Metric, labels: dict[str, str], since: float, until: float) -> Spells:
    """A loop's single gaps, or single run-queue delays, that end in a stretch."""
    for series in record.named(metric, **labels):
        stretch = slice(*np.searchsorted(series.times, (since, until), side="right"))
        ends = series.times[stretch]
        starts, ends = _within(ends - series.values[stretch], ends, since, until)
        return starts + since, ends + since
    return np.zeros(0), np.zeros(0)


def find(
    starts: Floats, ends: Floats, since: float, until: float, waits: Spells | None = None
) -> QuotaPeriod | None:
    """The quota period in the gaps of one vCPU at full load; None: none, or unknown.

    Args:
        starts: of the gaps, s.
        ends: of the gaps, s, rising.
        since: begin of the stretch, s; one without a pause.
        until: its end, s.
        waits: starts and ends of run-queue delays; what a period with some of them lost is not known.
    """
    own = (np.zeros(0), np.zeros(0)) if waits is None else _within(*waits, since, until)
    gaps = _Gaps(*_within(starts, ends, since, until), until - since, own)
    if gaps.seconds < SHORTEST or gaps.ends.size < FEWEST or not LEAST_LOSS <= gaps.lost <= 1 - LEAST_LOSS:
        return None
    periods = [_judged(gaps, _refills(gaps, gaps.lengths**power)) for power in POWERS]
    return min((one for one in periods if one), key=lambda one: one.like_alternation, default=None)


def _judged(gaps: _Gaps, refills: _Refills) -> QuotaPeriod | None:
    if refills.late.size < FEWEST or refills.coherence < LEAST_COHERENCE or not _holds(refills):
        return None
    losses = _losses(gaps, refills)
    if losses.size < FEWEST:
        return None
    occupancy = _occupancy(losses)
    if occupancy < LEAST_OCCUPANCY or not _even(losses, refills):
        return None
    usual, taken = (loss / refills.period for loss in (float(np.median(losses)), _taken(losses)))
    alike = alternation.alike(refills.ends - refills.starts, refills.period, 1 - usual)
    return QuotaPeriod(refills.period, refills.coherence, occupancy, gaps.lost, taken, alike)


def _within(starts: Floats, ends: Floats, since: float, until: float) -> Spells:
    """The spells that end in the stretch, in s since it began, none over another."""
    within = (ends > since) & (ends <= until)
    last = ends[within] - since
    first = np.maximum(starts[within] - since, np.concatenate([[0.0], last[:-1]])[: last.size])
    return np.minimum(first, last), last


def _peak(gaps: _Gaps, weights: Floats) -> tuple[float, float]:
    """Frequency, 1/s, of the longest of the most coherent periods, and its coherence."""
    count = int(gaps.seconds / STEP) + 1
    points = np.bincount((gaps.ends / STEP).astype(np.int64), weights=weights, minlength=count)
    size = 1 << (PADDING * count - 1).bit_length()
    coherence = np.abs(np.fft.rfft(points, size)) / points.sum()
    frequencies = np.fft.rfftfreq(size, STEP)
    first, last = np.searchsorted(frequencies, (max(1 / PERIODS[1], FEWEST / gaps.seconds), 1 / PERIODS[0]))
    looked_at = coherence[first:last]
    high = int(np.argmax(looked_at >= NEARLY * looked_at.max()))
    peak = first + high + int(looked_at[high : high + 2 * PADDING].argmax())
    return float(frequencies[peak]), float(coherence[peak])


def _refills(gaps: _Gaps, weights: Floats) -> _Refills:
    """The gaps that ended with the timer: those near the usual phase; twice, as they sharpen the period."""
    frequency, coherence = _peak(gaps, weights)
    period, begin = 1 / frequency, _phase(gaps.ends, weights, frequency)
    for _ in range(2):
        number = np.round((gaps.ends - begin) / period)
        late = gaps.ends - begin - number * period
        middle = _median(late, weights)
        width = max(NEAR * _median(np.abs(late - middle), weights), LEAST_NEAR * period)
        chosen = np.abs(late - middle) <= width
        period, begin = _line(number[chosen], gaps.ends[chosen], weights[chosen], period)
    number, ends = number[chosen], gaps.ends[chosen]
    return _Refills(period, begin, coherence, gaps.starts[chosen], ends, ends - begin - number * period)


def _line(number: Floats, ends: Floats, weights: Floats, period: float) -> tuple[float, float]:
    """The period and the begin that fit these ends best; the period as before where one point is all."""
    middle, end = (float(np.average(x, weights=weights)) for x in (number, ends))
    apart = float((weights * (number - middle) ** 2).sum())
    if apart > 0:
        period = float((weights * (number - middle) * (ends - end)).sum()) / apart
    return period, end - period * middle


def _phase(ends: Floats, weights: Floats, frequency: float) -> float:
    """When the first period begins that the ends have in common, s."""
    total = (weights * np.exp(2j * np.pi * frequency * ends)).sum()
    return float(np.angle(total)) / (2 * np.pi * frequency)


def _median(values: Floats, weights: Floats) -> float:
    order = np.argsort(values)
    heights = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(heights, heights[-1] / 2)])


def _holds(refills: _Refills) -> bool:
    """Whether the timer keeps its phase in all parts, as told by the first ends or by the longest gaps' ends.

    The first do where a wake-up after the refill is late by chance, the longest where visits end as well.
    """
    parts = np.array_split(np.arange(refills.late.size), min(BLOCKS, max(2, refills.late.size // 6)))
    first = [float(np.quantile(refills.late[part], EARLY)) for part in parts]
    longest = [_median(refills.late[part], (refills.ends - refills.starts)[part] ** 2) for part in parts]
    drift = min(max(phases) - min(phases) for phases in (first, longest))
    by_chance = DRIFT[2] * _spread(refills.late) / float(np.sqrt(refills.late.size / len(parts)))
    return drift <= max(DRIFT[0], DRIFT[1] * refills.period, by_chance) and not _wanders(refills.late)


def _wanders(late: Floats) -> bool:
    """Whether each end starts from the one before, as by a timer that is set anew at each switch.

    Von Neumann's ratio (Annals of Mathematical Statistics 12, 1941): 1 for independent delays, 0 for a walk.
    """
    return float((np.diff(late) ** 2).mean()) < WANDERS * 2 * float(late.var()) and float(late.std()) > CLOCK


def _losses(gaps: _Gaps, refills: _Refills) -> Floats:
    """What was lost in each whole period that was seen, s; a period begins when the refill is due."""
    begin = (refills.begin + float(np.quantile(refills.late, EARLY))) % refills.period
    grid = np.arange(begin, gaps.seconds, refills.period)
    seen = _covered(grid, *gaps.waits) <= SEEN * refills.period
    return _covered(grid, gaps.starts, gaps.ends)[seen]


def _covered(grid: Floats, starts: Floats, ends: Floats) -> Floats:
    """How much of each step of a grid spells cover, s."""
    return np.diff(alternation.before((starts, ends), grid))


def _occupancy(losses: Floats) -> float:
    """The share of periods with a quarter of the usual loss or more, where in the stretch they are fewest."""
    usual = float(np.median(losses))
    return min(float((part >= usual / 4).mean()) for part in np.array_split(losses, 5)) if usual > 0 else 0.0


def _taken(losses: Floats) -> float:
    """What a period loses while the quota is at work: a mean, as single ones jump by the host's tick."""
    count, part = AT_WORK
    around = np.convolve(losses, np.full(count, 1 / count), "same")
    return float(losses[around >= part * np.median(losses)].mean())


def _even(losses: Floats, refills: _Refills) -> bool:
    """Whether nearly all periods lost the same, or as near to it as the host's tick lets them.

    What varies by the tick are the starts: a gap that starts on time and ends when it pleases is a visit.
    """
    usual, spread = float(np.median(losses)), _spread(losses)
    smaller = min(usual, refills.period - usual)
    if smaller < LEAST_LOSS * refills.period / 2:
        return False
    if spread <= UNEVEN * smaller:
        return True
    starts = refills.starts - refills.ends + refills.late
    return (
        spread <= min(TICKED[0], TICKED[1] * refills.period) and _spread(starts) >= _spread(refills.late) / 2
    )


def _spread(values: Floats) -> float:
    """The width of the middle 80 %."""
    low, high = np.quantile(values, (0.1, 0.9))
    return float(high - low)
