"""Merged pages: does the host keep only one copy of pages that are equal?

Writes pages of three arms, leaves them alone, and then writes one word to each of them. The host must first
copy a page that it had merged. That costs it a fault, which unique pages do not cost. A second write to the
same pages costs nothing more. No counter of a guest shows any of it.

A host merges slowly. Linux' ksmd looks at 19.5 MiB/s by default, and looks at each page twice before it
merges it. So a large host needs hours, and many merge only when they run short.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.guest.containers import KINDS
from vpsbench.guest.files import Files
from vpsbench.model import Bytes, Guest, Kind, Metric
from vpsbench.probes import Emit, Probe, Request, Unavailable
from vpsbench.probes.conduct.clock import now
from vpsbench.probes.conduct.duty_cycle import DutyCycle
from vpsbench.probes.conduct.isolation import first_to_be_killed, no_collection, pinned
from vpsbench.probes.conduct.memory_guard import Guard, NeededElsewhere
from vpsbench.probes.conduct.memory_headroom import MemoryHeadroom, headroom
from vpsbench.probes.held_memory.duplicate_pages import ARMS, PAGE, DuplicatePages
from vpsbench.probes.held_memory.touch import histogram

if TYPE_CHECKING:
    from vpsbench.probes.held_memory.duplicate_pages import Writes

HELD: Final = Metric(
    "merge.held", "B", Kind.GAUGE, "neither",
    "memory that the merging probe holds",
)  # fmt: skip
AGE: Final = Metric(
    "merge.age", "s", Kind.GAUGE, "neither",
    "how long pages had been left alone when they were written to",
)  # fmt: skip
OWN_KSM: Final = Metric(
    "merge.own_ksm", "1", Kind.GAUGE, "neither",
    "1: the guest's own kernel merged pages then",
)  # fmt: skip
WRITE: Final = Metric(
    "merge.write", "1", Kind.GAUGE, "neither",
    "pages of an arm whose first (or second) write took at most le ns and more than the bin below",
)  # fmt: skip

MIB: Final = 1024**2
FEWEST: Final = 1000  # pages an arm: fewer have no 99.9 % quantile
GUEST_KSM: Final = "/sys/kernel/mm/ksm/run"


@dataclass(frozen=True)
class Options:
    """Settings of the merging probe."""

    share: float = 0.3  # of the available memory, at most
    pages: int = 4096  # of each arm, at each age
    ages: int = 4  # at which pages are written to: all of the time, half of it, a quarter, …
    floor: Bytes = 64 * MIB  # always left available; at least a tenth of all memory is

    def __post_init__(self) -> None:
        if not 0.05 <= self.share <= 0.8:
            raise ValueError("share must lie between 0.05 and 0.8")
        if self.pages < FEWEST:
            raise ValueError(f"pages must be at least {FEWEST}")
        if not 1 <= self.ages <= 12:
            raise ValueError("ages must lie between 1 and 12")
        if self.floor < 0:
            raise ValueError("floor must not be negative")


def pages_of(space: MemoryHeadroom, options: Options, ages: int) -> int:
    """Pages of each arm at each of so many ages: an even number."""
    spare = space.available - 1.5 * _floor(space, options)
    size = max(min(options.share * space.available, spare), 0)
    return min(int(size / (len(ARMS) * PAGE * ages)), options.pages) // 2 * 2


def _floor(space: MemoryHeadroom, options: Options) -> int:
    return max(options.floor, space.total // 10)


def _planned(space: MemoryHeadroom, options: Options) -> tuple[int, int]:
    """At how many ages, and with how many pages of each arm: fewer ages rather than too few pages."""
    for ages in range(options.ages, 0, -1):
        if (pages := pages_of(space, options, ages)) >= FEWEST:
            return ages, pages
    raise Unavailable(
        f"too little memory is available: {space.available // MIB} MiB, of which "
        f"{_floor(space, options) // MIB} MiB and half as much again stay free"
    )


def run(request: Request, emit: Emit, files: Files | None = None) -> None:
    """Lays pages out, and writes to them age by age.

    Raises:
        Unavailable: the guest's own kernel merges pages, or there is too little memory.
    """
    files, options = files or Files(), request.options
    if _merges_itself(files):
        raise Unavailable(
            f"the guest's own kernel merges equal pages ({GUEST_KSM} is 1), which would look like the "
            f"host doing it; echo 2 > {GUEST_KSM} as root ends it"
        )
    space = headroom(files)
    ages, pages = _planned(space, options)
    turn = _Turn(
        emit, files, Guard(files, _floor(space, options)), DutyCycle(request.duty, request.seconds), pages
    )
    with first_to_be_killed(emit), pinned(request.vcpus[-1]), no_collection():
        rng = np.random.default_rng(request.seed)
        sets = [DuplicatePages(pages, rng) for _ in range(ages)]
        try:
            turn.lay_out(sets)
            turn.follow(sets)
        except NeededElsewhere as reason:
            emit.event("merge.given_back", f"{reason}: all was given back")
        finally:
            for one in sets:
                one.give_back()
            turn.holds(0)


def moments(ages: int, span: float) -> list[float]:
    """When pages are written to, s after they were laid out: each time twice as old as the time before."""
    return [span / 2**back for back in reversed(range(ages))]


@dataclass(frozen=True, slots=True)
class _Turn:
    """One turn under way."""

    emit: Emit
    files: Files
    guard: Guard
    duty: DutyCycle
    pages: int  # of each arm at each age

    def holds(self, sets: int) -> None:
        """Reports what is held."""
        self.emit.sample(HELD, sets * self.pages * len(ARMS) * PAGE)

    def lay_out(self, sets: list[DuplicatePages]) -> None:
        """Writes the pages of all ages, as long as the guest has memory to spare."""
        self.emit.note("laying out equal and unique pages")
        for number, one in enumerate(sets, 1):
            for _ in one.fill():
                self.duty.rest()
                self.guard.available()
            self.holds(number)

    def follow(self, sets: list[DuplicatePages]) -> None:
        """Writes to each set at its age, and gives it back."""
        laid_out = now()
        # The last one begins a little before the end, so that it fits in.
        times = moments(len(sets), 0.97 * (self.duty.until - laid_out))
        for number, (one, moment) in enumerate(zip(sets, times, strict=True), 1):
            self.emit.note(f"leaving pages alone; age {number} of {len(sets)} is {moment:.0f} s")
            self._wait(laid_out + moment)
            age = now() - laid_out
            writes = {"first": one.write(), "second": one.write()}
            one.give_back()
            self._report(age, writes)
            self.holds(len(sets) - number)

    def _wait(self, moment: float) -> None:
        while (left := moment - now()) > 0:
            self.guard.available()
            self.duty.rest(planned=min(left, 1.0))

    def _report(self, age: float, writes: dict[str, Writes]) -> None:
        at = now()
        self.emit.sample(AGE, age, at)
        self.emit.sample(OWN_KSM, _merges_itself(self.files), at)
        for write, arms in writes.items():
            for arm, latencies in arms.items():
                for bound, count in histogram(latencies).items():
                    self.emit.sample(WRITE, count, at, arm=arm, write=write, le=bound)


def _merges_itself(files: Files) -> bool:
    """Whether the guest's own kernel merges pages. It does so only where it has KSM, and is told to."""
    return (files.text(GUEST_KSM) or "").strip() == "1"


def missing(guest: Guest) -> str | None:
    """Why merging cannot be seen on this guest."""
    if {layer.kind for layer in guest.layers} <= {"bare-metal", *KINDS}:
        return "this is no virtual machine, and a kernel merges only pages that its programs offer it"
    total = guest.limits.memory
    if total < 128 * MIB:
        return f"{total // MIB} MiB of memory are too little to leave some of it alone for a while"
    return None


PROBE: Final = Probe(
    name="merge",
    metrics=(HELD, AGE, OWN_KSM, WRITE),
    options=Options,
    missing=missing,
    run=run,
)  # fmt: skip
