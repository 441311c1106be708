"""What a container is guaranteed, and allowed, of the memory that was sold.

A container's host declares both where the container can read it: OpenVZ in its beancounters, others as limits
of cgroups. Of virtual machines, only VMware's are told of a limit. Limits that the owner set further down
(systemd's slices, Docker, Podman) are reported, and nobody is accused of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from vpsbench.analyzer.memory import allowances, declared_limits
from vpsbench.analyzer.memory.declared_limits import DeclaredLimit
from vpsbench.analyzer.signs import Sign
from vpsbench.model import Alternative, Finding, Guest, Level, Metric, Record
from vpsbench.monitors import beancounters, cgroup
from vpsbench.monitors import memory as meminfo
from vpsbench.wording.figures import size

USED: Final = 0.95  # refused below that part of the limit: it was not the container that was greedy
REFUSED: Final = ("privvmpages", "physpages", "vmguarpages", "oomguarpages", "kmemsize")
EXACT: Final = 0.02  # a limit is a number that somebody wrote: more than that below what was sold is less
TOLD: Final = 0.05  # lxcfs tells of more than that beyond the limit


def look(record: Record) -> list[Finding]:
    """A finding for each declared limit below what was sold, or one that says which limits there are."""
    limits = declared_limits.declared(record)
    found = [_broken(record, one) for one in limits if _below(record, one.amount)]
    return [*found, *_told(record), *_refused(record)] or [_nothing(record, limits)]


def _sold(record: Record) -> int | None:
    return record.run.plan.memory if record.run.plan else None


def _below(record: Record, amount: float) -> bool:
    """Whether an exact amount is less than what the plan promises, however it counts GB."""
    sold = _sold(record)
    return sold is not None and amount < (1 - EXACT) * allowances.least(sold)


def _broken(record: Record, limit: DeclaredLimit) -> Finding:
    """A declared limit that is less than was sold."""
    claim = limit.claim.format(amount=size(limit.amount), sold=size(_sold(record) or 0))
    others = (*limit.others, _stood(record, *limit.series, **limit.labels))
    found = _finding(record, claim, limit.amount, (*limit.series, *limit.beside), others)
    return replace(found, ground="less_than_sold", further=limit.further)


def _stood(record: Record, *metrics: Metric, **labels: str) -> Alternative:
    """Whether it was so all the time: where a plan is being changed, limits change."""
    told = [s.values for metric in metrics for s in record.named(metric, **labels) if s.values.size]
    still = all(values.min() == values.max() for values in told)
    return Alternative(
        "a plan that was being changed",
        ruled_out=True if still else None,
        because="it did not change during the run" if still else "it changed during the run",
    )


def _decimal(record: Record, amount: float) -> Alternative:
    least = allowances.least(_sold(record) or 0)
    return Alternative(
        "the seller counts 1000 MB to the GB",
        ruled_out=True,
        because=f"that would still be {size(least)}, {size(least - amount)} more",
    )


def _on_vmware(guest: Guest) -> bool:
    return any(layer.kind == "vmware" for layer in guest.layers)


def _told(record: Record) -> Iterator[Finding]:
    """What lxcfs writes into /proc/meminfo is no limit; the cgroup is what holds."""
    limit = declared_limits.least_limit(record)
    totals = [float(s.values.max()) for s in record.named(meminfo.TOTAL) if s.values.size]
    if limit is None or not totals or "lxcfs" not in record.run.guest.facts:
        return
    path, least = limit
    if max(totals) > (1 + TOLD) * least and not _below(record, least):
        claim = (
            f"This container is told that it has {size(max(totals))} ({record.run.guest.facts['lxcfs']}, "
            f"rewritten by lxcfs), but its own cgroup limits it to {size(least)}."
        )
        others = (declared_limits.owner(record, path), _stood(record, cgroup.MEMORY_LIMIT, path=path))
        found = _finding(record, claim, least, (meminfo.TOTAL, cgroup.MEMORY_LIMIT), others)
        yield replace(found, level=Level.NOTICE, ground="told_more")


def _refused(record: Record) -> Iterator[Finding]:
    """OpenVZ: memory refused though the container used less than it may."""
    for series in record.named(beancounters.FAILCNT):
        resource = series.labels.get("resource", "")
        times = float(series.values[-1] - series.values[0]) if series.values.size else 0.0
        if resource not in REFUSED or times <= 0 or not _below_limit(record, resource):
            continue
        yield Finding(
            sign=SIGN.name,
            level=Level.NOTICE,
            claim=f"The host refused {resource} {times:.0f} times, although less than allowed was in use.",
            ground="refused",
            measured=times,
            unit="1",
            since=float(series.times[0]),
            until=float(series.times[-1]),
            series=(beancounters.FAILCNT, beancounters.MAX_HELD, beancounters.LIMIT),
            alternatives=(
                Alternative(
                    "one request larger than all that was left",
                    ruled_out=None,
                    because="its size is not known",
                ),
                Alternative(
                    "more was in use between two readings",
                    ruled_out=True,
                    because="maxheld keeps the most that ever was, and it stayed below the limit",
                ),
            ),
        )


def _below_limit(record: Record, resource: str) -> bool:
    """Whether use never came near the barrier or limit; unlimited resources have neither."""
    held = [s.values.max() for s in record.named(beancounters.MAX_HELD, resource=resource) if s.values.size]
    bounds = [
        s.values.min()
        for name in (beancounters.BARRIER, beancounters.LIMIT)
        for s in record.named(name, resource=resource)
        if s.values.size and (name, resource) != (beancounters.BARRIER, "physpages")
    ]
    return bool(held) and max(held) < USED * min(bounds, default=float("inf"))


def _finding(
    record: Record,
    claim: str,
    amount: float,
    series: tuple[Metric, ...],
    alternatives: tuple[Alternative, ...],
) -> Finding:
    """Grave only where nothing else can explain it."""
    sold = _sold(record)
    if _below(record, amount):
        alternatives += (_decimal(record, amount),)
    return Finding(
        sign=SIGN.name,
        level=Level.STRONG if all(other.ruled_out for other in alternatives) else Level.NOTICE,
        claim=claim,
        promised=f"{size(sold)} of memory" if sold else "the memory that the container is shown",
        measured=amount,
        unit="B",
        series=series,
        alternatives=alternatives,
    )


def _nothing(record: Record, limits: list[DeclaredLimit]) -> Finding:
    """Which limits there are, and whether they are enough to say that all is well."""
    level, ground, claim = _answer(record, limits)
    return Finding(
        sign=SIGN.name,
        level=level,
        claim=claim,
        further=_own(record),
        ground=ground,
        series=(beancounters.BARRIER, cgroup.MEMORY_LIMIT),
    )


def _answer(record: Record, limits: list[DeclaredLimit]) -> tuple[Level, str, str]:
    """The level, which answer it is, and its sentence."""
    unknown = Level.NOT_MEASURABLE
    if not limits and not allowances.in_sold_container(record):
        claim = "This is no container of a kind that is sold, and nothing here says how much is guaranteed."
        return unknown, "no_container", claim
    if not limits:
        return unknown, "none_visible", f"No guarantee and no limit of the host's is visible{_why(record)}."
    declared = ", ".join(f"{one.name} at {size(one.amount)}" for one in limits)
    if _sold(record) is None:
        return unknown, "no_plan", f"No plan says what was sold; the host declares {declared}."
    return Level.CLEAN, "keeps_plan", f"What the host declares keeps the plan: {declared}."


def _why(record: Record) -> str:
    """Why OpenVZ's counters could not be read, where that is the reason."""
    found = [c.because for c in record.run.guest.capabilities if c.name == "beancounters" and not c.available]
    return f" ({found[0]})" if found else ""


def _own(record: Record) -> str:
    """Limits of the owner's own: reported, and nobody is accused of them."""
    theirs = allowances.provider_limits(record)
    own = {
        s.labels["path"]: float(s.values.min())
        for s in record.named(cgroup.MEMORY_LIMIT)
        if s.values.size and s.labels["path"] not in theirs
    }
    if not own:
        return ""
    path = min(own, key=lambda one: own[one])
    return f"A limit of {size(own[path])} on {path} is the owner's own."


SIGN = Sign(
    name="memory_guarantee",
    question="Is the memory that was sold guaranteed to this container, and may it use it?",
    promise="memory",
    needs=(),
    look=look,
    claims=lambda _profile, guest, _plan: int(allowances.is_sold_container(guest) or _on_vmware(guest)),
    speaks_of=("memory",),
)
