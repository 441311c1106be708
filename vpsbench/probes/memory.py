"""Held memory: does the memory that was given stay in the machine, or does the host take it away?

Fills part of the available memory with unique pages, leaves them alone, and touches a random sample
of them again, interleaved with pages that were never left alone (the control arm). A page that the
host has swapped out is slow to come back, and no counter of the guest shows it; its time does.
"""

from __future__ import annotations

import os
import resource
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.guest.files import Files
from vpsbench.model import Bytes, Duration, Guest, Kind, Metric
from vpsbench.probes import Emit, Probe, Request, Unavailable
from vpsbench.probes._apart import first_to_be_killed, no_collection, pinned
from vpsbench.probes._held import BLOCK, PAGE, Held
from vpsbench.probes._pace import Pace
from vpsbench.probes._room import Room, room
from vpsbench.probes._touch import Pass, histogram

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIB: Final = 1024**2
SMALLEST: Final = 16 * MIB  # less would say nothing about a machine's memory
FILL_SHARE: Final = 1 / 3  # of the turn, at most
LEAST_STRIDE: Final = 8  # at most every eighth page is hot
CHUNKS: Final = 200  # first touches are reported in about so many pieces
BATCH: Final = 500  # touches between two rests: under a millisecond, and tens of them where the host swaps
RESERVE: Final = 1.5  # times the floor is left when filling, so that not every ripple ends the turn


@dataclass(frozen=True)
class Options:
    """Settings of the held-memory probe."""

    share: float = 0.4  # of the available memory
    floor: Bytes = 64 * MIB  # always left available; at least a tenth of all memory is
    rounds: int = 4  # of touching again; three are needed for a finding
    touches: int = 20_000  # of held pages, a round
    hot: int = 4_000  # pages of the control arm, each touched once a round
    rest: Duration = 0.0  # between rounds; 0: half of the time first, then spread over the other half

    def __post_init__(self) -> None:
        if not 0.05 <= self.share <= 0.8:
            raise ValueError("share must lie between 0.05 and 0.8")
        if min(self.rounds, self.touches, self.hot) < 1:
            raise ValueError("rounds, touches and hot must be at least 1")
        if min(self.floor, self.rest) < 0:
            raise ValueError("floor and rest must not be negative")


class _NeededElsewhere(Exception):  # noqa: N818  the guest needs its memory: an end, not a fault
    """Available memory fell below the floor."""


@dataclass(frozen=True, slots=True)
class _Limits:
    """How far to go, in B."""

    size: int
    reserve: int  # filling stops above it
    floor: int  # below it all is given back
    stride: int  # every how many pages one is hot


