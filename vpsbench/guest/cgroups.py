"""Where our own cgroup and its visible parents lie, out of /proc/self/cgroup and /proc/self/mountinfo.

Formats: cgroups(7) and proc(5). A version 1 hierarchy is known by its controllers, version 2 by the
empty name. In a container a mount may show the tree only from the container's own cgroup downwards:
its ``root`` field says from where, and nothing above it can be seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

MOUNT: Final = re.compile(
    r"(?:\S+ ){3}(?P<root>\S+) (?P<point>\S+) .* - (?P<type>cgroup2?) \S+ (?P<options>\S+)"
)
V2: Final = ""


def folders(cgroup: str, mountinfo: str) -> dict[str, tuple[str, ...]]:
    """The folders of our cgroup, innermost first, by controller; ``V2`` for version 2.

    Lines of another format are passed over, so is a hierarchy in which our place cannot be seen.
    """
    found: dict[str, tuple[str, ...]] = {}
    for controller, path in _memberships(cgroup):
        chains = [_chain(path, root, point) for root, point in _mounts(mountinfo, controller)]
        if best := max(chains, key=len, default=()):  # of two mounts the one that shows more parents
            found[controller] = best
    return found


def _memberships(cgroup: str) -> Iterator[tuple[str, str]]:
    for line in cgroup.splitlines():
        match line.split(":", 2):
            case [_, controllers, path]:
                for controller in controllers.split(","):
                    yield controller, path


def _mounts(mountinfo: str, controller: str) -> Iterator[tuple[str, str]]:
    for line in mountinfo.splitlines():
        mount = MOUNT.fullmatch(line)
        if mount and controller in ({V2} if mount["type"] == "cgroup2" else set(mount["options"].split(","))):
            yield _plain(mount["root"]), _plain(mount["point"])


def _plain(escaped: str) -> str:
    r"""The name without mountinfo's escapes, such as ``\040`` for a space."""
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), escaped)


def _chain(path: str, root: str, point: str) -> tuple[str, ...]:
    own, top = PurePosixPath(path), PurePosixPath(root)
    if not own.is_relative_to(top) or ".." in own.parts:  # "..": outside of our cgroup namespace
        return ()
    inside = own.relative_to(top)
    return tuple(str(PurePosixPath(point) / step) for step in (inside, *inside.parents))
