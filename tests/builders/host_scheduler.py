"""Simulates, event by event, how a host's scheduler makes gaps in a busy vCPU: quotas and honest contention.

Each function gives the gaps as (starts, ends), s, of one vCPU (or of each). Times below in s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Gaps = tuple[Floats, Floats]
Make = Callable[[np.random.Generator, float], Gaps]
SEEN: Final = 0.0005  # shorter gaps are not recorded by the probe


def seen(gaps: Iterable[tuple[float, float]], skew: float = 0.0) -> Gaps:
    """What the probe records of them, on a clock that is fast by ``skew``; touching ones are one."""
    joined: list[tuple[float, float]] = []
    for start, end in sorted(gaps):
        if joined and start <= joined[-1][1] + 2e-6:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    table = np.array([g for g in joined if g[1] - g[0] >= SEEN]).reshape(-1, 2) * (1 + skew)
    return table[:, 0], table[:, 1]


def neighbours(
    random: np.random.Generator, seconds: float, share: float, length: float
) -> list[tuple[float, float]]:
    """Poisson visits of exponential length that take this share of the time."""
    if share <= 0:
        return []
    starts = np.cumsum(random.exponential(length / share, int(3 * seconds * share / length) + 20))
    starts = starts[starts < seconds]
    return list(
        zip(starts.tolist(), (starts + random.exponential(length, starts.size)).tolist(), strict=True)
    )


@dataclass(slots=True)
class _Queue:
    """One CPU's run queue of the throttled group: what it has left, and when it was throttled."""

    next_tick: float
    visits: list[tuple[float, float]]  # when a neighbour has the CPU
    left: float = 0.0
    last: float = 0.0  # until when its run time is accounted for
    resumes: float = 0.0  # when it got, or gets, the CPU after a refill
    throttled: float | None = None
    at: int = 0  # the next visit

    def run(self, now: float) -> None:
        """Takes what ran since ``last`` from what is left."""
        start, self.last = max(self.last, self.resumes), now
        if self.throttled is not None or start >= now:
            return
        ran = now - start
        while self.at < len(self.visits) and self.visits[self.at][0] < now:
            begin, end = self.visits[self.at]
            ran -= max(0.0, min(end, now) - max(begin, start))
            if end > now:
                break
            self.at += 1
        self.left -= ran


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """A host with CFS bandwidth control, as in kernel/sched/fair.c.

    Each CPU takes slices out of a common pool; that a slice is used up is noticed at the CPU's tick; an empty
    pool throttles until the refill, which first repays what was overdrawn. ``share``: in CPUs, for all vCPUs.
    """

    share: float
    period: float
    vcpus: int = 1
    tick: float = 0.004
    slice: float = 0.005
    delay: float = 0.0  # mean of the wake-up's delay after the refill
    contention: float = 0.0  # share of the time that neighbours take besides
    visit: float = 0.003  # mean length of a neighbour's visit

    def gaps(self, random: np.random.Generator, seconds: float, skew: float = 0.0) -> list[Gaps]:
        """The gaps of each vCPU."""
        queues = [
            _Queue(
                float(random.uniform(0, self.tick)), neighbours(random, seconds, self.contention, self.visit)
            )
            for _ in range(self.vcpus)
        ]
        found: list[list[tuple[float, float]]] = [list(q.visits) for q in queues]
        pool, refill = 0.0, float(random.uniform(0, self.period))
        while True:
            now = min(refill, *(q.next_tick for q in queues))
            if now >= seconds:
                return [seen(gaps, skew) for gaps in found]
            if now == refill:
                pool = self._refill(queues, found, now, random)
                refill += self.period
                continue
            for queue in queues:
                if queue.next_tick == now:
                    pool -= self._tick(queue, pool, now)

    def _tick(self, queue: _Queue, pool: float, now: float) -> float:
        """Accounts; gives what was taken from the pool."""
        queue.run(now)
        queue.next_tick += self.tick
        if queue.throttled is not None or queue.left > 0:
            return 0.0
        taken = min(pool, self.slice - queue.left)
        queue.left += taken
        if queue.left <= 0:
            queue.throttled = now
        return taken

    def _refill(
        self,
        queues: list[_Queue],
        found: list[list[tuple[float, float]]],
        now: float,
        random: np.random.Generator,
    ) -> float:
        """Gives what is left in the pool after the throttled were paid what they had overdrawn."""
        pool = self.share * self.period
        for queue, gaps in zip(queues, found, strict=True):
            queue.run(now)
            if queue.throttled is None:
                continue
            paid = min(pool, 1e-9 - queue.left)
            pool -= paid
            queue.left += paid
            if queue.left > 0:
                queue.resumes = now + (random.exponential(self.delay) if self.delay else 0.0)
                gaps.append((queue.throttled, queue.resumes))
                queue.throttled = None
        return pool


def poisson(random: np.random.Generator, seconds: float) -> Gaps:
    """Visits at any time, of any length."""
    return seen(neighbours(random, seconds, random.uniform(0.02, 0.7), random.uniform(0.001, 0.02)))


def renewal(random: np.random.Generator, seconds: float) -> Gaps:
    """Runs and gaps of moderately regular length, without any tick."""
    run, gap = random.uniform(0.003, 0.05, 2)
    shape = random.uniform(2, 400)
    count = int(2 * seconds / (run + gap))
    pairs = random.gamma(shape, 1 / shape, (count, 2)) * (run, gap)
    return _alternation(pairs, seconds)


