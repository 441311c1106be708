"""What a container is guaranteed, and allowed, of the memory that was sold.

A container's host writes both down where the container can read it: OpenVZ in its beancounters, others as
limits of cgroups. Of machines, only VMware's are told of a limit. Limits that the owner set further down
(systemd's slices, Docker, Podman) are told, and nobody is accused of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vpsbench.analyzer.memory import allowances, declared_limits
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
    """A finding for each promise that the container's own papers break, or one that says what they say."""
    papers = declared_limits.papers(record)
    found = [_broken(record, one) for one in papers if _below(record, one.amount)]
    return [*found, *_told(record), *_refused(record)] or [_nothing(record, papers)]


def _sold(record: Record) -> int | None:
    return record.run.plan.memory if record.run.plan else None


def _below(record: Record, amount: float) -> bool:
    """Whether an exact amount is less than what the plan promises, however it counts GB."""
    sold = _sold(record)
    return sold is not None and amount < (1 - EXACT) * allowances.least(sold)


def _broken(record: Record, paper: declared_limits.Paper) -> Finding:
    """A paper that names less than was sold."""
    claim = paper.claim.format(amount=size(paper.amount), sold=size(_sold(record) or 0))
    others = (*paper.others, _stood(record, *paper.series, **paper.labels))
    return _finding(record, claim, paper.amount, (*paper.series, *paper.beside), others)


def _stood(record: Record, *metrics: Metric, **labels: str) -> Alternative:
    """Whether it was so all the time: where a plan is being changed, limits change."""
    told = [s.values for metric in metrics for s in record.named(metric, **labels) if s.values.size]
    still = all(values.min() == values.max() for values in told)
    return Alternative(
        "a plan that was being changed",
        ruled_out=True if still else None,
        because="it stood unchanged through the run" if still else "it was not the same all through the run",
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
            f"rewritten by lxcfs), and its own cgroup limits it to {size(least)}."
        )
        others = (declared_limits.owner(record, path), _stood(record, cgroup.MEMORY_LIMIT, path=path))
        yield _finding(record, claim, least, (meminfo.TOTAL, cgroup.MEMORY_LIMIT), others, Level.NOTICE)


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
            claim=f"The host refused {resource} {times:.0f} times though less than allowed was in use.",
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


def _finding(  # noqa: PLR0913, PLR0917  what its findings differ by
    record: Record,
    claim: str,
    amount: float,
    series: tuple[Metric, ...],
    alternatives: tuple[Alternative, ...],
    most: Level = Level.STRONG,
) -> Finding:
    """Grave only where nothing else can explain it."""
    sold = _sold(record)
    if _below(record, amount):
        alternatives += (_decimal(record, amount),)
    return Finding(
        sign=SIGN.name,
        level=most if all(other.ruled_out for other in alternatives) else Level.NOTICE,
        claim=claim,
        promised=f"{size(sold)} of memory" if sold else "the memory that the container is shown",
        measured=amount,
        unit="B",
        series=series,
        alternatives=alternatives,
    )


def _nothing(record: Record, papers: list[declared_limits.Paper]) -> Finding:
    """What was looked at, and whether that was enough to say that all is well."""
    seen = ", ".join(f"{one.name} at {size(one.amount)}" for one in papers)
    own = _own(record)
    if not papers and not allowances.in_sold_container(record):
        level, claim = (
            Level.NOT_MEASURABLE,
            "This is no container of a kind that is sold, and nothing here tells what is guaranteed.",
        )
    elif not papers:
        level, claim = (
            Level.NOT_MEASURABLE,
            f"No guarantee and no limit of its host's is visible{_why(record)}.",
        )
    elif _sold(record) is None:
        level, claim = Level.NOT_MEASURABLE, f"No plan says what was sold; seen: {seen}."
    else:
        level, claim = (
            Level.CLEAN,
            f"What the container's host wrote down keeps the plan: {seen}.",
        )
    return Finding(
        sign=SIGN.name, level=level, claim=claim + own, series=(beancounters.BARRIER, cgroup.MEMORY_LIMIT)
    )


def _why(record: Record) -> str:
    """Why OpenVZ's counters could not be read, where that is the reason."""
    found = [c.because for c in record.run.guest.capabilities if c.name == "beancounters" and not c.available]
    return f" ({found[0]})" if found else ""


def _own(record: Record) -> str:
    """Limits of the owner's own: told, and nobody is accused of them."""
    theirs = allowances.provider_limits(record)
    own = {
        s.labels["path"]: float(s.values.min())
        for s in record.named(cgroup.MEMORY_LIMIT)
        if s.values.size and s.labels["path"] not in theirs
    }
    if not own:
        return ""
    path = min(own, key=lambda one: own[one])
    return f" A limit of {size(own[path])} on {path} is the owner's own."


SIGN = Sign(
    name="memory_guarantee",
    question="Is the memory that was sold guaranteed to this container, and may it use it?",
    promise="memory",
    needs=(),
    look=look,
    claims=lambda _profile, guest, _plan: int(allowances.is_sold_container(guest) or _on_vmware(guest)),
    speaks_of=("memory",),
)
