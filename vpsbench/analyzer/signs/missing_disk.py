"""Less disk than was sold: all disks that the guest sees, or a container's file system, against the plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from vpsbench.analyzer.memory import allowances
from vpsbench.analyzer.signs import Sign, one_if
from vpsbench.guest import storage
from vpsbench.model import Alternative, Finding, Level, Record
from vpsbench.wording.figures import percent

GIB: Final = 1024**3
ROUNDING: Final = 0.01  # of what was sold: sizes are cut to whole cylinders, extents and MiB
TABLES: Final = 0.08  # of a file system, that its own tables and journal may take: ext4 with many small files
DECIMAL: Final = (1000 / 1024) ** 3  # a GB for each GiB
BETWEEN_VIEWS: Final = {"zfs": "snapshots count against it as well, the seller's own among them"}


def look(record: Record) -> list[Finding]:
    """Compares all disks, or the file system where the guest sees no disk of its own."""
    plan, noted = record.run.plan, storage.noted(record.run.guest.facts)
    if plan is None or plan.disk is None:
        return [_finding(Level.NOT_MEASURABLE, "not_promised", "The plan names no size of the disk.")]
    contained = allowances.in_sold_container(record) and not allowances.owners_perhaps(record)
    if noted.disks and not contained:
        return [_disks(plan.disk, noted.disks, noted.space)]
    if noted.space is None or not contained:  # a machine that shows no disk: on a network, perhaps
        claim = "This run did not see which disks there are."
        return [_finding(Level.NOT_MEASURABLE, "not_seen", claim, plan.disk)]
    return [_space(plan.disk, noted.space, noted.file_system)]


def _disks(sold: int, disks: dict[str, int], space: int | None) -> Finding:
    """The sum of all: a seller may count a small disk for swap or boot."""
    found = sum(disks.values())
    what = "disk" if len(disks) == 1 else f"{len(disks)} disks"
    seen = f"The guest sees {_size(found)} of {what}, {_size(sold)} sold"
    lacking = 1 - found / sold
    if lacking <= ROUNDING:
        here = f"The file system under test has {_size(space)} of it." if space is not None else ""
        return replace(_finding(Level.CLEAN, "all_there", f"{seen}.", sold, found), further=here)
    return _judged(f"{seen}: {percent(lacking)} is missing.", sold, found, ROUNDING, ())


def _space(sold: int, space: int, kind: str) -> Finding:
    """A container sees no disk; its file system is what it has. Blocks reserved for root are counted."""
    lacking = 1 - space / sold
    claim = f"The container's file system has {_size(space)} of the {_size(sold)} sold"
    if lacking <= TABLES:
        claim = f"{claim}; its own tables take some of it."
        return _finding(Level.CLEAN, "all_there", claim, sold, space)
    others = (
        [Alternative("snapshots", ruled_out=None, because=BETWEEN_VIEWS[kind])]
        if kind in BETWEEN_VIEWS
        else []
    )
    return _judged(f"{claim}: {percent(lacking)} is missing.", sold, space, TABLES, tuple(others))


def _judged(claim: str, sold: int, seen: int, allowed: float, others: tuple[Alternative, ...]) -> Finding:
    """A static fact needs no statistics. What GB for GiB, or another doubt, may explain is a notice."""
    units = sold % GIB == 0 and seen >= (DECIMAL - allowed) * sold
    alternatives = (
        Alternative(
            "GB for GiB",
            ruled_out=None if units else True,
            because="the plan counts in GiB; counted in GB, all of it would be there"
            if units
            else "more is missing than the units differ by, or the plan counts in GB",
        ),
        Alternative(
            "reserved blocks, tables, rounding",
            ruled_out=True,
            because=f"{percent(allowed)} is allowed for them",
        ),
        *others,
    )
    open_ = any(one.ruled_out is None for one in alternatives)
    return _finding(Level.NOTICE if open_ else Level.STRONG, "missing", claim, sold, seen, alternatives)


def _size(count: float) -> str:
    """In GB, as sellers count, and GiB beside it."""
    return f"{count / 1e9:,.4g} GB ({count / GIB:,.4g} GiB)"


def _finding(  # noqa: PLR0913, PLR0917  what its findings differ by
    level: Level,
    ground: str,
    claim: str,
    sold: int | None = None,
    seen: int | None = None,
    alternatives: tuple[Alternative, ...] = (),
) -> Finding:
    return Finding(
        sign=SIGN.name,
        level=level,
        claim=claim,
        ground=ground,
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