def fair(random: np.random.Generator, seconds: float) -> Gaps:
    """Busy threads that take turns by the host's tick, and slip by one now and then."""
    tick = random.choice([0.001, 1 / 300, 0.004, 0.010])
    most = max(1, int(0.024 / tick))
    least = min(most, -int(-0.003 // tick))
    slices = random.integers(least, most + 1, 2) * np.array([1, random.integers(1, 4)])
    slip = random.choice([0.002, 0.01, 0.05, 0.2])
    count = int(2 * seconds / (slices.sum() * tick)) + 2
    slipped = (random.random((count, 2)) < slip) * random.choice([1, 1, -1], (count, 2))
    return _alternation(np.maximum(slices + slipped, 1) * tick, seconds, float(random.uniform(0, 2e-5)))


def lockstep(random: np.random.Generator, seconds: float) -> Gaps:
    """The same without a slip."""
    tick = random.choice([0.001, 1 / 300, 0.004, 0.010])
    most = max(1, int(0.024 / tick))
    length, others = (
        int(random.integers(min(most, -int(-0.003 // tick)), most + 1)),
        int(random.integers(1, 4)),
    )
    slices = np.array([length, others * length])
    count = int(2 * seconds / (slices.sum() * tick)) + 2
    return _alternation(np.tile(slices * tick, (count, 1)), seconds, 5e-6)


def timer(random: np.random.Generator, seconds: float) -> Gaps:
    """Turns by a timer that is set anew at each switch, as Xen's of 30 ms: each switch takes some µs more."""
    length, others = random.choice([0.005, 0.010, 0.030]), int(random.integers(1, 4))
    count = int(2 * seconds / ((1 + others) * length)) + 2
    late = random.exponential(random.choice([2e-6, 1e-5, 1e-4]), (count, 1 + others))
    pairs = np.column_stack([length + late[:, 0], others * length + late[:, 1:].sum(axis=1)])
    return _alternation(pairs, seconds)


def on_off(random: np.random.Generator, seconds: float) -> Gaps:
    """A busy neighbour who comes and goes, and takes turns by the tick while there."""
    starts, ends = fair(random, seconds)
    visits = neighbours(random, seconds, random.uniform(0.2, 0.9), float(random.choice([0.05, 1.0, 5.0])))
    table = np.array(visits).reshape(-1, 2)
    there = np.array([bool(((table[:, 0] < t) & (table[:, 1] > t)).any()) for t in starts], dtype=bool)
    return starts[there], ends[there]


def _alternation(pairs: Floats, seconds: float, jitter: float = 0.0) -> Gaps:
    """Run, gap, run, gap …; each event late by up to some of the jitter."""
    edges = np.cumsum(pairs.ravel())
    edges = edges[: int((edges < seconds).sum()) // 2 * 2]
    edges += jitter * np.abs(np.sin(edges * 1e5))
    return seen(zip(edges[0::2].tolist(), edges[1::2].tolist(), strict=True))


def fair_events(random: np.random.Generator, seconds: float) -> Gaps:
    """Two to four busy threads on one CPU, event by event: least virtual run time first, seen at ticks.

    Short kernel threads come in between, so that slices slip by themselves.
    """
    tick = float(random.choice([0.001, 0.004, 0.004, 0.010]))
    weights = random.choice([1.0, 1.0, 2.0, 3.0], int(random.integers(2, 5))).tolist()
    slices = (random.uniform(0.003, 0.024) * np.array(weights) / np.mean(weights)).tolist()
    rate = float(random.choice([0.2, 2.0, 20.0]))  # of kernel threads, 1/s
    visits = np.cumsum(random.exponential(1 / rate, int(2 * rate * seconds) + 20)).tolist()
    lengths = random.exponential(0.0003, len(visits)).tolist()
    ran, gaps, threads = [0.0] * len(weights), [], range(len(weights))
    current, begun, left, visit = 0, 0.0, 0.0, 0
    for count in range(1, int(seconds / tick)):
        now, used = count * tick, tick
        if visits[visit] < now:
            used -= min(lengths[visit], tick)
            begun += lengths[visit]
            visit += 1
        ran[current] += used / weights[current]
        if now - begun < slices[current]:
            continue
        chosen = min(threads, key=ran.__getitem__)
        if chosen == current:
            continue
        if current == 0:
            left = now
        elif chosen == 0:
            gaps.append((left, now))
        current, begun = chosen, now
    return seen(gaps)


def guest_tick(random: np.random.Generator, seconds: float) -> Gaps:
    """Irregular gaps that are only seen at the guest's own tick of 4 ms."""
    starts, ends = poisson(random, seconds)
    return seen(zip(starts.tolist(), (np.ceil(ends / 0.004) * 0.004).tolist(), strict=True))


def cron(random: np.random.Generator, seconds: float) -> Gaps:
    """Bursts of irregular length at exact times, a second or more apart, or ten a second."""
    every = float(random.choice([0.1, 1.0, 1.0, 2.0]))
    mean, shape = every * random.uniform(0.03, 0.6), random.uniform(1, 8)
    starts = np.arange(random.uniform(0, every), seconds - every, every)
    lengths = np.minimum(random.gamma(shape, mean / shape, starts.size), 0.95 * every)
    return seen(zip(starts.tolist(), (starts + lengths).tolist(), strict=True))


HONEST: Final[tuple[Make, ...]] = (
    *(poisson, renewal, guest_tick, cron),
    *(fair, fair_events, lockstep, timer, on_off),
)
