"""The pinned loop that watches the clock: what one vCPU got of the time that it demanded, bin by bin.

An undisturbed loop sees the clock move by about 100 ns an iteration. Whenever the clock jumps, somebody else
had the vCPU: another process of this guest (the kernel counts that as our wait in the run queue), an
interrupt, or somebody outside: the hypervisor, the host, a neighbour. The loop also counts its
iterations, which tells "less time" from "slower time".
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from vpsbench.kernel_text import stat
from vpsbench.kernel_text.schedstat import run_queue_delay

# 96 % of an idle guest's gaps are timer ticks under 50 µs; 100 to 500 µs are host interrupts (and the
# pauses of software emulation); from 500 µs on somebody was scheduled in our place.
SHORT_GAP_NS: Final = 100_000
GAP_NS: Final = 500_000
# A duty cycle's period: shorter than the usual period of a host's quota (100 ms), so that a low duty takes
# little of each, and longer than the 0.1 ms by which a sleeper wakes late.
PERIOD_NS: Final = 20_000_000
# At both ends of a load each gap is kept by itself for so long, to find a rhythm in them.
LOGGED_NS: Final = 60_000_000_000
WAIT_NS: Final = 1_000_000  # run-queue delays from here on are kept beside them
HAND_OVER_NS: Final = 4_000_000_000  # bins are handed over together, as that takes the guest's time itself
# Clocks that Linux reads from a device. hpet's has a lock: a loop that only reads it holds that half of its
# time, and where the host takes its vCPU meanwhile, all others wait for it. So the loop works in between.
DEVICE_CLOCKS: Final = {"hpet", "acpi_pm"}
WORK: Final = range(200)  # empty iterations between two readings, 3 to 40 µs: far below what counts as a gap
# What the loop itself does between two bins may take so many times the least seen; the rest is a gap.
_ITSELF: Final = 3
_FORGETS: Final = 8  # switches, of which the usual cost is the mean
_FADE: Final = 0.97  # what earlier gaps weigh, from bin to bin, in what is a usual one

_Ticks = tuple[int | None, int | None]  # irq + softirq, steal


@dataclass(slots=True)
class Bin:
    """What one loop saw in one bin; ns, except ``iterations``, and irq and steal in ticks.

    A gap counts by its part outside of this guest: from ``GAP_NS`` on, or as a short one. Entries of ``gaps``
    and ``waits`` are (CLOCK_BOOTTIME of the end, length).
    """

    end: int = 0  # CLOCK_BOOTTIME
    wall: int = 0
    demanded: int = 0  # of it, what the loop wanted to run
    iterations: int = 0
    gap: int = 0  # sum of the gaps that count, with the run-queue delay inside
    short_gap: int = 0  # sum of the outside parts of short ones
    gap_max: int = 0  # the longest outside part
    run_queue_delay_in_gaps: int = 0
    run_queue_delay: int = 0
    long_run_queue_delay: int = 0  # of it, what was long enough to hold a usual gap
    irq: float | None = None
    steal: float | None = None
    gaps: list[tuple[int, int]] = field(default_factory=list)  # each outside part
    # Each run-queue delay of ``WAIT_NS`` and more, and each handing over, in which no gap would be seen.
    waits: list[tuple[int, int]] = field(default_factory=list)


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

    def run_queue_delay(self) -> int:
        """Time that this process was runnable but waited for others of the guest, ns."""
        return run_queue_delay(os.pread(self.schedstat, 64, 0))

    def ticks(self) -> _Ticks:
        """(irq + softirq, steal) of the vCPU in ticks; None where the kernel lacks the column."""
        return interruptions(os.pread(self.stat, 64 * 1024, 0).decode("ascii"), self.vcpu)


def interruptions(text: str, vcpu: int) -> _Ticks:
    """(irq + softirq, steal) of a vCPU from the text of /proc/stat, in ticks.

    Raises:
        ValueError: the vCPU has no line.
    """
    ticks = stat.ticks(text, f"cpu{vcpu}")
    if not ticks:
        raise ValueError(f"/proc/stat has no line for vCPU {vcpu}")
    irq = ticks["irq"] + ticks["softirq"] if "softirq" in ticks else None
    return irq, ticks.get("steal")


@dataclass(frozen=True, slots=True)
class Grid:
    """When the loop demands its vCPU: the first ``on`` ns of each period since ``origin``."""

    origin: int
    on: int

    def demanded(self, at: int) -> int:
        """Time demanded since the origin, ns."""
        periods, rest = divmod(at - self.origin, PERIOD_NS)
        return periods * self.on + min(rest, self.on)

    def stop(self, at: int) -> int:
        """Until when it demands to run, in the period of ``at``."""
        return at - (at - self.origin) % PERIOD_NS + self.on

    def start(self, at: int) -> int:
        """When the next period begins."""
        return at - (at - self.origin) % PERIOD_NS + PERIOD_NS


@dataclass(slots=True)
class Loop:
    """A loop on the vCPU that the calling process is pinned to.

    Args:
        counters: of that vCPU.
        duty: the share of each period in which it demands to run.
        clock: ns.
        sleep: s.
        work: what it does between two readings of a clock that is a device.
    """

    counters: Counters
    duty: float = 1.0
    clock: Callable[[], int] = time.perf_counter_ns
    sleep: Callable[[float], None] = time.sleep
    work: range = range(0)
    _waited: int = 0  # run-queue delay when it was read last
    _least: dict[bool, int] = field(default_factory=dict)  # time between bins, with or without a hand-over
    _accounting: dict[bool, int] = field(
        default_factory=dict
    )  # likewise for a gap, with run-queue delay or without
    _switching: float = 0.0  # what a switch to others of the guest and back usually costs
    _gaps: float = 0.0  # of the latest gaps: sum of their lengths,
    _squares: float = 0.0  # and of the squares

    def watch(self, seconds: float, bin_: float, hand_over: Callable[[list[Bin]], None]) -> None:
        """Spins for ``seconds`` in bins of ``bin_`` s without a pause, and hands over some at a time."""
        self._run_queue_delay()
        last = began = self.clock()
        ends, length = last + round(seconds * 1e9), round(bin_ * 1e9)
        grid = Grid(last, round(self.duty * PERIOD_NS))
        ticks = self.counters.ticks()
        while last < ends:
            found: list[Bin] = []
            until = min(last + max(HAND_OVER_NS, length), ends)
            while last < until:
                last, one = self._bin(last, min(last + length, until), grid, first=not found)
                found.append(one)
                if began + LOGGED_NS < last < ends - LOGGED_NS:
                    one.gaps, one.waits = [], []
            before, ticks = ticks, self.counters.ticks()
            _share_out(found, before, ticks)
            hand_over(found)

    def _bin(self, began: int, ends: int, grid: Grid, *, first: bool) -> tuple[int, Bin]:
        """One bin, from where the one before ended; returns the time of its own end, too."""
        one, waited = Bin(), self._waited
        last = self._resume(one, began, grid, handed_over=first)
        while last < ends:
            last = self._spin(one, last, min(grid.stop(last), ends), grid)
            if grid.stop(last) <= last < ends:
                self.sleep(max(0, grid.start(last) - self.clock()) / 1e9)
        one.end = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        own = self._run_queue_delay()
        self._waited -= min(own, self.clock() - last)  # as much of it may have come after the end
        one.wall, one.demanded = last - began, grid.demanded(last) - grid.demanded(began)
        one.run_queue_delay = self._waited - waited
        since_then = one.end - last
        one.gaps = [(at + since_then, length) for at, length in one.gaps]
        one.waits = [(at + since_then, length) for at, length in one.waits]
        self._gaps, self._squares = self._gaps * _FADE, self._squares * _FADE
        return last, one

    def _resume(self, one: Bin, began: int, grid: Grid, *, handed_over: bool) -> int:
        """Goes on spinning. The time since ``began`` is our own doing; only what is far too long is a gap."""
        own = self._run_queue_delay()
        self._waited_long(one, own)
        now = self.clock()
        outside = max(0, grid.demanded(now) - grid.demanded(began) - own)
        least = self._least[handed_over] = min(outside, self._least.get(handed_over, outside))
        if outside - _ITSELF * least >= GAP_NS:
            self._lost(one, outside - _ITSELF * least, now)
        if now - began >= WAIT_NS:
            one.waits.append((now, now - began))
        return now

    def _spin(self, one: Bin, last: int, stop: int, grid: Grid) -> int:
        """Iterates until ``stop``; of a gap counts what the loop demanded. Returns the time."""
        clock, work, iterations = self.clock, self.work, 0
        while True:
            for _ in work:
                pass
            now = clock()
            iterations += 1
            if now - last > SHORT_GAP_NS:
                gap = grid.demanded(now) - grid.demanded(last)
                if gap > SHORT_GAP_NS:
                    own, beyond = self._account(one, gap, now)
                    now = self._accounted(now, clock(), beyond, switched=own > 0)
            last = now
            if now >= stop:
                one.iterations += iterations
                return last

    def _accounted(self, since: int, now: int, beyond: int, *, switched: bool) -> int:
        """Returns since when the next gap counts. What the accounting itself took is no gap, within reason.

        It takes longer after others of the guest ran, who leave cold caches. They may run meanwhile as well:
        run-queue delay that was read beyond the gap explains what follows.
        """
        self._waited -= min(beyond, now - since)
        least = self._accounting[switched] = min(now - since, self._accounting.get(switched, now - since))
        return now - max(0, now - since - _ITSELF * least)

    def _run_queue_delay(self) -> int:
        """The run-queue delay since it was read last."""
        before, self._waited = self._waited, self.counters.run_queue_delay()
        return self._waited - before

    def _waited_long(self, one: Bin, own: int) -> None:
        """Counts a run-queue delay as long where it could hold a usual gap, by the latest gaps."""
        if 2 * own * self._gaps >= self._squares:
            one.long_run_queue_delay += own

    def _account(self, one: Bin, gap: int, at: int) -> tuple[int, int]:
        """Adds a gap to the bin. Each is charged only the run-queue delay since the one before.

        Returns:
            That, and what was read beyond the gap.
        """
        read = self._run_queue_delay()
        own = min(gap, read)
        outside = self._from_outside(gap - own, switched=own > 0)
        self._waited_long(one, own)
        if outside >= GAP_NS:
            one.run_queue_delay_in_gaps += own
            one.gap += own
            # Others became due meanwhile, so the run-queue delay follows the gap.
            self._lost(one, outside, at - own)
        elif outside >= SHORT_GAP_NS:
            one.short_gap += outside
        if own >= WAIT_NS:
            one.waits.append((at, own))
        return own, read - own

    def _from_outside(self, outside: int, *, switched: bool) -> int:
        """A gap that counts, less the usual cost of a switch; less half of it where only we came back."""
        if outside >= GAP_NS:
            return outside - round(self._switching if switched else self._switching / 2)
        if switched:
            self._switching += (outside - self._switching) / _FORGETS
        return outside

    def _lost(self, one: Bin, outside: int, at: int) -> None:
        """Counts what was lost to the outside until ``at``."""
        one.gap += outside
        one.gap_max = max(one.gap_max, outside)
        one.gaps.append((at, outside))
        self._gaps += outside
        self._squares += outside**2


def _share_out(bins: list[Bin], before: _Ticks, now: _Ticks) -> None:
    """Gives each bin its part of the growth of coarse ticks."""
    whole = sum(one.wall for one in bins)
    irq, steal = (None if a is None or b is None else b - a for a, b in zip(before, now, strict=True))
    for one in bins:
        one.irq = None if irq is None else irq * one.wall / whole
        one.steal = None if steal is None else steal * one.wall / whole
