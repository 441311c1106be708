"""Where a run's readings come from, for its first record; and the names that a redacted copy hides."""

from __future__ import annotations

import ctypes
import os
import pwd
import sqlite3
import zlib
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from vpsbench import __version__
from vpsbench.guest.files import Files
from vpsbench.model import Guest

_LIBRARIES: Final = ("numpy", "psutil", "pydantic", "pyperf", "rich", "cryptography")
_SERIALS: Final = (  # most of them can be read by root only
    "/sys/class/dmi/id/*_serial",
    "/sys/class/dmi/id/product_uuid",
    "/sys/block/*/device/serial",
    "/sys/block/*/serial",
    "/sys/block/*/wwid",
    "/sys/block/*/device/wwid",
    "/etc/machine-id",
)
_TIME_ERROR: Final = 5  # adjtimex(2): the clock is not synchronised
_STATES: Final = (
    "synchronised",
    "leap second ahead",
    "leap second to be deleted",
    "leap second",
    "leap second over",
)


class _Timex(ctypes.Structure):
    """The beginning of struct timex (linux/timex.h), with room for the rest of it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("rest", ctypes.c_char * 512),
    )


def surroundings(guest: Guest, wall: float, files: Files | None = None) -> dict[str, Any]:
    """Versions, boot and clocks, as JSON can say them; None where something is not known.

    Args:
        guest: as inspected.
        wall: Unix time, s.
        files: by default this machine's.
    """
    files = files or Files()
    tools = {c.name: c.because for c in guest.capabilities if c.name == "fio" and c.available}
    return {
        "vpsbench": __version__,
        "python": guest.python,
        "fio": tools.get("fio"),
        "libraries": {name: _version(name) for name in _LIBRARIES}
        | {"sqlite": sqlite3.sqlite_version, "zlib": zlib.ZLIB_RUNTIME_VERSION},
        "kernel": guest.kernel,
        "boot_id": files.text("/proc/sys/kernel/random/boot_id"),
        "wall": wall,
        "clock": {
            "source": guest.facts.get("clocksource"),
            "available": guest.facts.get("clocksource.available"),
            **_wall_clock(),
        },
    }


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _wall_clock() -> dict[str, Any]:
    """What the kernel says of its own wall clock; asking changes nothing (modes 0)."""
    found = _Timex()
    state = ctypes.CDLL(None).adjtimex(ctypes.byref(found))
    if state < 0:  # not allowed in some containers
        return {"state": None, "error": None}
    said = "not synchronised" if state == _TIME_ERROR else _STATES[state]
    return {"state": said, "error": found.maxerror / 1e6}  # s; the kernel gives µs


def names(guest: Guest, files: Files | None = None) -> dict[str, str]:
    """The names of this machine and its user, and what each is; only those that can be read."""
    files = files or Files()
    serials = {
        text.strip() for pattern in _SERIALS for n in files.matching(pattern) if (text := files.text(n))
    }
    found = dict.fromkeys(serials, "serial number")
    found |= dict.fromkeys(_users(), "user name")
    short = guest.hostname.partition(".")[0]
    return found | dict.fromkeys((guest.hostname, short), "host name")


def _users() -> set[str]:
    """Who runs this, and who asked for it."""
    users = {os.environ.get("SUDO_USER", ""), os.environ.get("USER", "")}
    try:
        users.add(pwd.getpwuid(os.getuid()).pw_name)
    except KeyError:  # a user id without a name, as in containers
        users.discard("")
    return users - {""}
