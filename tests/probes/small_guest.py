"""Guests that have as much memory as a test says."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from vpsbench.guest.files import Files

MIB = 1024**2


def write(root: Path, files: dict[str, str]) -> Files:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Files(root)


def meminfo(total: int, available: int) -> str:
    return (
        f"MemTotal: {total >> 10} kB\nMemFree: 1 kB\nMemAvailable: {available >> 10} kB\nHugePages_Total: 0\n"
    )


@dataclass(frozen=True)
class Pretended(Files):
    """This machine, but for its memory; what is available falls to ``late`` after ``calls`` looks."""

    early: int = 200 * MIB
    late: int = 200 * MIB
    calls: list[str] = field(default_factory=list)
    after: int = 0

    def text(self, name: str) -> str | None:
        if name == "/proc/self/cgroup":
            return ""
        if name != "/proc/meminfo":
            return super().text(name)
        self.calls.append(name)
        return meminfo(256 * MIB, self.late if len(self.calls) > self.after else self.early)


@dataclass(frozen=True)
class Strained(Pretended):
    """Tasks wait for memory, from so many looks at it on."""

    since: int = 0

    def text(self, name: str) -> str | None:
        if name != "/proc/pressure/memory":
            return super().text(name)
        share = 30 if len(self.calls) > self.since else 0
        return f"some avg10={share}.00 avg60=0.00 avg300=0.00 total=1\n"
