"""Which containers we are in, inside whatever machine carries them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from vpsbench.guest.files import Files
from vpsbench.model import Layer

# In the order in which they are usually nested, outermost first.
KINDS: Final = ("openvz", "lxc", "systemd-nspawn", "podman", "docker", "container")
_CGROUPS: Final = (
    (re.compile(r"/lxc(\.payload)?[./]"), "lxc"),
    (re.compile(r"/libpod-"), "podman"),
    (re.compile(r"/docker[-/]"), "docker"),  # not docker.service, which is the daemon of a machine
    (re.compile(r"/kubepods"), "container"),
)
_LXCFS: Final = re.compile(r"^\S+ \S+ \S+ \S+ (?P<where>/proc/\S+) .* - fuse\.lxcfs ", re.MULTILINE)


class Clue(NamedTuple):
    """One hint at a platform."""

    kind: str
    evidence: str  # "file: what it says"


def container_layers(files: Files) -> tuple[Layer, ...]:
    """The containers around us, outermost first; empty where nothing hints at one."""
    clues = tuple(_clues(files)) or tuple(_weak_clues(files))
    named = {clue.kind for clue in clues}
    if len(named) > 1:  # a name says more than "some container"
        named.discard("container")
    return tuple(
        Layer(kind, tuple(c.evidence for c in clues if c.kind == kind)) for kind in KINDS if kind in named
    )


def lxcfs_mount(files: Files) -> str | None:
    """A file in /proc that lxcfs rewrites for us; None where /proc is the kernel's own."""
    # A machine that only offers lxcfs to its containers mounts it elsewhere.
    found = _LXCFS.search(files.text("/proc/self/mountinfo") or "")
    return found["where"] if found else None


def _clues(files: Files) -> Iterator[Clue]:
    if files.exists("/proc/vz") and not files.exists("/proc/bc"):
        yield Clue("openvz", "/proc/vz: there, and /proc/bc is not")
    for name in ("/run/host/container-manager", "/run/systemd/container"):
        if manager := (files.text(name) or "").strip():
            yield Clue(_manager(manager), f"{name}: {manager}")
    for variable in (files.text("/proc/1/environ") or "").split("\0"):
        if variable.startswith("container=") and (manager := variable.removeprefix("container=")):
            yield Clue(_manager(manager), f"/proc/1/environ: {variable}")
    if not _sees_kernel_threads(files):
        yield from _markers(files)
    yield from _cgroup_clues(files.text("/proc/self/cgroup") or "")


def leftovers(files: Files) -> tuple[str, ...]:
    """Marks of a container that an image has brought into a machine which is none, with the reason."""
    if not _sees_kernel_threads(files):
        return ()
    return tuple(
        f"{c.evidence}, but kernel threads are visible, so an image brought it along" for c in _markers(files)
    )


def _sees_kernel_threads(files: Files) -> bool:
    """Process 2 of the first PID namespace; a container on OpenVZ has a ``kthreadd/ID`` of its own."""
    return (files.text("/proc/2/comm") or "").strip() == "kthreadd"


def _markers(files: Files) -> Iterator[Clue]:
    for name, kind in (("/.dockerenv", "docker"), ("/run/.containerenv", "podman")):
        if files.exists(name):
            yield Clue(kind, f"{name}: there")


def _cgroup_clues(text: str) -> Iterator[Clue]:
    for pattern, kind in _CGROUPS:
        line = next((line for line in text.splitlines() if pattern.search(line)), None)
        if line is not None:
            yield Clue(kind, f"/proc/self/cgroup: {line}")


def _weak_clues(files: Files) -> Iterator[Clue]:
    """The file system lxcfs is LXC's companion, but others mount it too."""
    if mount := lxcfs_mount(files):
        yield Clue("lxc", f"/proc/self/mountinfo: fuse.lxcfs on {mount}")


def _manager(name: str) -> str:
    kind = "lxc" if name.startswith("lxc") else name
    return kind if kind in KINDS else "container"
