"""A slower disk than was sold: IOPS and bandwidth against the plan, after all that could excuse it.

A seller who says "3000 IOPS" and no more has not said of what. So the kindest reading counts: reads or
writes, whichever were faster; of 4 KiB, the smallest that are usual; and with an endless queue.

We had 32 under way (8 of 1 MiB for bandwidth). A disk that is slow because it is far away would deliver more
with more of them. The balanced job bound of queueing theory says how much more at most (Zahorjan, Sevcik,
Eager, Galler, CACM 25, 1982). Of all closed systems with X(1) and X(n), the balanced one gains most from more
jobs, and its limit C has 1/C = 1/X(n) - 1/(n X(1)).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.analyzer import multiplicity, strength
from vpsbench.analyzer.disk.delivered import (
    BANDWIDTH,
    IOPS,
    PAUSE,
    Delivered,
    PromisedRate,
    Workload,
    busy,
    delivered,
    others,
)
from vpsbench.analyzer.signs import Sign, one_each_look
from vpsbench.analyzer.statistics import e_values
from vpsbench.analyzer.statistics.autocorrelation import correlation_time
from vpsbench.guest import storage
from vpsbench.model import Alternative, Finding, Guest, Level, Metric, Plan, Profile, Record, Selected
from vpsbench.wording.figures import percent, span

if TYPE_CHECKING:
    from vpsbench.model import Floats

ALLOWED: Final = 0.1  # of the promise, that may be lacking on average
COUNTS: Final = 2 * ALLOWED  # more than that counts as that: how far below matters less than how steadily
BUSY: Final = 0.5  # of a vCPU, that fio may use before it, and not the disk, may be the limit
QUEUELESS: Final = "disk.queueless"  # the probe's event: fio could make one I/O at a time
OTHERS: Final = 0.1  # of the disk's I/Os that may be the guest's own


def look(record: Record) -> list[Finding]:
    """One finding for each figure that the plan names."""
    promises = _promises(record.run.plan)
    if not promises:
        claim = "The plan names neither IOPS nor bandwidth of the disk, so there is nothing to fall short of."
        return [_unknown("not_promised", claim)]
    return [_judge(record, promise) for promise in promises]


def _promises(plan: Plan | None) -> list[PromisedRate]:
    found = []
    if plan and plan.disk_iops:
        reads = Workload("reads of 4 KiB", ("burst", "randread-qd32"), 32, "randread-qd1")
        writes = Workload("writes of 4 KiB", ("randwrite-qd32",), 32, "randwrite-qd1")
        found.append(PromisedRate(IOPS, plan.disk_iops, _say(IOPS, plan.disk_iops), (reads, writes)))
    if plan and plan.disk_bandwidth:
        reads = Workload("reads of 1 MiB", ("seqread",), 8, "seqread-qd1")
        writes = Workload("writes of 1 MiB", ("seqwrite",), 8, "seqread-qd1")
        found.append(
            PromisedRate(
                BANDWIDTH, plan.disk_bandwidth, _say(BANDWIDTH, plan.disk_bandwidth), (reads, writes)
            )
        )
    return found


def _say(metric: Metric, rate: float) -> str:
    return f"{rate:,.0f} I/O a second" if metric == IOPS else f"{rate / 1e6:,.3g} MB a second"


def _judge(record: Record, promise: PromisedRate) -> Finding:
    ways = [way for workload in promise.workloads if (way := delivered(record, promise.metric, workload))]
    if not ways:
        claim = f"No job with a long queue ran long enough to hold against {promise.text}."
        return _unknown("no_long_queue", claim)
    best = _telling(ways, promise.least)
    if best.mean >= (1 - ALLOWED) * promise.least:
        return _finding(promise, best, Level.CLEAN, "kept")
    if record.run.plan and record.run.plan.disk_burst:
        further = "The plan promises that speed only for a while."
        return _finding(promise, best, Level.NOT_MEASURABLE, "only_a_burst_promised", further)
    if excuse := _excuse(record, promise, best):
        return _finding(promise, best, Level.NOT_MEASURABLE, *excuse)
    return _weigh(record, promise, best)


def _telling(ways: list[Delivered], least: float) -> Delivered:
    """The fastest, where it kept the promise or may have; else the one that was measured for longest."""
    fastest = max(ways, key=lambda way: way.allowance * way.mean)
    if fastest.allowance * fastest.mean >= (1 - ALLOWED) * least:
        return max(ways, key=lambda way: (way.mean >= (1 - ALLOWED) * least, way.allowance * way.mean))
    return max(ways, key=lambda way: float(way.widths.sum()))


def _weigh(record: Record, promise: PromisedRate, best: Delivered) -> Finding:
    times, lacking, length = _batches(best, promise.least)
    level = strength.of_batches(times, np.minimum(lacking, COUNTS), ALLOWED, multiplicity.bar(record))
    if level is Level.CLEAN:
        enough = span(max(strength.FEWEST_BATCHES * length, 2 * best.widths.sum()))
        further = (
            f"That is too short, or too uneven, to prove that it falls short; "
            f"{enough} of load would be enough."
        )
        return _finding(promise, best, Level.NOT_MEASURABLE, "too_short", further)
    low, high = e_values.interval(lacking)
    further = (
        f"Even with an endless queue{_and_vcpus(best)} it would have been at most "
        f"{_say(promise.metric, best.allowance * best.mean)}{_unseen(best)}, {percent(low)} to "
        f"{percent(high)} short."
    )
    found = _finding(promise, best, level, "falls_short", further)
    return replace(found, alternatives=_alternatives(record, promise, best))


def _batches(found: Delivered, least: float) -> tuple[Floats, Floats, float]:
    """Batches that no pause cuts: their beginnings, what each lacked (a share), and their length in s."""
    pieces = np.split(np.arange(found.times.size), np.flatnonzero(np.diff(found.times) > PAUSE) + 1)
    seen = np.minimum(_lacking(found, found.rates, least), COUNTS)
    count = round(
        max(
            strength.SHORTEST_BATCH,
            strength.BATCH_MEMORIES * correlation_time([seen[piece] for piece in pieces]),
        )
    )
    if seen.min() == COUNTS:  # then none differs from the next
        count = round(strength.SHORTEST_BATCH)
    batches = [
        piece[start : start + count] for piece in pieces for start in range(0, piece.size - count + 1, count)
    ]
    times = np.array([found.times[batch[0]] for batch in batches])
    rates = np.array([np.average(found.rates[batch], weights=found.widths[batch]) for batch in batches])
    return times, _lacking(found, rates, least), float(count)


def _lacking(found: Delivered, rates: Floats, least: float) -> Floats:
    return np.clip(1 - found.allowance * rates / least, 0, 1)


def _excuse(record: Record, promise: PromisedRate, best: Delivered) -> tuple[str, str] | None:
    """What else explains it: which answer that is, and its sentence. None: nothing that we know."""
    if between := storage.noted(record.run.guest.facts).between:
        return "something_between", f"What stands between it and us may take its time: {between}."
    if between is None:
        return (
            "disk_not_noted",
            "This run did not note what stands between it and us, which may take its time.",
        )
    if any(event.kind == QUEUELESS for event in record.events):
        return "no_queue", "This guest lets us make no more than one I/O at a time."
    if best.gain * best.mean >= (1 - ALLOWED) * promise.least:
        deep = best.workload.depth
        return "longer_queue", f"With more than {deep} I/Os under way it may have delivered more."
    if best.stolen and best.allowance * best.mean >= (1 - ALLOWED) * promise.least:
        away = percent(best.stolen)
        return "vcpus_away", f"vCPUs may have been away for up to {away} of the time, and it waited for them."
    return _own_part(record, promise, best)


def _own_part(record: Record, promise: PromisedRate, best: Delivered) -> tuple[str, str] | None:
    """What this guest itself may have had to do with it, likewise."""
    quota = record.run.guest.limits.cgroup_cpus
    if (used := busy(record, best.workload)) is None or used > BUSY * min(1.0, quota or 1.0):
        much = f": it used {percent(used)} of a vCPU" if used else ""
        return "own_cpu", f"Our own program may have been the limit{much}."
    if (share := others(record, promise.metric, best)) is not None and share > OTHERS:
        return "own_programs", f"{percent(share)} of its work was for other programs of this guest."
    return None


def _and_vcpus(best: Delivered) -> str:
    return " and vCPUs that are never away" if best.stolen else ""


def _unseen(best: Delivered) -> str:
    return ", if no vCPU was away meanwhile" if best.stolen is None else ""


def _alternatives(record: Record, promise: PromisedRate, best: Delivered) -> tuple[Alternative, ...]:
    share = others(record, promise.metric, best)
    return (
        Alternative(
            "a longer queue",
            ruled_out=True,
            because=f"one I/O at a time was so fast that more than {best.workload.depth} could add "
            f"{percent(best.gain - 1)} at most",
        ),
        Alternative(
            "the guest's own CPU",
            ruled_out=True,
            because=f"fio used {percent(busy(record, best.workload) or 0.0)} of a vCPU at most",
        ),
        Alternative(
            "a vCPU that was taken away",
            ruled_out=None if best.stolen is None else True,
            because="this run shows neither steal nor what busy vCPUs lose"
            if best.stolen is None
            else f"for {percent(best.stolen)} of the time at most, by steal and by what busy vCPUs lost",
        ),
        Alternative(
            "other programs of this guest",
            ruled_out=None if share is None else True,
            because="the guest shows no counters of its disks"
            if share is None
            else f"{percent(share)} of the disks' work was theirs",
        ),
        Alternative(
            "a promise of something else",
            ruled_out=None,
            because="the plan file says no more; the seller may have said of which size, or for how long",
        ),
    )


def _finding(promise: PromisedRate, best: Delivered, level: Level, ground: str, further: str = "") -> Finding:
    low, high = (float(q) for q in np.quantile(best.rates, (0.05, 0.95)))
    came, seconds = f"{_say(promise.metric, best.mean)} ({best.workload.what})", span(best.widths.sum())
    return Finding(
        sign=SIGN.name,
        level=level,
        claim=f"The disk delivered {came} of the {promise.text} promised, in {seconds} of load.",
        further=further,
        ground=ground,
        promised=promise.text,
        measured=best.mean,
        interval=(min(low, best.mean), max(high, best.mean)),
        unit="1/s" if promise.metric == IOPS else "B/s",
        since=float(best.times[0] - best.widths[0]),
        until=float(best.times[-1]),
        series=tuple(Selected(promise.metric, (("job", job),)) for job in best.workload.deep),
    )


def _unknown(ground: str, claim: str) -> Finding:
    series = (IOPS, BANDWIDTH)
    return Finding(sign=SIGN.name, level=Level.NOT_MEASURABLE, claim=claim, ground=ground, series=series)


def _claims(profile: Profile, guest: Guest, plan: Plan | None) -> int:
    return len(_promises(plan)) * one_each_look(profile, guest, plan)


SIGN = Sign(
    name="disk_below_plan",
    question="Does the disk deliver the IOPS and bandwidth that were sold?",
    promise="disk",
    needs=(IOPS,),
    look=look,
    claims=_claims,
    decides=("disk_iops",),
)
