"""Less memory than was sold: MemTotal, and a container's memory limit, against the plan."""

from __future__ import annotations

from vpsbench.analyzer.signs import Sign, _memory, one_if
from vpsbench.analyzer.words import percent, size
from vpsbench.model import Alternative, Finding, Level, Record


def look(record: Record) -> list[Finding]:
    """Compares the most memory that the guest ever had in this run."""
    plan = record.run.plan
    if plan is None or plan.memory is None:
        return [
            Finding(
                sign=SIGN.name,
                level=Level.NOT_MEASURABLE,
                claim=f"No memory is promised in a plan; the guest sees {size(_seen(record))}.",
                measured=_seen(record),
                unit="B",
                series=("memory.total",),
            )
        ]
    return [_against(record, plan.memory)]


def _against(record: Record, sold: int) -> Finding:
    seen = _seen(record)
    lacking = sold - seen
    limit_hint = _own_limit(record, sold)
    level = _level(lacking, sold)
    if level is not Level.CLEAN and (option := _mem_option(record)):
        level = Level.NOT_MEASURABLE
        limit_hint += (
            f" The guest's own kernel option {option} explains it, so nothing can be said about the host."
        )
    if level is Level.CLEAN:
        claim = f"The guest has {size(seen)} of the {size(sold)} sold; a kernel keeps that much for itself."
        if lacking <= 0:
            claim = f"The guest has {size(seen)}, all of the {size(sold)} sold."
    else:
        claim = (
            f"The guest has only {size(seen)} of the {size(sold)} sold: {size(lacking)} "
            f"({percent(lacking / sold)}) is missing."
        )
    return Finding(
        sign=SIGN.name,
        level=level,
        claim=claim + limit_hint,
        promised=f"{size(sold)} of memory",
        measured=seen,
        unit="B",
        series=("memory.total", "xen.memory.current", "cgroup.memory.limit"),
        alternatives=() if level in {Level.CLEAN, Level.NOT_MEASURABLE} else _alternatives(sold, lacking),
    )


def _seen(record: Record) -> float:
    """The most that MemTotal said, or that Xen gave, or a sold container's limit where that is less, B."""
    limits = record.run.guest.limits
    totals = [float(s.values.max()) for s in record.named("memory.total") if s.values.size]
    seen = max([float(limits.memory_total), *totals, *_memory.xen_given(record)])
    if limits.cgroup_memory is not None and _memory.in_sold_container(record):
        return min(seen, float(limits.cgroup_memory))
    return seen


def _level(lacking: float, sold: float) -> Level:
    """A static fact needs no statistics; what a crash kernel might explain is a notice."""
    if lacking <= _memory.reserve(sold):
        return Level.CLEAN
    beyond = lacking > _memory.reserve(sold) + _memory.crash_kernel(sold)
    return Level.STRONG if beyond else Level.NOTICE


def _own_limit(record: Record, sold: int) -> str:
    limit = record.run.guest.limits.cgroup_memory
    if limit is None or limit >= sold - _memory.reserve(sold) or _memory.in_sold_container(record):
        return ""
    return f" A cgroup that is visible from in here limits us to {size(limit)}: mostly the owner's own doing."


def _mem_option(record: Record) -> str:
    """The kernel option by which an owner limits memory; empty where it is not set."""
    options = record.run.guest.facts.get("kernel.options", "").split()
    return " ".join(option for option in options if option.startswith("mem="))


def _alternatives(sold: int, lacking: float) -> tuple[Alternative, ...]:
    """What could explain missing memory."""
    reserve, crash = _memory.reserve(sold), _memory.crash_kernel(sold)
    return (
        Alternative(
            "the kernel's own reserve", ruled_out=True, because=f"up to {size(reserve)} is allowed for"
        ),
        Alternative(
            "memory reserved for a crash kernel",
            ruled_out=True if lacking > reserve + crash else None,
            because=f"distributions reserve up to {size(crash)} at this size by default",
        ),
        Alternative("the kernel option mem=", ruled_out=True, because="it is not set"),
    )


SIGN = Sign(
    name="missing_memory",
    question="Is all the memory there that was sold?",
    promise="memory",
    needs=(),
    look=look,
    claims=one_if(lambda plan: plan.memory),
)