def limits(space: Room, options: Options) -> _Limits:
    """How much to hold, and how much to leave."""
    floor = max(options.floor, space.total // 10)
    reserve = int(RESERVE * floor)
    size = min(int(options.share * space.available), space.available - reserve)
    size = max(size, 0) // BLOCK * BLOCK
    stride = max(-(-size // PAGE // options.hot), LEAST_STRIDE)
    return _Limits(size, reserve, floor, stride)


def _now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def run(request: Request, emit: Emit, files: Files | None = None) -> None:
    """Hold memory for one turn.

    Raises:
        Unavailable: there is too little memory to hold.
    """
    files = files or Files()
    bounds = limits(room(files), request.options)
    if bounds.size < SMALLEST:
        raise Unavailable(f"too little memory is available: {bounds.size // MIB} MiB could be held")
    rng = np.random.default_rng(request.seed)
    pace = Pace(request.duty, request.seconds)
    with first_to_be_killed(emit), pinned(request.vcpus[-1]), no_collection():
        held = Held(bounds.size, bounds.stride, rng)
        turn = _Turn(request, emit, files, bounds, held, rng, pace)
        try:
            turn.fill()
            turn.hold()
        except _NeededElsewhere as reason:
            emit.event("memory.given_back", str(reason))
        finally:
            held.give_back()
            emit.sample("memory.held", 0)


def moments(rounds: int, span: float, rest: float = 0.0) -> list[float]:
    """When rounds begin, s after the pages were written, within ``span`` s.

    Without a ``rest`` of its own between rounds, half of the time passes before the first one: some hosts
    take pages only after they lay idle for a minute or more (seen on a real one), and most rounds
    should come after that.
    """
    if rest:
        return [rest * number for number in range(1, rounds + 1)]
    return [span * (1 + number / max(rounds - 1, 1)) / 2 for number in range(rounds)]


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
        pace: Pace,
    ) -> None:
        self._deadline = pace.until
        self._began = self._deadline - request.seconds
        self._options: Options = request.options
        self._vcpu = request.vcpus[-1]
        self._emit, self._files, self._bounds, self._held, self._rng = emit, files, bounds, held, rng
        self._pace = pace

    def fill(self) -> None:
        """Fill until the size, a third of the turn, or the reserve is reached."""
        self._emit.note(f"filling {self._bounds.size // MIB} MiB of memory")
        until = self._began + FILL_SHARE * (self._deadline - self._began)
        chunk = max(self._bounds.size // CHUNKS // BLOCK, 1) * BLOCK
        while self._held.filled < self._bounds.size and _now() < until:
            size = min(chunk, self._bounds.size - self._held.filled)
            if self._available() - size < self._bounds.reserve:
                break
            self._emit.sample("memory.first_touch", self._held.grow(size))
            self._emit.sample("memory.held", self._held.filled)
            self._pace.rest()
        if self._held.filled < SMALLEST:
            raise Unavailable(f"only {self._held.filled // MIB} MiB of memory could be filled in time")
        if not self._held.locked:
            self._emit.event("memory.not_locked", "mlock was refused; the guest itself may swap held pages")

    def _available(self) -> int:
        available = room(self._files).available
        if available < self._bounds.floor:
            raise _NeededElsewhere(
                f"only {available // MIB} MiB were left available, under the floor of "
                f"{self._bounds.floor // MIB} MiB: all was given back"
            )
        return available

    def hold(self) -> None:
        """Leave the pages alone and touch them again, round after round."""
        self._touch(self._held.prepare(self._held.arms.hot()), 1)  # warms the code up; not counted
        start = _now()
        # The last round begins a little before the end, so that it fits in.
        times = moments(self._options.rounds, 0.95 * (self._deadline - start), self._options.rest)
        for number, moment in enumerate(times, 1):
            self._emit.note(
                f"holding {self._held.filled // MIB} MiB; round {number} of {len(times)} comes next"
            )
            self._rest(min(start + moment, self._deadline))
            self._round(times[0] / (2 * len(times)))
            if _now() >= self._deadline:
                break

    def _rest(self, until: float) -> None:
        while (left := until - _now()) > 0:
            self._pace.rest(planned=min(left, 1.0))
            self._held.keep_warm()
            self._available()

    def _touch(self, prepared: Pass, seconds: float) -> None:
        """Touches batch by batch; the rests lie between touches, so that none is timed with one."""
        until = time.perf_counter_ns() + int(seconds * 1e9)
        while self._held.touch(prepared, until, BATCH):
            self._pace.rest()

    def _round(self, seconds: float) -> None:
        order = self._held.arms.order(self._options.touches, self._rng)
        prepared = self._held.prepare(order)
        before, faults = _counters(self._files, self._vcpu), _faults()
        self._touch(prepared, seconds)
        new_faults, after = _faults(), _counters(self._files, self._vcpu)
        at = _now()
        self._report(order[: prepared.done], prepared, at)
        for name, value in sorted((_growth(before, after) | _growth(faults, new_faults)).items()):
            self._emit.sample(f"memory.touch.{name}", value, at)
        self._emit.sample("memory.held", self._held.filled, at)

    def _report(self, pages: NDArray[np.int64], touched: Pass, at: float) -> None:
        hot = self._held.arms.is_hot(pages)
        for arm, members in (("hot", hot), ("held", ~hot)):
            self._emit.sample("memory.touch.total", int(members.sum()), at, arm=arm)
            for bound, count in histogram(touched.latencies[members]).items():
                self._emit.sample("memory.touch.count", count, at, arm=arm, le=bound)
        self._emit.sample("memory.verify.errors", self._held.damaged(pages, touched.seen), at)


def _faults() -> dict[str, float]:
    use = resource.getrusage(resource.RUSAGE_SELF)
    return {"majflt": use.ru_majflt, "minflt": use.ru_minflt}


def _counters(files: Files, vcpu: int) -> dict[str, float]:
    """Counters that explain a slow touch from within; what this kernel does not count is absent."""
    found: dict[str, float] = {}
    events = dict(line.split() for line in (files.text("/proc/vmstat") or "").splitlines())
    if {"pswpin", "pswpout"} <= events.keys():
        found["swap"] = int(events["pswpin"]) + int(events["pswpout"])
    for line in (files.text("/proc/stat") or "").splitlines():
        words = line.split()
        if words[0] == f"cpu{vcpu}" and len(words) > 8:
            found["steal"] = int(words[8]) / os.sysconf("SC_CLK_TCK")
    schedule = (files.text("/proc/thread-self/schedstat") or "").split()
    if len(schedule) > 1:
        found["own_wait"] = int(schedule[1]) / 1e9
    return found


def _growth(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    return {name: after[name] - before[name] for name in before.keys() & after.keys()}


def missing(guest: Guest) -> str | None:
    """Why memory cannot be held on this guest."""
    total = min(guest.limits.memory_total, guest.limits.cgroup_memory or guest.limits.memory_total)
    if total < 128 * MIB:
        return f"{total // MIB} MiB of memory are too little to hold some of it for a while"
    return None


def _gauge(name: str, unit: str, text: str) -> Metric:
    return Metric(f"memory.{name}", unit, Kind.GAUGE, "neither" if unit == "B" else "lower", text)


PROBE: Final = Probe(
    name="memory",
    metrics=(
        _gauge("held", "B", "memory that the probe holds"),
        _gauge("first_touch", "s", "mean time to write a page for the first time"),
        _gauge("touch.count", "1", "touches in a round that took at most le ns and more than the bin below"),
        _gauge("touch.total", "1", "touches in a round"),
        _gauge("touch.majflt", "1", "major page faults in the guest during a round"),
        _gauge("touch.minflt", "1", "minor page faults in the guest during a round"),
        _gauge("touch.swap", "1", "pages that the guest itself swapped in or out during a round"),
        _gauge("touch.steal", "s", "reported steal of the vCPU during a round"),
        _gauge("touch.own_wait", "s", "time that the probe waited for its vCPU in the guest during a round"),
        _gauge("verify.errors", "1", "touched pages whose content had changed"),
    ),
    options=Options,
    missing=missing,
    run=run,
)
