"""Held memory: does the memory that was given stay in the machine, or does the host take it away?

Fills part of the available memory with unique pages, leaves them alone, and touches a random sample of
them again. Touches of pages that were never left alone lie in between: they are the control arm. A page that
the host has swapped out is slow to come back. No counter of the guest shows that, but the time does. Each
page that is touched is verified. At the end as many of all pages are verified as there is time for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.guest.files import Files
from vpsbench.model import Bytes, Duration, Guest
from vpsbench.probes import Emit, Probe, Request, Unavailable
from vpsbench.probes.conduct.clock import now
from vpsbench.probes.conduct.duty_cycle import DutyCycle, moments
from vpsbench.probes.conduct.isolation import first_to_be_killed, no_collection, pinned
from vpsbench.probes.conduct.memory_guard import Guard, NeededElsewhere
from vpsbench.probes.conduct.memory_headroom import MemoryHeadroom, headroom
from vpsbench.probes.held_memory import metrics
from vpsbench.probes.held_memory.guest_counters import counters, growth
from vpsbench.probes.held_memory.held import BATCH, BLOCK, PAGE, Held
from vpsbench.probes.held_memory.touch import by_bound, counted
from vpsbench.probes.held_memory.verify import Verifier

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pages = NDArray[np.int64]
    Latencies = NDArray[np.int64]  # ns

MIB: Final = 1024**2
SMALLEST: Final = 16 * MIB  # less would say nothing about a machine's memory
FILL_SHARE: Final = 1 / 3  # of the turn, at most
LEAST_STRIDE: Final = 8  # at most every eighth page is hot
CHUNKS: Final = 200  # first touches are reported in about so many pieces
PART: Final = (
    1 / 16
)  # of the held pages, touched in a round at most: a host brings a page's neighbours back with it
FEWEST: Final = 2000  # touches that a round may make all the same
QUICK: Final = (
    0.05  # s; a batch of touches that takes longer is halved, so that no time limit is far exceeded
)
LOOK_EVERY: Final = 0.25  # s between two looks at the guest's needs while pages are touched
RESERVE: Final = 1.5  # times the floor is left when filling, so that not every ripple ends the turn


@dataclass(frozen=True)
class Options:
    """Settings of the held-memory probe."""

    share: float = 0.4  # of the available memory
    floor: Bytes = 64 * MIB  # always left available; at least a tenth of all memory is
    rounds: int = 4  # of touching again; three are needed for a finding
    touches: int = 20_000  # of held pages, a round at most
    hot: int = 4_000  # pages of the control arm, each touched once a round
    rest: Duration = 0.0  # between rounds; 0: half of the time first, then spread over the other half

    def __post_init__(self) -> None:
        if not 0.05 <= self.share <= 0.8:
            raise ValueError("share must lie between 0.05 and 0.8")
        if min(self.rounds, self.touches, self.hot) < 1:
            raise ValueError("rounds, touches and hot must be at least 1")
        if min(self.floor, self.rest) < 0:
            raise ValueError("floor and rest must not be negative")


@dataclass(frozen=True, slots=True)
class _Limits:
    """How far to go, in B."""

    size: int
    reserve: int  # filling stops above it
    floor: int  # below it all is given back
    stride: int  # every how many pages one is hot


def limits(space: MemoryHeadroom, options: Options) -> _Limits:
    """How much to hold, and how much to leave."""
    floor = max(options.floor, space.total // 10)
    reserve = int(RESERVE * floor)
    size = min(int(options.share * space.available), space.available - reserve)
    size = max(size, 0) // BLOCK * BLOCK
    stride = max(-(-size // PAGE // options.hot), LEAST_STRIDE)
    return _Limits(size, reserve, floor, stride)


def run(request: Request, emit: Emit, files: Files | None = None) -> None:
    """Hold memory for one turn.

    Raises:
        Unavailable: there is too little memory to hold.
    """
    files = files or Files()
    bounds = limits(headroom(files), request.options)
    if bounds.size < SMALLEST:
        raise Unavailable(f"too little memory is available: {bounds.size // MIB} MiB could be held")
    guard = Guard(files, bounds.floor)
    _calm(guard)
    rng = np.random.default_rng(request.seed)
    duty = DutyCycle(request.duty, request.seconds)
    with first_to_be_killed(emit), pinned(request.vcpus[-1]), no_collection():
        held = Held(bounds.size, bounds.stride, rng)
        turn = _Turn(request, emit, files, bounds, held, rng, duty, guard)
        try:
            turn.fill()
            turn.hold()
            turn.verify_all()
        except NeededElsewhere as reason:
            emit.event("memory.given_back", f"{reason}: all was given back")
        finally:
            held.give_back()
            emit.sample(metrics.HELD, 0)


def _calm(guard: Guard) -> None:
    try:
        guard.available()
    except NeededElsewhere as reason:
        raise Unavailable(f"the guest needs its memory itself: {reason}") from reason


class _Turn:
    """One turn under way."""

    def __init__(  # noqa: PLR0913, PLR0917  the parts of a turn, made in one place
        self,
        request: Request,
        emit: Emit,
        files: Files,
        bounds: _Limits,
        held: Held,
        rng: np.random.Generator,
        duty: DutyCycle,
        guard: Guard,
    ) -> None:
        self._deadline = duty.until
        self._began = self._deadline - request.seconds
        self._options: Options = request.options
        self._vcpu = request.vcpus[-1]
        self._emit, self._files, self._bounds, self._held, self._rng = emit, files, bounds, held, rng
        self._duty, self._guard = duty, guard
        self._kept = {arm: counted(np.zeros(0, dtype=np.int64)) for arm in ("warm", "again")}  # since a round
        self._verifier = Verifier(held, emit)
        self._written = 0.0  # when the last page was
        self._watched = 0.0

    def fill(self) -> None:
        """Fill until the size, a third of the turn, or the reserve is reached, or the guest strains."""
        self._emit.note(f"filling {self._bounds.size // MIB} MiB of memory")
        until = self._began + FILL_SHARE * (self._deadline - self._began)
        chunk = max(self._bounds.size // CHUNKS // BLOCK, 1) * BLOCK
        while self._held.filled < self._bounds.size and now() < until:
            size = min(chunk, self._bounds.size - self._held.filled)
            if not self._may_grow(size):
                break
            self._emit.sample(metrics.FIRST_TOUCH, self._held.grow(size))
            self._emit.sample(metrics.HELD, self._held.filled)
            self._duty.rest()
        if self._held.filled < SMALLEST:
            raise Unavailable(f"only {self._held.filled // MIB} MiB of memory could be filled in time")
        if not self._held.locked:
            self._emit.event("memory.not_locked", "mlock was refused; the guest itself may swap held pages")
        self._written = now()

    def _may_grow(self, size: int) -> bool:
        """Whether there is room; a guest that strains gets no less by what is held already."""
        try:
            return self._guard.available() - size >= self._bounds.reserve
        except NeededElsewhere as reason:
            self._emit.event("memory.not_filled", f"no more than {self._held.filled // MIB} MiB: {reason}")
            self._guard.calm_down()
            return False

    def hold(self) -> None:
        """Leave the pages alone and touch them again, round after round."""
        self._touch(self._held.arms.hot(), 1)  # warms the code up; not counted
        start = now()
        # The last round begins a little before the end, so that it fits in.
        times = moments(self._options.rounds, 0.95 * (self._deadline - start), self._options.rest)
        for number, moment in enumerate(times, 1):
            self._emit.note(
                f"holding {self._held.filled // MIB} MiB; round {number} of {len(times)} comes next"
            )
            self._rest(min(start + moment, self._deadline))
            self._round(times[-1] / (4 * len(times)))
            if now() >= self._deadline:
                break

    def _rest(self, until: float) -> None:
        while (left := until - now()) > 0:
            self._duty.rest(planned=min(left, 1.0))
            for arm, latencies in zip(self._kept, self._held.keep_warm(), strict=True):
                self._kept[arm] += counted(latencies)
            self._guard.available()

    def _touch(self, order: Pages, seconds: float) -> Latencies:
        """Touches batch by batch, in that time; rests and verifying lie in between, and are not timed."""
        until = now() + seconds
        latencies, done, size = [np.zeros(0, dtype=np.int64)], 0, 1
        while done < len(order) and (began := now()) < until:
            batch = order[done : done + size]
            latencies.append(self._held.touch(batch))
            done += len(batch)
            size = min(2 * size, BATCH) if now() - began < QUICK else max(size // 2, 1)
            self._verify(batch)
        return np.concatenate(latencies)

    def _verify(self, batch: Pages) -> None:
        self._verifier.look(batch)
        self._duty.rest()
        if (at := now()) > self._watched + LOOK_EVERY:
            self._watched = at
            self._guard.available()

    def _round(self, seconds: float) -> None:
        arms = self._held.arms
        order = arms.order(min(self._options.touches, max(int(PART * arms.held()), FEWEST)), self._rng)
        age = now() - self._written
        before = counters(self._files, self._vcpu)
        latencies = self._touch(order, seconds)
        meanwhile = growth(before, counters(self._files, self._vcpu))
        at = now()
        self._report(order[: len(latencies)], latencies, at)
        for metric, value in ({metrics.AGE: age} | meanwhile).items():
            self._emit.sample(metric, value, at)
        self._verifier.report(at)
        self._emit.sample(metrics.HELD, self._held.filled, at)

    def _report(self, pages: Pages, latencies: Latencies, at: float) -> None:
        arms = self._held.arms
        hot = arms.is_hot(pages)
        sizes = {"hot": len(arms.hot()), "held": arms.held()}
        for arm, members in (("hot", hot), ("held", ~hot)):
            self._emit.sample(metrics.PAGES, sizes[arm], at, arm=arm)
            self._histogram(arm, counted(latencies[members]), at)
        for arm, counts in self._kept.items():
            self._histogram(arm, counts, at)
            counts[:] = 0

    def _histogram(self, arm: str, counts: NDArray[np.int64], at: float) -> None:
        self._emit.sample(metrics.TOTAL, int(counts.sum()), at, arm=arm)
        for bound, count in by_bound(counts).items():
            self._emit.sample(metrics.COUNT, count, at, arm=arm, le=bound)

    def verify_all(self) -> None:
        """Verifies page after page until the end of the turn; nothing is timed."""
        self._emit.note(f"verifying {self._held.filled // MIB} MiB")
        pages = np.arange(self._held.filled // PAGE)
        for start in range(0, len(pages), BATCH):
            if now() >= self._deadline:
                break
            self._verify(pages[start : start + BATCH])
        self._verifier.report(now())


def missing(guest: Guest) -> str | None:
    """Why memory cannot be held on this guest."""
    total = guest.limits.memory
    if total < 128 * MIB:
        return f"{total // MIB} MiB of memory are too little to hold some of it for a while"
    return None


PROBE: Final = Probe(
    name="memory",
    metrics=metrics.ALL,
    options=Options,
    missing=missing,
    run=run,
)
