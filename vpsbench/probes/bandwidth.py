"""Memory's bandwidth and latency, as one vCPU sees them: for comparing and for annotating, never to accuse.

How fast memory is depends on the machine that was bought, not on how often it was sold.

Bandwidth is STREAM's triad (McCalpin 1995), a = b + s * c, counted as there: 24 B an element, without what
the CPU reads before it writes. numpy needs two steps for it, so it goes block by block: the half-done block
stays in the cache.

Latency is that of a chain of loads, each of which tells where the next one goes, at random over an area
beyond the caches. Page tables are walked on the way, and that is part of it. ``numpy.take`` makes such a
chain when it reads its indices where it has just written: the loads then depend on each other in compiled
code, without an interpreter between them. numpy does not promise that, so each walk is checked, and one that
was not a chain gives no reading.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.guest.files import Files
from vpsbench.model import Bytes, Guest, Kind, Metric
from vpsbench.probes import Emit, Probe, Request, Unavailable
from vpsbench.probes.conduct.clock import now
from vpsbench.probes.conduct.duty_cycle import DutyCycle
from vpsbench.probes.conduct.isolation import first_to_be_killed, no_collection, pinned
from vpsbench.probes.conduct.memory_guard import Guard, NeededElsewhere
from vpsbench.probes.conduct.memory_headroom import MemoryHeadroom, headroom

if TYPE_CHECKING:
    from numpy.typing import NDArray

AREA: Final = Metric(
    "bandwidth.area", "B", Kind.GAUGE, "neither",
    "memory that the triad goes over",
)  # fmt: skip
TRIAD: Final = Metric(
    "bandwidth.triad", "B/s", Kind.GAUGE, "higher",
    "STREAM's triad on one vCPU",
)  # fmt: skip
LATENCY: Final = Metric(
    "bandwidth.latency", "s", Kind.GAUGE, "lower",
    "a load that waits for the one before it, at random over a quarter of that area",
)  # fmt: skip

MIB: Final = 1024**2
BLOCK: Final = 32_768  # elements: 256 KiB an array, so the block that is half done stays in a core's cache
LINE: Final = 64 // 8  # elements of 8 B a cache line
STEPS: Final = 200_000  # of one walk: about 20 ms
CACHES: Final = 4  # times the last-level cache is beyond it
PARTS: Final = 1 + 1 / 4 + 1 / 16  # the three arrays, the chain, and what laying the chain takes
LEAST: Final = 32 * MIB  # of the arrays: less would measure the caches
CACHE: Final = "/sys/devices/system/cpu/cpu*/cache/index*/size"


@dataclass(frozen=True)
class Options:
    """Settings of the bandwidth probe."""

    size: Bytes = 1024 * MIB  # of the three arrays; four times the last-level cache where that is more
    share: float = 0.4  # of the available memory, at most
    floor: Bytes = 64 * MIB  # always left available; at least a tenth of all memory is

    def __post_init__(self) -> None:
        if not 0.05 <= self.share <= 0.8:
            raise ValueError("share must lie between 0.05 and 0.8")
        if min(self.size, self.floor) < 0:
            raise ValueError("size and floor must not be negative")


def area(space: MemoryHeadroom, caches: int, options: Options) -> int:
    """How many B the three arrays may have; the chain has a quarter of it.

    Args:
        space: the memory that there is.
        caches: B of the largest cache; 0: not known.
        options: of the probe.

    Raises:
        Unavailable: too few to be beyond the caches.
    """
    spare = space.available - 1.5 * _floor(space, options)
    size = min(max(options.size, CACHES * caches), min(options.share * space.available, spare) / PARTS)
    if size < LEAST:
        raise Unavailable(f"too little memory is available for it: {max(int(size), 0) // MIB} MiB")
    return int(size)


def _floor(space: MemoryHeadroom, options: Options) -> int:
    return max(options.floor, space.total // 10)


def cache(files: Files) -> int:
    """The largest cache that the kernel knows, in B; the host may have hidden the real one. 0: none."""
    texts = [files.text(name) or "" for name in files.matching(CACHE)]
    return max((int(text[:-1]) * 1024 for text in texts if re.fullmatch(r"\d+K", text)), default=0)


class Triad:
    """Three arrays of ``size`` B together."""

    def __init__(self, size: int) -> None:
        self.elements = max(size // (3 * 8), BLOCK)
        self._a, self._b, self._c = (np.full(self.elements, value) for value in (0.0, 1.0, 2.0))

    def run(self) -> float:
        """One pass over all; returns its B/s."""
        a, b, c, n = self._a, self._b, self._c, self.elements
        began = time.perf_counter_ns()
        for start in range(0, n, BLOCK):
            part = a[start : start + BLOCK]
            np.multiply(c[start : start + BLOCK], 3.0, out=part)
            np.add(part, b[start : start + BLOCK], out=part)
        return 3 * 8 * n / ((time.perf_counter_ns() - began) / 1e9)


class PointerChase:
    """A single random cycle through all cache lines of ``size`` B."""

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        order = rng.permutation(max(size // 64, 2)) * LINE
        self._next = np.zeros(order.size * LINE, dtype=np.intp)
        self._next[order] = np.roll(order, -1)
        self._walk = np.zeros(STEPS + 1, dtype=np.intp)

    def run(self) -> float | None:
        """Goes on along the cycle; returns s a step, or None where the steps did not wait for each other."""
        walk = self._walk
        walk[0] = walk[-1]
        walk[1:] = 0  # what a copy of the indices would hold
        began = time.perf_counter_ns()
        np.take(self._next, walk[:-1], out=walk[1:], mode="clip")
        elapsed = time.perf_counter_ns() - began
        if not is_chain(self._next, walk):
            return None
        return elapsed / 1e9 / STEPS


def is_chain(table: NDArray[np.intp], walk: NDArray[np.intp]) -> bool:
    """Whether each place of a walk was read from the place before it."""
    return bool((walk[1:] == table[walk[:-1]]).all())


def run(request: Request, emit: Emit, files: Files | None = None) -> None:
    """Passes and walks in turn, until the time is up.

    Raises:
        Unavailable: there is too little memory.
    """
    files = files or Files()
    space = headroom(files)
    size, guard = area(space, cache(files), request.options), Guard(files, _floor(space, request.options))
    duty = DutyCycle(request.duty, request.seconds)
    with first_to_be_killed(emit), pinned(request.vcpus[-1]), no_collection():
        emit.note(f"reading and writing {size // MIB} MiB of memory")
        try:
            _measure(
                Triad(size), PointerChase(size // 4, np.random.default_rng(request.seed)), emit, guard, duty
            )
        except NeededElsewhere as reason:
            emit.event("bandwidth.given_back", f"{reason}: all was given back")


def _measure(triad: Triad, chase: PointerChase, emit: Emit, guard: Guard, duty: DutyCycle) -> None:
    """A pass and a walk at least; the first ones only warm up, and are not counted."""
    triad.run()
    chained = chase.run() is not None
    if not chained:
        emit.event("bandwidth.no_chain", "this numpy copies its indices first: no latency was measured")
    emit.sample(AREA, triad.elements * 3 * 8)
    while True:
        guard.available()
        emit.sample(TRIAD, triad.run())
        duty.rest()
        if chained and (latency := chase.run()) is not None:
            emit.sample(LATENCY, latency)
        duty.rest()
        if now() >= duty.until:
            break


def missing(guest: Guest) -> str | None:
    """Why memory cannot be measured on this guest."""
    total = guest.limits.memory
    return (
        f"{total // MIB} MiB of memory are too little to reach beyond caches" if total < 4 * LEAST else None
    )


PROBE: Final = Probe(
    name="bandwidth",
    metrics=(AREA, TRIAD, LATENCY),
    options=Options,
    missing=missing,
    run=run,
    alone=True,
)  # fmt: skip
