"""Less disk than was sold: all disks that the guest sees, or a container's file system, against the plan."""

from __future__ import annotations

from typing import Final

from vpsbench.analyzer.memory import allowances
from vpsbench.analyzer.signs import Sign, one_if
from vpsbench.model import Alternative, Finding, Level, Record
from vpsbench.wording.figures import percent

GIB: Final = 1024**3
ROUNDING: Final = 0.01  # of what was sold: sizes are cut to whole cylinders, extents and MiB
TABLES: Final = 0.08  # of a file system, that its own tables and journal may take: ext4 with many small files
DECIMAL: Final = (1000 / 1024) ** 3  # a GB for each GiB
BETWEEN_VIEWS: Final = {"zfs": "snapshots count against it as well, the seller's own among them"}


def look(record: Record) -> list[Finding]:
    """Compares all disks, or the file system where the guest sees no disk of its own."""
    plan, facts = record.run.plan, record.run.guest.facts
    if plan is None or plan.disk is None:
        return [_finding(Level.NOT_MEASURABLE, "The plan names no size of the disk.")]
    contained = allowances.in_sold_container(record) and not allowances.owners_perhaps(record)
    disks = {} if contained else _sizes(facts.get("disk.all", ""))
    space = _first_number(facts.get("disk.space", ""))
    if disks:
        return [_disks(plan.disk, disks, space)]
    if space is None or not contained:  # no disk to be seen, in a machine of its own: on a network, perhaps
        return [_finding(Level.NOT_MEASURABLE, "What disks there are was not seen in this run.", plan.disk)]
    return [_space(plan.disk, space, facts.get("disk.file_system", "").partition(" ")[0])]


def _sizes(text: str) -> dict[str, int]:
    """``vda 1000 B, vdb 2000 B``."""
    words = [part.split() for part in text.split(", ") if part]
    return {name: int(size) for name, size, _ in words}


def _first_number(text: str) -> int | None:
    first = text.partition(" ")[0]
    return int(first) if first.isdigit() else None


def _disks(sold: int, disks: dict[str, int], space: int | None) -> Finding:
    """The sum of all: a seller may count a small disk for swap or boot."""
    seen = sum(disks.values())
    what = "disk" if len(disks) == 1 else f"{len(disks)} disks"
    here = f"; the file system under test has {_size(space)} of it" if space is not None else ""
    lacking = 1 - seen / sold
    if lacking <= ROUNDING:
        return _finding(
            Level.CLEAN, f"The guest sees {_size(seen)} of {what}, {_size(sold)} sold{here}.", sold, seen
        )
    claim = f"The guest sees {_size(seen)} of {what}, {_size(sold)} sold: {percent(lacking)} is missing."
    return _judged(claim, sold, seen, ROUNDING, ())


def _space(sold: int, space: int, kind: str) -> Finding:
    """A container sees no disk; its file system is what it has. Blocks reserved for root are counted."""
    lacking = 1 - space / sold
    claim = f"The container's file system has {_size(space)} of the {_size(sold)} sold"
    if lacking <= TABLES:
        return _finding(Level.CLEAN, f"{claim}; its own tables take some of it.", sold, space)
    others = (
        [Alternative("snapshots", ruled_out=None, because=BETWEEN_VIEWS[kind])]
        if kind in BETWEEN_VIEWS
        else []
    )
    return _judged(f"{claim}: {percent(lacking)} is missing.", sold, space, TABLES, tuple(others))


def _judged(claim: str, sold: int, seen: int, allowed: float, others: tuple[Alternative, ...]) -> Finding:
    """A static fact needs no statistics; what GB for GiB, or another doubt, may explain is a notice."""
    units = sold % GIB == 0 and seen >= (DECIMAL - allowed) * sold
    alternatives = (
        Alternative(
            "GB for GiB",
            ruled_out=None if units else True,
            because="the plan counts in GiB, and in GB it would be all there"
            if units
            else "more is missing than the units differ, or the plan counts in GB",
        ),
        Alternative(
            "reserved blocks, tables, rounding", ruled_out=True, because=f"{percent(allowed)} is allowed for"
        ),
        *others,
    )
    open_ = any(one.ruled_out is None for one in alternatives)
    return _finding(Level.NOTICE if open_ else Level.STRONG, claim, sold, seen, alternatives)


def _size(count: float) -> str:
    """In GB, as sellers count, and GiB beside it."""
    return f"{count / 1e9:,.4g} GB ({count / GIB:,.4g} GiB)"


def _finding(
    level: Level,
    claim: str,
    sold: int | None = None,
    seen: int | None = None,
    alternatives: tuple[Alternative, ...] = (),
) -> Finding:
    return Finding(
        sign=SIGN.name,
        level=level,
        claim=claim,
        promised=None if sold is None else f"{_size(sold)} of disk",
        measured=seen,
        unit=None if seen is None else "B",
        alternatives=alternatives,
    )


SIGN = Sign(
    name="missing_disk",
    question="Is all the disk there that was sold?",
    promise="disk",
    needs=(),
    look=look,
    claims=one_if(lambda plan: plan.disk),
    decides=("disk",),
)
