"""What a VMware host says of a guest's memory, if it says anything: vmware-toolbox-cmd.

It loads nothing, and so runs in the background: it asks a command now and then, which monitors, as they only
read files, cannot.

Format: ``name = number`` a line (vSphere Guest SDK, "CPU and Memory Resources"); in KiB, -1: no limit.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import Final

from vpsbench.model import Duration, Guest, Kind, Metric
from vpsbench.probes import Emit, Probe, Request, Unavailable
from vpsbench.probes.conduct.clock import now
from vpsbench.probes.conduct.duty_cycle import DutyCycle

BALLOONED: Final = Metric(
    "vmware.guest.ballooned", "B", Kind.GAUGE, "neither",
    "memory that the balloon has given to the host",
)  # fmt: skip
SWAPPED: Final = Metric(
    "vmware.guest.swapped", "B", Kind.GAUGE, "neither",
    "memory of the guest that the host has swapped out",
)  # fmt: skip
LIMIT: Final = Metric(
    "vmware.guest.limit", "B", Kind.GAUGE, "neither",
    "memory that the host gives at most; what the guest has beyond it is taken",
)  # fmt: skip
RESERVED: Final = Metric(
    "vmware.guest.reserved", "B", Kind.GAUGE, "neither",
    "memory that the host guarantees",
)  # fmt: skip

COMMAND: Final = ("vmware-toolbox-cmd", "stat", "raw", "text", "resources")
PATIENCE: Final = 10.0  # s that it may take
LINE: Final = re.compile(r"^(\S+) = (-?\d+)$", re.MULTILINE)
KNOWN: Final = {
    "guest.mem.ballooned": BALLOONED,
    "guest.mem.swapped": SWAPPED,
    "guest.mem.limit": LIMIT,
    "guest.mem.reserved": RESERVED,
}


@dataclass(frozen=True)
class Options:
    """Settings of the VMware probe."""

    every: Duration = 5.0

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError("every must be at least 1 s")


def parse(text: str) -> dict[Metric, int]:
    """The amounts that are known, in B, by their metric; what is unlimited is left out."""
    found = {name: int(value) for name, value in LINE.findall(text)}
    return {metric: found[line] * 1024 for line, metric in KNOWN.items() if found.get(line, -1) >= 0}


def run(request: Request, emit: Emit) -> None:
    """Asks until the time is up.

    Raises:
        Unavailable: the host does not tell.
    """
    duty = DutyCycle(request.duty, request.seconds)
    emit.raw("resources", text := _ask())
    if not parse(text):
        raise Unavailable("the host tells nothing of this guest's memory")
    while True:
        for metric, amount in parse(text).items():
            emit.sample(metric, amount)
        if duty.until - now() <= request.options.every:
            break
        duty.rest(planned=request.options.every)
        text = _ask()


def _ask() -> str:
    try:
        done = subprocess.run(COMMAND, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{COMMAND[0]}: {error}") from error
    if done.returncode:
        raise Unavailable(f"{COMMAND[0]}: {(done.stdout + done.stderr).strip()[:200]}")
    return done.stdout


def missing(guest: Guest) -> str | None:
    """Why the host cannot be asked."""
    if all(layer.kind != "vmware" for layer in guest.layers):
        return "only VMware's hosts tell, and this is no guest of theirs"
    if shutil.which(COMMAND[0]) is None:
        return f"{COMMAND[0]} is not installed (package open-vm-tools)"
    return None


PROBE: Final = Probe(
    name="vmware",
    metrics=tuple(KNOWN.values()),
    options=Options,
    missing=missing,
    run=run,
)
