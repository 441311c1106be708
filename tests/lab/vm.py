"""A QEMU guest as it runs: its console, its control socket, its vCPU threads."""

from __future__ import annotations

import re
import subprocess
import threading
from pathlib import Path
from typing import IO, Final

from tests.lab import job
from tests.lab.cgroups import Cgroup
from tests.lab.clock import now, tsc_khz
from tests.lab.image import Image
from tests.lab.journal import Journal, started
from tests.lab.machine import Machine, qemu
from tests.lab.qmp import Qmp

_MARK: Final = re.compile(rb"LAB (\w[\w-]*) (\d+\.\d+)")


class Console:
    """Reads a guest's console to its end, keeps it, and notes when each of the lab's marks came."""

    def __init__(self, pipe: IO[bytes], log: Path) -> None:
        self.marks: dict[str, tuple[float, float]] = {}  # name -> our clock, the guest's uptime
        self._pipe, self._log = pipe, log
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with self._log.open("wb", buffering=0) as log:
            for line in self._pipe:
                log.write(line)
                if found := _MARK.search(line):
                    self.marks.setdefault(found[1].decode(), (now(), float(found[2])))

    def close(self) -> None:
        """Waits for the end of what came."""
        self._thread.join(timeout=5)
        self._pipe.close()


class VirtualGuest:
    """A guest of QEMU.

    Args:
        machine: what it is.
        image: what it boots from.
        folder: its own; holds the job's disks, its socket and its console's log.
        cgroup: what it runs in; None where the machine has none.
        journal: notes its process.
    """

    def __init__(
        self, machine: Machine, image: Image, folder: Path, cgroup: Cgroup | None, journal: Journal
    ) -> None:
        command = ["setpriv", "--pdeathsig", "KILL", *qemu(machine, image, folder, tsc_khz())]
        self.folder, self._journal = folder, journal
        with (folder / "qemu.txt").open("wb") as errors:
            self._process = subprocess.Popen(
                cgroup.entering(command) if cgroup else command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR": str(folder)},
            )
        self.pid = self._process.pid
        self._entry = journal.note("process", pid=self.pid, started=started(self.pid))
        assert self._process.stdout
        self.console = Console(self._process.stdout, folder / "console.txt")
        self.qmp = Qmp(folder / "qmp")
        self.vcpus = {one["cpu-index"]: one["thread-id"] for one in self.qmp.ask("query-cpus-fast")}

    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def end(self) -> None:
        """Ends it, if it runs; its disks stay."""
        self.qmp.close()
        self._journal.undo(self._entry)
        self._process.wait()
        self.console.close()

    def results(self, out: Path) -> None:
        """Unpacks what it left."""
        job.results(self.folder, out)
