"""The whole of the machine that we are in, as one value."""

from __future__ import annotations

import re
from pathlib import Path

from vpsbench import __version__
from vpsbench.guest import cpuid as cpuid_file
from vpsbench.guest.capabilities import Surroundings, capabilities
from vpsbench.guest.facts import facts
from vpsbench.guest.files import Files
from vpsbench.guest.limits import limits
from vpsbench.guest.platform import layers
from vpsbench.guest.process import Process, this_process
from vpsbench.guest.steal import steal_clock
from vpsbench.guest.storage import facts_of
from vpsbench.model import Guest

_UNKNOWN = "unknown"


def inspect(files: Files | None = None, process: Process | None = None, folder: Path | None = None) -> Guest:
    """Looks at everything once; a missing file is never an error.

    Args:
        files: by default this machine's.
        process: our own rights and tools, by default as they are; tests hand them in.
        folder: on the disk to be measured; None: none is.
    """
    files = files or Files()
    process = process or this_process()
    cpuid = cpuid_file.read(files)
    found = layers(files, cpuid)
    steal = steal_clock(files, cpuid, found)
    return Guest(
        hostname=_line(files, "/proc/sys/kernel/hostname"),
        kernel=_line(files, "/proc/sys/kernel/osrelease"),
        arch=process.arch,
        os=_named(files, "/etc/os-release", r'PRETTY_NAME="?(.*?)"?'),
        cpu_model=_named(files, "/proc/cpuinfo", r"(?:model name|Model|Hardware)\s*:\s*(.*)"),
        python=process.python,
        vpsbench=__version__,
        root=process.root,
        layers=found,
        steal_clock=steal,
        limits=limits(files, process.usable, process.physical),
        capabilities=capabilities(Surroundings(files, process, cpuid, found, steal)),
        facts=facts(files, cpuid) | (facts_of(files, folder) if folder else {}),
    )


def _line(files: Files, name: str) -> str:
    return (files.text(name) or "").strip() or _UNKNOWN


def _named(files: Files, name: str, pattern: str) -> str:
    found = re.search(f"^{pattern}$", files.text(name) or "", re.MULTILINE)
    return (found[1].strip() if found else "") or _UNKNOWN
