"""What really happened, recorded from outside on the lab's own clock."""

from __future__ import annotations

import ctypes
import json
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tests.lab import cgroups
from tests.lab.clock import now
from tests.lab.errors import LabError
from tests.lab.machine import RAM
from tests.lab.qmp import Qmp

Floats = NDArray[np.float64]
_PAGE: Final = 4096
_KSM: Final = ("pages_shared", "pages_sharing", "pages_unshared", "pages_scanned", "full_scans")
_HELD_AT: Final = 128 * 1024**2  # B; where guest/held_pages.py writes on the disk for results
_HELD_MAGIC: Final = b"LABHELD1"
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


@dataclass(slots=True)
class Truth:
    """Series and facts of one run. Times are of the lab's clock, s."""

    series: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    marks: dict[str, tuple[float, float]] = field(default_factory=dict)  # name -> lab's clock, guest's uptime
    faults: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, value: float | None, at: float) -> None:
        """Notes one reading; what could not be read is left out."""
        if value is not None:
            self.series.setdefault(name, []).append((at, float(value)))

    def course(self, name: str) -> tuple[Floats, Floats]:
        """Times and values of a series; empty where there is none."""
        table = np.array(self.series.get(name) or np.zeros((0, 2)), dtype=np.float64)
        return table[:, 0], table[:, 1]

    def growth(self, name: str, since: float, until: float) -> float | None:
        """How much a counter grew between two times; None where it was not watched all along."""
        times, values = self.course(name)
        if times.size < 2 or since < times[0] - 1.5 or until > times[-1] + 1.5:
            return None
        first, last = np.interp((since, until), times, values)
        return float(last - first)

    def at(self, uptime: float) -> float:
        """The lab's time at a guest's uptime. A paused guest's own clock stands still."""
        ours, theirs = self.marks["run"]
        moment = uptime + ours - theirs
        for fault in self.faults:
            if fault["kind"] == "pause" and fault["began"] is not None and moment > fault["began"]:
                moment += fault["ended"] - fault["began"]
        return moment

    def text(self) -> str:
        """As JSON."""
        parts = {"series": self.series, "marks": self.marks, "faults": self.faults, "facts": self.facts}
        return json.dumps(parts)

    @classmethod
    def read(cls, text: str) -> Truth:
        """From JSON."""
        return cls(**json.loads(text))


@dataclass(slots=True)
class TruthReader:
    """Takes readings of all that can be seen of a guest: of its threads each time, of the rest once a second.

    Args:
        truth: where it goes.
        pid: of QEMU, or of the container's first process.
        vcpus: thread of each vCPU; empty for a container.
        cgroup: that it runs in.
        results: its disk for results where its held pages are watched, else None.
        merging: whether KSM's counters belong to it.
        qmp: QEMU's control socket; None where there is no QEMU.
    """

    truth: Truth
    pid: int
    vcpus: dict[int, int]
    cgroup: cgroups.Cgroup | None
    results: Path | None = None
    merging: bool = False
    qmp: Qmp | None = None
    _second: int = -1  # of the last whole reading

    def look(self) -> None:
        """One reading; a process that has just ended is no error."""
        at = now()
        for name, value in self._threads():
            self.truth.add(name, value, at)
        if int(at) != self._second:
            self._second = int(at)
            for name, value in self._readings():
                self.truth.add(name, value, at)

    def _threads(self) -> Iterator[tuple[str, float | None]]:
        for index, thread in self.vcpus.items():
            ran, waited = times(thread)
            yield f"vcpu.{index}.run", ran
            yield f"vcpu.{index}.wait", waited

    def _readings(self) -> Iterator[tuple[str, float | None]]:
        if self.cgroup:
            texts = self.cgroup.texts()
            yield "cgroup.swapped", cgroups.swapped(self.cgroup.version, texts)
            yield "cgroup.throttled", cgroups.throttled(self.cgroup.version, texts)
        if self.qmp:
            yield "balloon.actual", self._balloon(self.qmp)
        if self.merging:
            for name in _KSM:
                yield f"ksm.{name}", float(_text(f"/sys/kernel/mm/ksm/{name}") or "nan")
        yield from self._held_pages()

    def _balloon(self, qmp: Qmp) -> float | None:
        """B that the guest has; None once QEMU has ended."""
        try:
            return float(qmp.ask("query_balloon")["actual"])
        except LabError:
            return None

    def _held_pages(self) -> Iterator[tuple[str, float]]:
        held = held_frames(self.results) if self.results else None
        if held is not None and (file := ram(self.pid)):
            with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                there = in_memory(file)[held]
                yield "held.pages", there.size
                yield "held.missing", int((~there).sum())


def times(thread: int) -> tuple[float | None, float | None]:
    """Seconds run and seconds waited of a thread so far; None once it has ended."""
    return schedstat(_text(f"/proc/{thread}/task/{thread}/schedstat"))


def schedstat(text: str) -> tuple[float | None, float | None]:
    """Seconds run and seconds waited of a thread."""
    fields = text.split()
    return (int(fields[0]) / 1e9, int(fields[1]) / 1e9) if len(fields) > 1 else (None, None)


def held_frames(disk: Path) -> NDArray[np.int64] | None:
    """The guest's page frames that it holds, as guest/held_pages.py wrote them; None: not yet."""
    with disk.open("rb") as file:
        file.seek(_HELD_AT)
        magic, length = struct.unpack("<8sQ", file.read(16))
        if magic != _HELD_MAGIC:
            return None
        bits = np.frombuffer(file.read(length), dtype=np.uint8)
    return np.flatnonzero(np.unpackbits(bits, bitorder="little"))


def ram(pid: int) -> Path | None:
    """A QEMU's guest memory as a file, below 3 GiB by frame numbers; None: it has none, or has ended."""
    try:
        files = [file for file in Path(f"/proc/{pid}/fd").iterdir() if RAM in file.resolve().name]
    except OSError:
        return None
    return files[0] if files else None


def in_memory(file: Path) -> NDArray[np.bool_]:
    """Which pages of a file in memory are there, also what was read ahead or has yet to be dropped.

    Raises:
        OSError: mincore(2) was refused.
    """
    content = np.memmap(file, dtype=np.uint8, mode="r")
    found = np.zeros(content.size // _PAGE, dtype=np.uint8)
    if _LIBC.mincore(content.ctypes, ctypes.c_size_t(content.size), found.ctypes):
        raise OSError(ctypes.get_errno(), f"mincore of {file}")
    return (found & 1).astype(np.bool_)


def _text(name: str) -> str:
    """A file's text; empty where it is gone, which a guest that ends makes normal."""
    try:
        return Path(name).read_text()
    except OSError:
        return ""
