"""The faults that a scenario can inject, each with its parameters, beginning and end."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, PrivateAttr

from tests.lab.cgroups import Cgroup
from tests.lab.errors import Skip
from tests.lab.journal import Journal
from tests.lab.machine import Strict
from tests.lab.neighbour import Neighbour
from tests.lab.qmp import Qmp
from tests.lab.quantities import Bytes, Seconds
from tests.lab.truth import Truth

_KSM: Final = Path("/sys/kernel/mm/ksm")


@dataclass(frozen=True, slots=True)
class Host:
    """What a fault can pull: of one guest, and of this machine."""

    folder: Path
    journal: Journal
    stack: ExitStack  # undone when the scenario ends
    cgroup: Cgroup | None
    qmp: Qmp | None
    truth: Truth

    def limits(self, controller: str) -> Cgroup:
        """The guest's cgroup; ``Skip`` where it cannot limit that."""
        if self.cgroup is None or controller not in self.cgroup.folders:
            raise Skip(f"this machine has no cgroup controller {controller!r} for the lab")
        return self.cgroup

    def ask(self, command: str, **arguments: Any) -> Any:  # noqa: ANN401  QEMU's JSON
        """QEMU's answer; ``Skip`` where the guest is none of QEMU's."""
        if self.qmp is None:
            raise Skip("only a virtual guest has this fault")
        return self.qmp.ask(command, **arguments)


class Fault(Strict):
    """What all faults have in common. Times count from the start of vpsbench in the guest."""

    start: Seconds = 0.0
    end: Seconds | None = None  # default: with the guest

    def prepare(self, host: Host) -> None:
        """Before the guest starts."""

    def begin(self, host: Host) -> None:
        """At ``start``."""

    def finish(self, host: Host) -> None:
        """At ``end``; nothing where the guest ends first."""

    def inside(self) -> str | None:
        """A line that the guest's kernel or agent would run for its host; most faults have none."""
        return None


class Quota(Fault):
    """CPU taken by a quota on QEMU; with ``burst``, saved up to that much CPU time."""

    kind: Literal["quota"]
    cpus: Annotated[float, Field(gt=0, le=8)]
    period: Seconds = 0.1
    burst: Seconds = 0.0

    def prepare(self, host: Host) -> None:
        host.limits("cpu")

    def begin(self, host: Host) -> None:
        period, burst = round(self.period * 1e6), round(self.burst * 1e6)
        host.limits("cpu").limit_cpu(round(self.cpus * period), period, burst)

    def finish(self, host: Host) -> None:
        host.limits("cpu").limit_cpu(None, round(self.period * 1e6))


class HostSwap(Fault):
    """The host gives QEMU less memory than the guest has, and swaps."""

    kind: Literal["host_swap"]
    limit: Bytes
    swap: Bytes = 2 * 1024**3

    def prepare(self, host: Host) -> None:
        host.limits("memory")
        # Not in the scenario's folder: that may go while swap is still being emptied.
        path = host.folder.with_suffix(".swap")
        host.stack.enter_context(host.journal.undoing("swap", path=str(path)))
        subprocess.run(["fallocate", "-l", str(self.swap), path], check=True)
        path.chmod(0o600)
        for command in ("mkswap", "swapon"):
            done = subprocess.run([command, path], capture_output=True, text=True, check=False)
            if done.returncode:
                raise Skip(f"this machine cannot swap to a file: {done.stderr.strip()}")

    def begin(self, host: Host) -> None:
        host.limits("memory").limit_memory(self.limit)

    def finish(self, host: Host) -> None:
        host.limits("memory").limit_memory(None)


class Balloon(Fault):
    """The host asks for memory back through the virtio balloon."""

    kind: Literal["balloon"]
    target: Bytes

    def begin(self, host: Host) -> None:
        host.ask("balloon", value=self.target)

    def finish(self, host: Host) -> None:
        host.ask("balloon", value=2**40)  # more than there is: all of it


class XenBalloon(Fault):
    """Xen's balloon: dom0 has no other target than the one written here, by the guest's own kernel."""

    kind: Literal["xen_balloon"]
    target: Bytes

    def inside(self) -> str | None:
        file = "/sys/devices/system/xen_memory/xen_memory0/target_kb"
        back = "" if self.end is None else f"; sleep {self.end - self.start:g}; echo $before > {file}"
        return f"sleep {self.start:g}; before=$(cat {file}); echo {self.target // 1024} > {file}{back}"


class Merge(Fault):
    """The host merges equal pages."""

    kind: Literal["merge"]
    pages: Annotated[int, Field(ge=1)] = 5000  # that ksmd scans each 20 ms

    def prepare(self, host: Host) -> None:
        if not _KSM.is_dir():
            raise Skip("this machine's kernel has no KSM")
        for name in ("run", "pages_to_scan", "sleep_millisecs"):
            value = (_KSM / name).read_text().strip()
            host.stack.enter_context(host.journal.undoing("setting", path=str(_KSM / name), value=value))

    def begin(self, host: Host) -> None:
        del host
        for name, value in (("pages_to_scan", str(self.pages)), ("sleep_millisecs", "20"), ("run", "1")):
            (_KSM / name).write_text(value)

    def finish(self, host: Host) -> None:
        del host
        (_KSM / "run").write_text("2")  # takes all apart again


class DiskThrottle(Fault):
    """The disk under test gives ``iops`` a second; before that ``burst_iops`` for ``burst_length``."""

    kind: Literal["disk_throttle"]
    iops: Annotated[int, Field(gt=0)]
    burst_iops: Annotated[int, Field(ge=0)] = 0
    burst_length: Annotated[Seconds, Field(ge=1)] = 1.0

    def begin(self, host: Host) -> None:
        burst = {"iops-total-max": self.burst_iops, "iops-total-max-length": round(self.burst_length)}
        _throttle(host, {"iops-total": self.iops, **(burst if self.burst_iops else {})})

    def finish(self, host: Host) -> None:
        _throttle(host, {"iops-total": 0})


def _throttle(host: Host, limits: dict[str, int]) -> None:
    host.ask("qom_set", path="/objects/disk", property="limits", value=limits)


class NoisyNeighbour(Fault):
    """Somebody else reads through the disk's throttle group, as a second guest on one shared disk does."""

    kind: Literal["neighbour"]
    readers: Annotated[int, Field(ge=1, le=64)] = 8  # its reads under way at any time
    pace: Annotated[float, Field(gt=0)] | None = None  # reads a second at most
    _reading: Neighbour | None = PrivateAttr(default=None)

    def begin(self, host: Host) -> None:
        path = host.folder / "nbd"
        host.ask("nbd_server_start", addr={"type": "unix", "data": {"path": str(path)}})
        host.ask("nbd_server_add", device="neighbour")
        self._reading = Neighbour(path, "neighbour", self.readers, self.pace, host.truth)
        host.stack.callback(self.finish, host)

    def finish(self, host: Host) -> None:
        del host
        if self._reading:
            self._reading.stop()


class Pause(Fault):
    """The guest is stopped, and goes on."""

    kind: Literal["pause"]

    def begin(self, host: Host) -> None:
        host.ask("stop")

    def finish(self, host: Host) -> None:
        host.ask("cont")


AnyFault = Annotated[
    Quota | HostSwap | Balloon | XenBalloon | Merge | DiskThrottle | NoisyNeighbour | Pause,
    Field(discriminator="kind"),
]
