"""The faults that a scenario can inject, each with its parameters, beginning and end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import Field, PrivateAttr, model_validator

from tests.lab import cgroups
from tests.lab.cgroups import Cgroup
from tests.lab.credit import Bucket, Controller
from tests.lab.errors import LabError, Skip
from tests.lab.hogs import Hogs
from tests.lab.host import Fault, Host
from tests.lab.neighbour import Neighbour
from tests.lab.quantities import Bytes, Seconds
from tests.lab.swap import Device, switch_on
from tests.lab.truth import held_frames, ram, times

_KSM: Final = Path("/sys/kernel/mm/ksm")


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


class Contention(Fault):
    """Busy neighbours on the guest's own cores: no quota, but others who want to run as well."""

    kind: Literal["contention"]
    hogs: Annotated[int, Field(ge=1, le=16)] = 1  # on each of the guest's cores
    weight: Annotated[float, Field(gt=0)] = 1.0  # of each, where a vCPU with a core for itself has 1
    on: Annotated[Seconds, Field(gt=0)] | None = None  # mean length of a busy stretch; default: all the time
    off: Annotated[Seconds, Field(gt=0)] | None = None  # mean length of a quiet one
    _cgroup: Cgroup | None = PrivateAttr(default=None)
    _running: Hogs | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _agree(self) -> Contention:
        if (self.on is None) != (self.off is None):
            raise ValueError("on and off: both, or none")
        return self

    def prepare(self, host: Host) -> None:
        host.limits("cpu")
        name = f"{host.folder.name}-hogs-{self.start:g}"
        self._cgroup = cgroups.until_the_end(host.stack, host.journal, name)

    def begin(self, host: Host) -> None:
        assert self._cgroup
        self._cgroup.weigh_cpu(self.weight * self.hogs)
        pace = (self.on, self.off) if self.on and self.off else None
        self._running = Hogs(host.threads(), self.hogs, pace, self._cgroup, host.journal)
        host.stack.callback(self.finish, host)

    def finish(self, host: Host) -> None:
        del host
        if self._running:
            self._running.stop()


class Credits(Fault):
    """A provider's CPU credit: full speed until the bucket is empty, then ``low``; a rest fills it again."""

    kind: Literal["credits"]
    bucket: Annotated[Seconds, Field(gt=0)]  # vCPU-seconds that it holds
    low: Annotated[float, Field(ge=0.01, le=8)]  # vCPU-seconds a second, of all vCPUs together
    initial: Annotated[Seconds, Field(ge=0)] | None = None  # vCPU-seconds at ``start``; default: full
    _running: Controller | None = PrivateAttr(default=None)

    def prepare(self, host: Host) -> None:
        host.limits("cpu")

    def begin(self, host: Host) -> None:
        limits, threads, period = host.limits("cpu"), host.threads(), 100_000

        def used() -> float | None:
            ran = [times(thread)[0] for thread in threads]
            return None if None in ran else sum(one for one in ran if one is not None)

        def limit(rate: float | None) -> None:
            limits.limit_cpu(None if rate is None else round(rate * period), period)

        full = self.bucket if self.initial is None else min(self.initial, self.bucket)
        self._running = Controller(Bucket(self.bucket, self.low, full), used, limit, host.truth)
        host.stack.callback(self.finish, host)

    def finish(self, host: Host) -> None:
        del host
        if self._running:
            self._running.stop()


class HostSwap(Fault):
    """The host gives QEMU less memory than the guest has, and swaps."""

    kind: Literal["host_swap"]
    limit: Bytes
    swap: Bytes = 2 * 1024**3
    device: Device | Literal["same"] = "file"  # same: an earlier one's, of which only the limit changes
    reads: Annotated[int, Field(ge=10)] = 200  # a second at most, from a slow device

    def prepare(self, host: Host) -> None:
        host.limits("memory")
        if self.device == "same":
            return
        # Not in the scenario's folder: that may go while swap is still being emptied.
        path = host.folder.with_suffix(".swap")
        switch_on(host, self.device, path, self.swap, self.reads)

    def begin(self, host: Host) -> None:
        host.limits("memory").limit_memory(self.limit)

    def finish(self, host: Host) -> None:
        host.limits("memory").limit_memory(None)


class Corrupt(Fault):
    """The host's memory loses bits: in some of the pages that the guest's largest process holds."""

    kind: Literal["corrupt"]
    pages: Annotated[int, Field(ge=1, le=1000)] = 3
    bits: Annotated[int, Field(ge=1, le=64)] = 1  # flipped in one word of each page

    def begin(self, host: Host) -> None:
        frames = held_frames(host.folder / "results.tar")
        file = ram(host.threads()[0])
        if frames is None or file is None:
            raise LabError("nobody had told yet which pages are held: begin later")
        with file.open("r+b", buffering=0) as memory:
            for frame in np.random.default_rng(1).choice(frames, self.pages, replace=False).tolist():
                place = 4096 * frame + 2048
                memory.seek(place)
                word = int.from_bytes(memory.read(8), "little") ^ ((1 << self.bits) - 1)
                memory.seek(place)
                memory.write(word.to_bytes(8, "little"))


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
        for file in self._settings():
            value = file.read_text().strip()
            host.stack.enter_context(host.journal.undoing("setting", path=str(file), value=value))

    def begin(self, host: Host) -> None:
        del host
        for file, value in self._settings().items():
            file.write_text(value)

    def _settings(self) -> dict[Path, str]:
        """With smart_scan (Linux 6.7) a full scan passes over pages whose places did not merge before."""
        values = {"pages_to_scan": str(self.pages), "sleep_millisecs": "20", "smart_scan": "0", "run": "1"}
        return {_KSM / name: value for name, value in values.items() if (_KSM / name).exists()}

    def finish(self, host: Host) -> None:
        del host
        (_KSM / "run").write_text("2")  # takes all apart again


class DiskThrottle(Fault):
    """The disk under test gives ``iops`` or ``bps`` a second; before that a burst for ``burst_length``."""

    kind: Literal["disk_throttle"]
    iops: Annotated[int, Field(gt=0)] | None = None
    burst_iops: Annotated[int, Field(ge=0)] = 0
    bps: Annotated[Bytes, Field(gt=0)] | None = None
    burst_bps: Annotated[Bytes, Field(ge=0)] = 0
    burst_length: Annotated[Seconds, Field(ge=1)] = 1.0

    @model_validator(mode="after")
    def _agree(self) -> DiskThrottle:
        if (
            not (self.iops or self.bps)
            or (self.burst_iops and not self.iops)
            or (self.burst_bps and not self.bps)
        ):
            raise ValueError("iops, bps: at least one, and a burst only of what is limited")
        return self

    def begin(self, host: Host) -> None:
        limits = {}
        for name, low, high in (("iops", self.iops, self.burst_iops), ("bps", self.bps, self.burst_bps)):
            if low:
                limits[f"{name}-total"] = low
            if high:
                limits |= {f"{name}-total-max": high, f"{name}-total-max-length": round(self.burst_length)}
        _throttle(host, limits)

    def finish(self, host: Host) -> None:
        _throttle(host, {f"{name}-total": 0 for name in ("iops", "bps")})


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
        host.stack.callback(self._leave)

    def finish(self, host: Host) -> None:
        self._leave()
        host.ask("nbd_server_stop")  # another neighbour may come later

    def _leave(self) -> None:
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
    Quota
    | Contention
    | Credits
    | HostSwap
    | Corrupt
    | Balloon
    | XenBalloon
    | Merge
    | DiskThrottle
    | NoisyNeighbour
    | Pause,
    Field(discriminator="kind"),
]
