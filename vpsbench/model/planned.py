"""What is to be measured, and what was promised."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from vpsbench.model.units import Bandwidth, Bytes, Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnSpec:
    """One entry of a profile: which probe, how long its turn lasts, and how often the turn comes back."""

    probe: str
    duration: Duration
    start: Duration = 0.0  # of the first turn, since the run began
    every: Duration | None = None  # from start to start; None: once
    background: bool = False  # runs beside all other turns, and ends with the last of them at the latest
    only: str | None = None  # the kind of the outermost layer that it is for; elsewhere it is left out
    options: dict[str, Any] = field(default_factory=dict)  # checked against the probe's own Options


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How to measure."""

    name: str
    description: str
    duration: Duration
    turns: tuple[TurnSpec, ...]
    tick: Duration = 1.0  # the monitors' interval
    write_budget: Bytes = 8 * 1024**3  # all that the probes together may write to disk
    duty: float = 1.0  # the share of a turn's time in which a probe may load the machine


Virtualization = Literal["kvm", "xen", "vmware", "hyper-v", "openvz", "lxc", "container", "bare-metal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the seller promised. None: not promised; vpsbench holds the seller to the plan only."""

    name: str
    seller: str | None = None
    source: str | None = None  # where the promise stands: an address, an invoice, a chat
    price: str | None = None
    vcpus: int | None = None
    cpu: Literal["shared", "dedicated"] | None = None
    cpu_model: str | None = None
    cpu_share: float | None = None  # a disclosed cap: the share of each vCPU that is always there
    whole_cores: bool | None = None  # True: each vCPU is a core of its own, not a thread of a shared one
    cpu_burst: bool | None = None  # True: the seller says that full speed lasts only for a while
    memory: Bytes | None = None
    disk: Bytes | None = None
    disk_iops: float | None = None
    disk_bandwidth: Bandwidth | None = None  # B/s
    disk_burst: bool | None = None  # True: the seller says that full speed lasts only for a while
    virtualization: Virtualization | None = None
