"""The pinned loop that watches the clock: what one vCPU got of the time that it wanted, bin by bin.

An undisturbed loop sees the clock move by about 100 ns a turn. Whenever the clock jumps, somebody else
had the vCPU: another process of this guest (the kernel counts that as our wait in the run queue), an
interrupt, or somebody outside: the hypervisor, the host, a neighbour. The loop also counts its
turns, which tells "less time" from "slower time".
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

# 96 % of an idle guest's gaps are timer ticks under 50 µs; 100 to 500 µs are host interrupts (and the
# pauses of software emulation); from 500 µs on somebody was scheduled in our place.
SHORT_GAP_NS: Final = 100_000
GAP_NS: Final = 500_000
# A duty cycle's period: shorter than the usual period of a host's quota (100 ms), so that a low duty takes
# little of each, and longer than the 0.1 ms by which a sleeper wakes late.
PERIOD_NS: Final = 20_000_000
LOGGED_NS: Final = 60_000_000_000  # for so long each gap is kept by itself, to find a rhythm in them


@dataclass(slots=True)
class Bin:
    """What one loop saw in one bin; ns, except ``turns``, and the tick counts irq and steal.

    ``gap`` and ``short_gap`` sum the gaps whose part outside of this guest fell into either band; ``gap``
    with the own wait inside (``own_wait_in_gaps``). ``gaps``: (CLOCK_BOOTTIME of the end, that part).
    ``away``: None where no ``Sleeper`` was there.
    """

    end: int = 0
    wall: int = 0
    wanted: int = 0
    turns: int = 0
    gap: int = 0
    short_gap: int = 0
    gap_max: int = 0
    own_wait_in_gaps: int = 0
    own_wait: int = 0
    irq: int | None = 0
    steal: int | None = 0
    away: int | None = None
    gaps: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class Counters:
    """The kernel's counters that explain a gap; files stay open, as reading must cost little."""

    schedstat: int
    stat: int
    vcpu: int

    @classmethod
    def open(cls, vcpu: int) -> Counters:
        """For the calling process, pinned to ``vcpu``."""
        return cls(os.open("/proc/self/schedstat", os.O_RDONLY), os.open("/proc/stat", os.O_RDONLY), vcpu)

    def own_wait(self) -> int:
        """Time that this process was runnable but waited for others of the guest, ns."""
        return int(os.pread(self.schedstat, 64, 0).split()[1])

    def ticks(self) -> tuple[int | None, int | None]:
        """(irq + softirq, steal) of the vCPU in USER_HZ ticks; None where the kernel lacks the column."""
        return parse_ticks(os.pread(self.stat, 64 * 1024, 0), self.vcpu)


def parse_ticks(text: bytes, vcpu: int) -> tuple[int | None, int | None]:
    """(irq + softirq, steal) from the text of /proc/stat, in USER_HZ ticks.

    Raises:
        ValueError: the vCPU has no line.
    """
    for line in text.splitlines():
        name, *fields = line.split()
        if name == b"cpu%d" % vcpu:
            # user nice system idle iowait irq softirq steal …: proc(5)
            irq = int(fields[5]) + int(fields[6]) if len(fields) > 6 else None
            return irq, int(fields[7]) if len(fields) > 7 else None
    raise ValueError(f"/proc/stat has no line for vCPU {vcpu}")


@dataclass(frozen=True, slots=True)
class Grid:
    """When the loop wants its vCPU: the first ``on`` ns of each period since ``origin``."""

    origin: int
    on: int

    def wanted(self, at: int) -> int:
        """Time wanted since the origin, ns."""
        periods, rest = divmod(at - self.origin, PERIOD_NS)
        return periods * self.on + min(rest, self.on)

    def stop(self, at: int) -> int:
        """Until when it wants to run, in the period of ``at``."""
        return at - (at - self.origin) % PERIOD_NS + self.on

    def start(self, at: int) -> int:
        """When the next period begins."""
        return at - (at - self.origin) % PERIOD_NS + PERIOD_NS


@dataclass(slots=True)
class Loop:
    """A loop on the vCPU that the calling process is pinned to.

    Args:
        counters: of that vCPU.
        duty: the share of each period in which it wants to run.
        clock: ns.
        sleep: s.
        away: what a ``Sleeper`` on the same vCPU has counted so far, ns; None: there is none.
    """

    counters: Counters
    duty: float = 1.0
    clock: Callable[[], int] = time.perf_counter_ns
    sleep: Callable[[float], None] = time.sleep
    away: Callable[[], int | None] = lambda: None
    _waited: int = 0

    def watch(self, seconds: float, bin_: float, hand_over: Callable[[Bin], None]) -> None:
        """Spins for ``seconds`` and hands over a ``Bin`` every ``bin_`` s."""
        last = self.clock()
        ends, length, logged = last + round(seconds * 1e9), round(bin_ * 1e9), last + LOGGED_NS
        grid = Grid(last, round(self.duty * PERIOD_NS))
        while last < ends:
            (irq, steal), away = self.counters.ticks(), self.away()
            waited = self._waited = self.counters.own_wait()
            # Handing over the last bin and reading counters is our own doing: this bin begins after it.
            began = last = self.clock()
            one = Bin()
            bin_ends = min(began + length, ends)
            while last < bin_ends:
                last = self._spin(one, last, min(grid.stop(last), bin_ends), grid)
                if grid.stop(last) <= last < bin_ends:
                    self.sleep(max(0, grid.start(last) - self.clock()) / 1e9)
            one.end = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            one.wall, one.wanted = last - began, grid.wanted(last) - grid.wanted(began)
            one.own_wait = self.counters.own_wait() - waited
            irq_now, steal_now = self.counters.ticks()
            one.irq, one.steal = _growth(irq, irq_now), _growth(steal, steal_now)
            one.away = _growth(away, self.away())
            one.gaps = [(one.end - (last - at), gap) for at, gap in one.gaps] if last < logged else []
            hand_over(one)

    def _spin(self, one: Bin, last: int, stop: int, grid: Grid) -> int:
        """Turns until ``stop``; a gap counts as far as the loop wanted to run in it. Returns the time."""
        clock, turns = self.clock, 0
        while True:
            now = clock()
            turns += 1
            if now - last > SHORT_GAP_NS:
                gap = grid.wanted(now) - grid.wanted(last)
                if gap > SHORT_GAP_NS:
                    self._account(one, gap, now)
                    now = clock()  # what the accounting took is no gap
            last = now
            if now >= stop:
                one.turns += turns
                return last

    def _account(self, one: Bin, gap: int, at: int) -> None:
        """Adds a gap to the bin. Each gap is charged only the own wait since the one before."""
        waited = self.counters.own_wait()
        own = min(gap, waited - self._waited)
        self._waited = waited
        outside = gap - own
        if outside >= GAP_NS:
            one.gap += gap
            one.own_wait_in_gaps += own
            one.gap_max = max(one.gap_max, outside)
            one.gaps.append((at, outside))
        elif outside >= SHORT_GAP_NS:
            one.short_gap += outside


def _growth(before: int | None, now: int | None) -> int | None:
    return None if before is None or now is None else now - before
