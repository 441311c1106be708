"""The limits of a guest's memory that its host declares: OpenVZ's beancounters, cgroups, VMware's limit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from vpsbench.analyzer.memory import allowances
from vpsbench.model import Alternative, Metric, Record
from vpsbench.monitors import beancounters, cgroup
from vpsbench.probes import vmware
from vpsbench.wording.figures import size

PAGE: Final = 4096  # B; what OpenVZ counts in
GUARANTEES: Final = {  # OpenVZ's manual, "UBC primary parameters"
    "vmguarpages": "guaranteed for allocation",
    "oomguarpages": "guaranteed against being killed",
}
BOUNDS: Final = {  # resource -> columns, of which the lower one counts
    "privvmpages": (beancounters.BARRIER, beancounters.LIMIT),
    "physpages": (beancounters.LIMIT,),  # its barrier means nothing
}
MET: Final = ("max", "high", "oom", "oom_kill")  # memory.events: a limit was met; version 1's failcnt is max


@dataclass(frozen=True, slots=True)
class DeclaredLimit:
    """One amount of memory that a host declares.

    Args:
        name: what it is called there.
        amount: the least of it in this run, B.
        claim: what it means where it is less than was sold; a template with {amount} and {sold}.
        series: the metrics that have it.
        others: what else could explain it.
        labels: of the series.
        beside: metrics that belong to it.
        further: a sentence that follows the claim.
    """

    name: str
    amount: float
    claim: str
    series: tuple[Metric, ...]
    others: tuple[Alternative, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    beside: tuple[Metric, ...] = ()
    further: str = ""


def declared(record: Record) -> list[DeclaredLimit]:
    """All that there are."""
    return [limit for part in (_guarantees, _bounds, _limit, _vmware) for limit in part(record)]


def least_limit(record: Record) -> tuple[str, float] | None:
    """The folder and limit, B, of the tightest cgroup that the container's host made."""
    limits = allowances.provider_limits(record)
    return min(limits.items(), key=lambda one: one[1], default=None)


def owner(record: Record, path: str) -> Alternative:
    """Whether a cgroup may be the owner's."""
    perhaps = allowances.owners_perhaps(record)
    why = "it is the top one"
    if perhaps:
        why = "a virtual machine is around it, in which the owner may have made it"
    return Alternative("a limit of the owner's own", None if perhaps else True, f"{path}: {why}")


def _hosts_own(what: str) -> Alternative:
    return Alternative("a limit of the owner's own", ruled_out=True, because=f"only the host can set {what}")


def _pages(record: Record, metric: Metric, resource: str) -> float | None:
    """The least of a resource's column in this run, B; None where it is not there, or unlimited."""
    values = [s.values.min() for s in record.named(metric, resource=resource) if s.values.size]
    return PAGE * float(min(values)) if values else None


def _guarantees(record: Record) -> Iterator[DeclaredLimit]:
    """OpenVZ's guarantees. Kernels with vSwap limit physpages and leave these at 0, which says nothing."""
    vswap = _pages(record, beancounters.LIMIT, "physpages") is not None
    for resource, meaning in GUARANTEES.items():
        amount = _pages(record, beancounters.BARRIER, resource)
        if amount is None or (amount == 0 and vswap):
            continue
        claim = f"Only {{amount}} of the {{sold}} sold is {meaning} ({resource}); the rest "
        claim += "is there only while others leave it free."
        no_vswap = Alternative(
            "vSwap, where only physpages counts",
            ruled_out=True,
            because=f"a host that uses it leaves guarantees at 0 or unlimited; this one wrote {size(amount)}",
        )
        others = (_hosts_own(resource), no_vswap)
        yield DeclaredLimit(resource, amount, claim, (beancounters.BARRIER,), others, {"resource": resource})


def _bounds(record: Record) -> Iterator[DeclaredLimit]:
    """OpenVZ: beyond these, allocations are refused."""
    for resource, columns in BOUNDS.items():
        amounts = [b for name in columns if (b := _pages(record, name, resource)) is not None]
        if amounts:
            claim = f"This container may use {{amount}} of the {{sold}} sold ({resource}); more is refused."
            others = (_hosts_own(resource),)
            yield DeclaredLimit(resource, min(amounts), claim, columns, others, {"resource": resource})


def _limit(record: Record) -> Iterator[DeclaredLimit]:
    """The tightest of the cgroups that the host made."""
    if (found := least_limit(record)) is None:
        return
    path, amount = found
    met = _met(record, path)
    claim = "The container's own cgroup limits it to {amount} of the {sold} sold."
    further = (
        f"The limit was met {met:.0f} times in this run: more was refused or slowed down." if met else ""
    )
    series, beside = (cgroup.MEMORY_LIMIT,), (cgroup.MEMORY_CURRENT, cgroup.MEMORY_FAILURES)
    yield DeclaredLimit(path, amount, claim, series, (owner(record, path),), {"path": path}, beside, further)


def _met(record: Record, path: str) -> float:
    """How often a limit was met in a cgroup, or (version 2) in one below it, in this run."""
    counts = [
        float(s.values[-1] - s.values[0])
        for s in record.named(cgroup.MEMORY_FAILURES, path=path)
        if s.values.size and s.labels["event"] in MET
    ]
    return max(counts, default=0.0)


def _vmware(record: Record) -> Iterator[DeclaredLimit]:
    """VMware's limit: what a machine has beyond it lies in a balloon, or in the host's swap."""
    limits = [float(s.values.min()) for s in record.named(vmware.LIMIT) if s.values.size]
    if limits:
        claim = "VMware's host gives this machine at most {amount} of the {sold} sold."
        name = "VMware's limit"
        yield DeclaredLimit(name, min(limits), claim, (vmware.LIMIT,), (_hosts_own(name),))
