"""Cgroups of version 1 and 2 behind one face: CPU quota, memory limit, limited reads, and what they did."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.lab.errors import Skip
from tests.lab.journal import Journal
from vpsbench.kernel_text.cgroup import THROTTLED_TIME

_NAME: Final = "vpsbench-lab"
_OLD_NAMES: Final = {"cpu": "cpu", "memory": "memory", "io": "blkio"}  # by their names in version 2


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Where this machine's cgroups are: one folder for all controllers (v2) or one a controller (v1)."""

    version: int
    folders: dict[str, Path]  # controller -> its root

    def require(self, controller: str) -> Path:
        """The root of a controller; ``Skip`` where the machine has none."""
        if controller not in self.folders:
            raise Skip(f"this machine has no cgroup controller {controller!r}")
        return self.folders[controller]


def hierarchy(mounts: str, controllers: str) -> Hierarchy:
    """Reads /proc/mounts and the controllers of the v2 root (empty where there is none).

    On a mixed machine a controller belongs to one version only; version 1 is looked for first.
    """
    old: dict[str, Path] = {}
    unified: Path | None = None
    for line in mounts.splitlines():
        _, place, kind, options, *_ = line.split()
        if kind == "cgroup":
            old |= {new: Path(place) for new, name in _OLD_NAMES.items() if name in options.split(",")}
        elif kind == "cgroup2":
            unified = Path(place)
    if old or unified is None:
        return Hierarchy(1, old)
    return Hierarchy(2, {name: unified for name in _OLD_NAMES if name in controllers.split()})


def find() -> Hierarchy:
    """This machine's cgroups."""
    mounts = Path("/proc/mounts").read_text()
    for line in mounts.splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            return hierarchy(mounts, (Path(place) / "cgroup.controllers").read_text())
    return hierarchy(mounts, "")


def cpu_settings(version: int, quota: int | None, period: int, burst: int = 0) -> list[tuple[str, str]]:
    """Files and texts for a quota in µs a period; None: no quota. In an order that the kernel accepts."""
    if version == 2:
        return [("cpu.max", f"{'max' if quota is None else quota} {period}"), *_burst("cpu.max.burst", burst)]
    quota_text = "-1" if quota is None else str(quota)
    return [
        ("cpu.cfs_period_us", str(period)),
        ("cpu.cfs_quota_us", quota_text),
        *_burst("cpu.cfs_burst_us", burst),
    ]


def _burst(file: str, burst: int) -> list[tuple[str, str]]:
    return [(file, str(burst))] if burst else []


def weight_settings(version: int, weight: float) -> list[tuple[str, str]]:
    """Files and texts for a share of contended cores, as a multiple of what a cgroup has by default."""
    if version == 2:
        return [("cpu.weight", str(min(10_000, max(1, round(100 * weight)))))]
    return [("cpu.shares", str(min(2**18, max(2, round(1024 * weight)))))]


def memory_settings(version: int, limit: int | None) -> list[tuple[str, str]]:
    """Files and texts for a memory limit in B beyond which the kernel swaps; None: no limit."""
    if version == 2:
        return [("memory.swap.max", "max"), ("memory.max", "max" if limit is None else str(limit))]
    return [("memory.limit_in_bytes", "-1" if limit is None else str(limit))]


def read_settings(version: int, device: str, rate: int) -> list[tuple[str, str]]:
    """Files and texts for at most ``rate`` reads a second from a device, such as ``7:0``."""
    if version == 2:
        return [("io.max", f"{device} riops={rate}")]
    return [("blkio.throttle.read_iops_device", f"{device} {rate}")]


def swapped(version: int, texts: dict[str, str]) -> int | None:
    """B of a cgroup's memory that lie in swap alone; version 2 counts there what is in memory as well."""
    if version == 2:
        if "memory.swap.current" not in texts:
            return None
        cached = _field(texts.get("memory.stat", ""), "swapcached") or 0
        return max(int(texts["memory.swap.current"]) - cached, 0)
    return _field(texts.get("memory.stat", ""), "swap")


def throttled(version: int, texts: dict[str, str]) -> float | None:
    """Seconds that a cgroup's run queues were throttled, summed over CPUs."""
    name = "throttled_usec" if version == 2 else "throttled_time"
    value = _field(texts.get("cpu.stat", ""), name)
    return None if value is None else value / THROTTLED_TIME[name]


def _field(text: str, name: str) -> int | None:
    pairs = (line.split() for line in text.splitlines())
    return next((int(pair[1]) for pair in pairs if pair[0] == name), None)


@dataclass(frozen=True, slots=True)
class Cgroup:
    """One cgroup of the lab, in the folders of its controllers."""

    version: int
    folders: dict[str, Path]

    def limit_cpu(self, quota: int | None, period: int, burst: int = 0) -> None:
        """See ``cpu_settings``."""
        self._write("cpu", cpu_settings(self.version, quota, period, burst))

    def weigh_cpu(self, weight: float) -> None:
        """See ``weight_settings``."""
        self._write("cpu", weight_settings(self.version, weight))

    def limit_memory(self, limit: int | None) -> None:
        """See ``memory_settings``."""
        self._write("memory", memory_settings(self.version, limit))

    def limit_reads(self, device: str, rate: int) -> None:
        """See ``read_settings``."""
        self._write("io", read_settings(self.version, device, rate))

    def texts(self) -> dict[str, str]:
        """The files from which ``swapped`` and ``throttled`` read."""
        files = (
            folder / name
            for controller, folder in self.folders.items()
            for name in ("cpu.stat", "memory.stat", "memory.swap.current")
            if name.startswith(controller)
        )
        return {file.name: file.read_text() for file in files if file.exists()}

    def entering(self, command: list[str]) -> list[str]:
        """The command, made to enter the cgroup before it begins."""
        enter = "".join(f"echo $$ > {folder}/cgroup.procs; " for folder in set(self.folders.values()))
        return ["sh", "-ec", f'{enter}exec "$@"', "sh", *command]

    def _write(self, controller: str, settings: list[tuple[str, str]]) -> None:
        for name, text in settings:
            (self.folders[controller] / name).write_text(text)


def plan_folders(found: Hierarchy, name: str) -> dict[str, Path]:
    """Where a cgroup of the lab would lie, by controller."""
    return {controller: root / f"{_NAME}-{name}" for controller, root in found.folders.items()}


def make(found: Hierarchy, folders: dict[str, Path]) -> Cgroup:
    """Makes a cgroup; ``Skip`` where this machine does not let us."""
    if not {"cpu", "memory"} & folders.keys():
        raise Skip("this machine has no cgroup controllers cpu and memory")
    try:
        if found.version == 2:
            root = next(iter(found.folders.values()))
            (root / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in found.folders))
        for folder in folders.values():
            folder.mkdir(exist_ok=True)
    except OSError as error:
        raise Skip(f"no cgroup can be made here: {error}") from error
    return Cgroup(found.version, folders)


def until_the_end(stack: ExitStack, journal: Journal, name: str) -> Cgroup:
    """A cgroup that goes, with all that runs in it, when the stack is undone; ``Skip`` as ``make``."""
    found = find()
    folders = plan_folders(found, name)
    for folder in dict.fromkeys(folders.values()):
        stack.enter_context(journal.undoing("cgroup", path=str(folder)))
    return make(found, folders)
