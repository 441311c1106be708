"""The machine that we are in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of virtualization, outermost first in ``Guest.layers``, with what it rests on."""

    kind: str  # "kvm", "xen-pv", "lxc", "docker", "bare-metal", "unknown", …
    evidence: tuple[str, ...]  # "file: what it says"


@dataclass(frozen=True, slots=True)
class Answer:
    """A yes, a no, or (None) "cannot be known here", always with the reason."""

    value: bool | None
    because: str


@dataclass(frozen=True, slots=True)
class Capability:
    """Whether something can be measured here, why, and what would mend it (empty: nothing would)."""

    name: str
    available: bool
    because: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What this guest may use. None: no limit is visible."""

    vcpus_online: int
    vcpus_usable: tuple[int, ...]  # the vCPUs that our processes may be pinned to
    memory_total: int  # B, MemTotal
    cgroup_cpus: float | None  # CPU quota of our cgroup or the tightest parent, in CPUs
    cgroup_memory: int | None  # B, likewise

    @property
    def memory(self) -> int:
        """B that may be used: all, or what our cgroups leave of it."""
        return min(self.memory_total, self.cgroup_memory or self.memory_total)


@dataclass(frozen=True, slots=True)
class Guest:
    """The machine that a run was made on, as found when it began."""

    hostname: str
    kernel: str
    arch: str
    os: str
    cpu_model: str
    python: str
    vpsbench: str
    root: bool
    layers: tuple[Layer, ...]
    steal_clock: Answer
    limits: Limits
    capabilities: tuple[Capability, ...]
    facts: dict[str, str]  # what else was read: clocksource, balloon features, DMI, …
