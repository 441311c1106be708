"""A disk that others slow down: sparse reads that take far longer at some times than at the run's calm ones.

A slowness that is always there cannot be seen so. There are two ways to find one, and both give a notice at
most, as no plan promises a latency:

- Reads are slow too often. Bets prove it, on batches much longer than the slowness remembers itself.
- Most reads take far longer for half a minute and more. No scatter of single reads makes that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp
from typing import Final

import numpy as np

from vpsbench.analyzer import multiplicity, strength
from vpsbench.analyzer.disk import sparse_reads
from vpsbench.analyzer.signs import Sign, one_claim
from vpsbench.analyzer.statistics import daily_rhythm, e_values
from vpsbench.analyzer.statistics.autocorrelation import correlation_time
from vpsbench.model import Alternative, Finding, Level, Record
from vpsbench.probes.disk_file import metrics as disk_file
from vpsbench.wording.figures import hours, percent, span

SERIES: Final = (disk_file.SPARSE_LATENCY, disk_file.SPARSE_LATE)
LIMIT: Final = 0.01  # of the time, in which reads may be slow; more is not the p99 of a calm disk
LASTING: Final = 30.0  # s, in which most reads take far longer; a pause or a live migration is over sooner
FAR: Final = 5.0  # times the median of the calm parts
SWELL: Final = 1.5  # times the p99 of the best quarter of the day, that of the worst one: worth a word
VALLEY: Final = 0.1  # of such stretches, at most, may lie between √5 and 5 times: a wandering level does


def look(record: Record) -> list[Finding]:
    """Compares the run with its own calm parts."""
    found = sparse_reads.reads(record)
    free = sparse_reads.undisturbed(record, found)
    if free is None:
        why = "this guest's own disk I/O is not counted here, so others' cannot be told from it"
        return [_unable("not_counted", why)]
    kept = found.only(free)
    slow = sparse_reads.limit(kept)
    if slow is None:
        why = f"only {kept.at.size} of {found.at.size} sparse reads met no I/O of this guest's own"
        return [_unable("too_few_reads", why)]
    return [_weighed(record, found, kept, slow)]


def _unable(ground: str, why: str) -> Finding:
    claim = f"Whether others slow the disk down cannot be told: {why}."
    return Finding(sign=SIGN.name, level=Level.NOT_MEASURABLE, claim=claim, ground=ground, series=SERIES)


@dataclass(frozen=True, slots=True)
class _Weighed:
    """What the batches tell. ``lasting``: s in which most reads took longer than ``far``, s."""

    share: float
    interval: tuple[float, float]
    lasting: float
    far: float
    proven: bool


def _weighed(record: Record, found: sparse_reads.Reads, kept: sparse_reads.Reads, slow: float) -> Finding:
    fine = sparse_reads.batches(kept, slow, sparse_reads.length(kept))
    if fine.slow.size < strength.FEWEST_BATCHES:
        seen = span(fine.slow.size * sparse_reads.length(kept))
        return _unable("too_short", f"{seen} without I/O of this guest's own are too short")
    told = weighed(kept, slow, fine, multiplicity.bar(record).capital)
    accused = told.proven or told.lasting >= LASTING
    unsure = told.share > LIMIT and not accused
    level = Level.NOTICE if accused else Level.NOT_MEASURABLE if unsure else Level.CLEAN
    ground, claim, further = _answer(level, kept, slow, told)
    hours = by_hour(sparse_reads.hourly(record, kept))
    return Finding(
        sign=SIGN.name,
        level=level,
        claim=claim,
        further=f"{further} {hours}".strip(),
        ground=ground,
        promised="a disk that answers as fast at all times" if accused else None,
        measured=told.share,
        interval=told.interval,
        unit="1",
        since=float(kept.at[0]),
        until=float(kept.at[-1]),
        series=SERIES,
        alternatives=_alternatives(found, kept, slow) if accused else (),
    )


def weighed(kept: sparse_reads.Reads, slow: float, fine: sparse_reads.Batches, bar: float) -> _Weighed:
    """The bets, on batches ten times as long as the slowness remembers itself, and the lasting stretches."""
    width = float(np.diff(fine.start).min())
    pieces = np.split(
        np.minimum(fine.slow, e_values.CAP * LIMIT), np.flatnonzero(np.diff(fine.start) > width * 1.5) + 1
    )
    memory = width * correlation_time(pieces)
    values = fine.slow
    if memory > width:
        values = sparse_reads.batches(kept, slow, strength.BATCH_MEMORIES * memory).slow
    long, far = lasting(fine)
    share = max(float(fine.slow.mean()), long / (width * fine.slow.size))
    low, high = e_values.interval(values) if values.size else (0.0, 1.0)
    proven = values.size >= strength.FEWEST_BATCHES and e_values.proves(values, LIMIT, bar)
    return _Weighed(share, (min(low, share), max(high, share)), long, far, proven)


def lasting(fine: sparse_reads.Batches) -> tuple[float, float]:
    """The s in which most reads took far longer than in the calm parts, and what counts as far longer.

    0 s where the level only wandered there: then stretches of middling latencies lead to it. Stretches in
    which a quarter of the pauses were as late are those of a vCPU that was taken away.
    """
    calm = float(np.quantile(fine.middle, sparse_reads.CALM / 2))
    far = max(sparse_reads.LEAST, FAR * calm)
    beyond = (fine.middle >= far) & (fine.late < far)
    near = far / FAR**0.5
    around = (fine.middle >= near) & (fine.middle < far) & (fine.late < near)
    stands = around.sum() <= VALLEY * beyond.sum()
    return float(np.diff(fine.start).min() * beyond.sum()) if stands else 0.0, far


def _answer(level: Level, kept: sparse_reads.Reads, slow: float, told: _Weighed) -> tuple[str, str, str]:
    """Which answer it is, its first sentence, and those that follow."""
    seen, worst = _seen(kept, slow, told), f"The p99 of the worst ten minutes was {_worst(kept)}."
    if level is Level.NOT_MEASURABLE:
        return "uneven", seen, "That is too uneven, or too seldom, to tell others from chance."
    if level is Level.CLEAN:
        hidden = "A slowness that is there all the time, or at other hours, cannot be seen in this way."
        return "steady", seen, f"{worst} {hidden}"
    ground, seen = ("lasting", _stretches(told)) if told.lasting >= LASTING else ("often", seen)
    which = "It is a neighbour, or work of the host's own: which of them cannot be told."
    return ground, "Something outside of this guest slows its disk down at times.", f"{seen} {worst} {which}"


def _seen(kept: sparse_reads.Reads, slow: float, told: _Weighed) -> str:
    usual = _ms(float(np.median(kept.latency)))
    return (
        f"Single reads of 4 KiB, a few each second, took {usual} at the median; "
        f"in {percent(told.share)} of the time they took more than {_ms(slow)}, three times what "
        "99 % of them keep to in the calm parts of the run."
    )


def _stretches(told: _Weighed) -> str:
    return (
        f"For {span(told.lasting)} most single reads of 4 KiB took more than {_ms(told.far)}, at least "
        f"{FAR:.0f} times what is usual in the calm parts of the run."
    )


def by_hour(course: daily_rhythm.HourlyValues) -> str:
    """A sentence on the hours of the day; empty where the run is too short for one, or they do not differ."""
    if course.days < 2 or course.covered < daily_rhythm.COVERED:
        return ""
    found = daily_rhythm.rhythm(replace(course, values=np.log(np.maximum(course.values, 1e-9))))
    worst, best = (exp(mean) for mean in found.shares)
    if not found.regular or worst < max(sparse_reads.LEAST, SWELL * best):
        return ""
    quarters = [hours(start, daily_rhythm.QUARTER) for start in (found.worst, found.best)]
    return (
        f"The hours of the day differ, and alike on each of {found.days} days: an hour's p99 was "
        f"{_ms(worst)} between {quarters[0]}, and {_ms(best)} between {quarters[1]} (geometric means)."
    )


def _worst(kept: sparse_reads.Reads) -> str:
    """The highest p99 of ten minutes, with what it may be at 95 % on each side."""
    rows = sparse_reads.quantiles(kept)
    top = rows[int(rows[:, 2].argmax())]
    return f"{_ms(float(top[2]))}, {_ms(float(top[4]))} to {_ms(float(top[5]))}"


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms"


def _alternatives(
    found: sparse_reads.Reads, kept: sparse_reads.Reads, slow: float
) -> tuple[Alternative, ...]:
    late = float((kept.late > slow).mean())
    return (
        Alternative(
            "I/O of this guest itself",
            ruled_out=True,
            because=f"the kernel's disk counters show when there was any, and our own turns are known: "
            f"{found.at.size - kept.at.size} of {found.at.size} reads are left out for it",
        ),
        Alternative(
            "a vCPU that was taken away, or busy with other programs of this guest",
            ruled_out=True,
            because=f"the pauses between the reads show it too: {percent(late)} of them were late by "
            "as much, and twice that was subtracted; waits behind own programs are no part of these times",
        ),
        Alternative(
            "a cap on operations",
            ruled_out=True,
            because=f"about {1 / kept.every:.0f} reads a second stay below any cap",
        ),
        Alternative(
            "work of the host's own, such as a snapshot, a backup or a rebuilt array; or of the device's",
            ruled_out=None,
            because="from inside the guest it looks like a neighbour",
        ),
    )


SIGN = Sign(
    name="disk_contention",
    question="Do others slow my disk down?",
    promise="disk",
    needs=(disk_file.SPARSE_LATENCY, disk_file.SPARSE_LATE),
    look=look,
    claims=one_claim,
)
