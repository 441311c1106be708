"""Less memory than was sold: what the machine was given, or a container's memory limit, against the plan.

MemTotal is less than what was given, as the kernel keeps a part for itself. The machine's own map
(``guest.memory_map``) shows all. It counts, unless more is gone from it than a kernel keeps.
"""

from __future__ import annotations

from dataclasses import dataclass

from vpsbench.analyzer.memory import allowances
from vpsbench.analyzer.signs import Sign, one_if
from vpsbench.model import Alternative, Finding, Level, Record
from vpsbench.monitors import cgroup, xen_memory
from vpsbench.monitors import memory as meminfo
from vpsbench.wording.figures import percent, size


@dataclass(frozen=True, slots=True)
class Size:
    """How much memory there is, B."""

    seen: float  # that the kernel manages, Xen gave, or a container may use
    mapped: float | None  # that the machine's own map shows
    crash: float | None  # that is kept for a crash kernel; None: not known

    @property
    def kept(self) -> float:
        """What the kernel keeps, as far as it is seen."""
        return max((self.mapped or 0.0) - self.seen, 0.0)

    @property
    def explained(self) -> bool:
        """Whether there is a map, and the kernel may keep what lies between it and what is seen."""
        mapped = self.mapped
        return mapped is not None and self.kept <= allowances.reserve(mapped) + (self.crash or 0.0)

    @property
    def given(self) -> float:
        """What the machine was given, as far as that can be told."""
        return max(self.seen, self.mapped or 0.0) if self.explained else self.seen


def look(record: Record) -> list[Finding]:
    """Compares the most memory that the guest ever had in this run."""
    plan, here = record.run.plan, _size(record)
    if plan is None or plan.memory is None:
        return [
            Finding(
                sign=SIGN.name,
                level=Level.NOT_MEASURABLE,
                claim="No plan names an amount of memory.",
                further=f"The guest sees {size(here.seen)}.",
                ground="no_plan",
                measured=here.seen,
                unit="B",
                series=(meminfo.TOTAL,),
            )
        ]
    return [_against(record, plan.memory, here)]


def _against(record: Record, sold: int, here: Size) -> Finding:
    level = _level(record, sold, here)
    ground, claim = _answer(level, sold, here)
    further = [_map(here), _own_limit(record, sold)]
    if level is not Level.CLEAN and (option := _mem_option(record)):
        level, ground = Level.NOT_MEASURABLE, "mem_option"
        further += [
            f"The guest's own kernel option {option} explains it, so nothing can be said about the host."
        ]
    return Finding(
        sign=SIGN.name,
        level=level,
        claim=claim,
        further=" ".join(filter(None, further)),
        ground=ground,
        promised=f"{size(sold)} of memory",
        measured=here.given,
        unit="B",
        series=(meminfo.TOTAL, xen_memory.CURRENT, cgroup.MEMORY_LIMIT),
        alternatives=() if level in {Level.CLEAN, Level.NOT_MEASURABLE} else _alternatives(sold, here),
    )


def _answer(level: Level, sold: int, here: Size) -> tuple[str, str]:
    """Which answer it is, and its first sentence."""
    lacking = sold - here.given
    if level is not Level.CLEAN:
        return "missing", (
            f"The guest has only {size(here.given)} of the {size(sold)} sold: {size(lacking)} "
            f"({percent(lacking / sold)}) is missing."
        )
    if sold <= here.seen:
        return "all_there", f"The guest has {size(here.seen)}, all of the {size(sold)} sold."
    return "within_reserve", (
        f"The guest has {size(here.seen)} of the {size(sold)} sold; a kernel keeps that much for itself."
    )


def _map(here: Size) -> str:
    if here.mapped is None:
        return ""
    kept = (
        f"its kernel keeps {size(here.kept)}" if here.explained else "more of it is gone than a kernel keeps"
    )
    return f"The machine's own map shows {size(here.mapped)}; {kept}."


def _size(record: Record) -> Size:
    """The most that MemTotal said or Xen gave, or a sold container's limit where that is less."""
    limits = record.run.guest.limits
    totals = [float(s.values.max()) for s in record.named(meminfo.TOTAL) if s.values.size]
    seen = max([float(limits.memory_total), *totals, *allowances.xen_given(record)])
    seen = min([seen, *allowances.provider_limits(record).values()])
    return Size(seen, allowances.mapped(record), allowances.fact(record, "memory.crash_kernel"))


def _level(record: Record, sold: int, here: Size) -> Level:
    """A static fact needs no statistics; what a crash kernel or the guest might explain is a notice."""
    lacking = allowances.least(sold) - here.given
    if here.explained:
        if lacking <= allowances.firmware(sold):
            return Level.CLEAN
        named = allowances.fact(record, "memory.dmi") or 0.0
        return Level.NOTICE if named >= allowances.least(sold) else Level.STRONG
    if lacking <= allowances.reserve(sold):
        return Level.CLEAN
    shown = here.mapped is not None and here.mapped >= allowances.least(sold) - allowances.firmware(sold)
    limit = here.seen in allowances.provider_limits(record).values()
    if shown or (limit and allowances.owners_perhaps(record)):
        return Level.NOTICE
    beyond = lacking > allowances.reserve(sold) + _crash(sold, here)
    return Level.STRONG if beyond else Level.NOTICE


def _crash(sold: int, here: Size) -> float:
    """What is kept for a crash kernel; where that is not known, the most that is usual."""
    return allowances.crash_kernel(sold) if here.crash is None else here.crash


def _own_limit(record: Record, sold: int) -> str:
    limit, theirs = record.run.guest.limits.cgroup_memory, allowances.provider_limits(record).values()
    if limit is None or limit >= sold - allowances.reserve(sold) or limit in theirs:
        return ""
    return (
        f"A cgroup that this guest can see limits us to {size(limit)}; that is usually the owner's own doing."
    )


def _mem_option(record: Record) -> str:
    """The kernel option by which an owner limits memory; empty where it is not set."""
    options = record.run.guest.facts.get("kernel.options", "").split()
    return " ".join(option for option in options if option.startswith("mem="))


def _alternatives(sold: int, here: Size) -> tuple[Alternative, ...]:
    """What could explain missing memory."""
    lacking, crash = allowances.least(sold) - here.given, _crash(sold, here)
    allowed = f"we allow up to {size(allowances.reserve(sold))} for it"
    return (
        Alternative(
            "the kernel's own reserve",
            ruled_out=True,
            because=f"the machine's own map shows no more than {size(here.given)}"
            if here.explained
            else allowed,
        ),
        Alternative(
            "memory reserved for a crash kernel",
            ruled_out=True if here.explained or lacking > allowances.reserve(sold) + crash else None,
            because=f"distributions reserve up to {size(crash)} at this size by default"
            if here.crash is None
            else f"the kernel says that it keeps {size(crash)} for one",
        ),
        Alternative(
            "memory that the firmware, or a driver in the guest, keeps to itself",
            ruled_out=True if here.explained and lacking > 2 * allowances.firmware(sold) else None,
            because=f"up to {size(allowances.firmware(sold))} is usual"
            if here.explained
            else "no map of the machine's memory tells where it went",
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
    decides=("memory",),
)
