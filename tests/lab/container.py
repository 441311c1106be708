"""A container on this very machine, by namespaces and cgroups, of the LXC or the OpenVZ kind."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.lab import places
from tests.lab.cgroups import Cgroup
from tests.lab.errors import Skip
from tests.lab.image import Image
from tests.lab.journal import Journal, started
from tests.lab.machine import Machine
from tests.lab.vm import Console

_PAGE: Final = 4096
_NAMESPACES: Final = ("--mount", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child")
_NO_LIMIT: Final = 2**63 - 1


def beancounters(memory: int, guarantee: int) -> str:
    """``/proc/user_beancounters`` in its public format, version 2.5, of a container sold with ``memory`` B.

    ``guarantee`` B are the barrier of vmguarpages and oomguarpages; the container may use up to ``memory``.
    """
    pages, sure, used = memory // _PAGE, guarantee // _PAGE, guarantee // _PAGE // 2
    rows = [
        ("kmemsize", 9_000_000, 11_000_000, memory // 8, memory // 7, 0),
        ("lockedpages", 0, 8, pages // 8, pages // 8, 0),
        ("privvmpages", used, used + 900, pages, pages + 4096, 0),
        ("shmpages", 640, 656, 21504, 21504, 0),
        ("numproc", 20, 40, 240, 240, 0),
        ("physpages", used, used + 300, 0, _NO_LIMIT, 0),
        ("vmguarpages", 0, 0, sure, _NO_LIMIT, 0),
        ("oomguarpages", used, used + 300, sure, _NO_LIMIT, 0),
        ("numfile", 400, 600, 9312, 9312, 0),
    ]
    head = (
        f"       uid  {'resource':<12}{'held':>20}{'maxheld':>21}{'barrier':>21}{'limit':>21}{'failcnt':>21}"
    )
    first = "      101: "
    lines = [
        f"{first if n == 0 else ' ' * 11} {name:<12}" + "".join(f"{value:>21}" for value in values)[1:]
        for n, (name, *values) in enumerate(rows)
    ]
    return "\n".join(["Version: 2.5", head, *lines, ""])


class Container:
    """A container as it runs; the same face as ``VirtualGuest``."""

    qmp = None

    def __init__(
        self, machine: Machine, image: Image, folder: Path, cgroup: Cgroup | None, journal: Journal
    ) -> None:
        if cgroup is None:
            raise Skip("this machine has no cgroup controllers to build a container with")
        if machine.memory_limit:
            cgroup.limit_memory(machine.memory_limit)
        memory = machine.memory
        (folder / "user_beancounters").write_text(beancounters(memory, machine.guarantee or memory))
        inner = ["sh", str(places.LAB / "guest" / "container-init.sh")]
        inner += [str(image["rootfs"]), str(folder), machine.platform, str(cgroup.version)]
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", *_NAMESPACES, *inner]
        self.folder, self._journal, self.vcpus = folder, journal, dict[int, int]()
        with (folder / "qemu.txt").open("wb") as errors:
            self._process = subprocess.Popen(
                cgroup.entering(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            )
        self.pid = self._process.pid
        self._entry = journal.note("process", pid=self.pid, started=started(self.pid))
        assert self._process.stdout
        self.console = Console(self._process.stdout, folder / "console.txt")

    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def end(self) -> None:
        """Ends it, if it runs."""
        self._journal.undo(self._entry)
        self._process.wait()
        self.console.close()

    def results(self, out: Path) -> None:
        """Copies what it left."""
        shutil.copytree(self.folder / "job" / "out", out, dirs_exist_ok=True)
