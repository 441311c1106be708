"""Watches the rest of the guest while a probe holds memory, so that nothing else is swapped out or waits.

Each of these is a reason to stop taking more, or to give all back:

- Less memory is available than the floor.
- Tasks wait for memory.
- Pages are swapped out because the guest as a whole runs short.
"""

from __future__ import annotations

import re
from typing import Final

from vpsbench.guest.files import Files
from vpsbench.kernel_text import vmstat
from vpsbench.probes.conduct.memory_headroom import headroom

MIB: Final = 1024**2
# Shares of the last 10 s. Android's low-memory killer speaks of pressure from 7 % on.
SOME: Final = 0.07
FULL: Final = 0.03
SWAPPED: Final = 256  # pages, 1 MiB
# For the guest as a whole: a cgroup's own shortage is not in it.
_SCANS: Final = ("pgscan_kswapd", "pgscan_direct")


class NeededElsewhere(Exception):  # noqa: N818  the guest needs its memory: an end, not a fault
    """The guest runs short of memory; the message says how that was seen."""


class Guard:
    """Compares what the guest's kernel says with what it said before.

    Args:
        files: the guest's files.
        floor: B that shall stay available.
    """

    def __init__(self, files: Files, floor: int) -> None:
        self._files, self._floor = files, floor
        self._swapped, self._scanned = self._counts()

    def available(self) -> int:
        """B that may still be taken.

        Raises:
            NeededElsewhere: less than the floor is left, or the guest strains for memory.
        """
        left = headroom(self._files).available
        if left < self._floor:
            raise NeededElsewhere(
                f"only {left // MIB} MiB were left available, under the floor of {self._floor // MIB} MiB"
            )
        if reason := self._waits() or self._swaps():
            raise NeededElsewhere(reason)
        return left

    def calm_down(self) -> None:
        """Only what is swapped out from now on counts."""
        self._swapped, self._scanned = self._counts()

    def _waits(self) -> str | None:
        # Absent before 4.20, or where it is switched off.
        text = self._files.text("/proc/pressure/memory") or ""
        for kind, share in re.findall(r"^(some|full) avg10=(\d+\.\d+)", text, re.MULTILINE):
            if float(share) / 100 > (SOME if kind == "some" else FULL):
                whose = "some task" if kind == "some" else "all tasks"
                return f"{whose} of the guest waited for memory in {share} % of the last 10 s"
        return None

    def _swaps(self) -> str | None:
        swapped, scanned = self._counts()
        if swapped - self._swapped >= SWAPPED and scanned > self._scanned:
            return f"the guest as a whole ran short and swapped {swapped - self._swapped} pages out"
        return None

    def _counts(self) -> tuple[int, int]:
        """Pages swapped out, and pages scanned because the whole guest ran short."""
        counts = vmstat.counts(self._files.text(vmstat.FILE) or "", "pswpout", *_SCANS)
        return counts.pop("pswpout", 0), sum(counts.values())
