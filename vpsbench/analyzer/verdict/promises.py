"""What was promised, line by line as a buyer would list it.

A line stands in the plan, or any seller promises it without saying so. A limit that the plan discloses is a
line, too: it counts against nobody. Which line a sign decides on or speaks of, the sign says itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from vpsbench.analyzer.signs import Line, Promise, Sign
from vpsbench.model import Plan, Record, Word
from vpsbench.wording.figures import percent, size, vcpus


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line.

    Args:
        name: of the plan's setting, or of what goes without saying.
        promise: the part of the machine.
        says: the plan's words for it; None where the plan does not say it.
        implied: what any seller promises; None where it is only promised by saying so.
        limit: the plan's setting is a limit that it discloses, where it is set.
        answer: the word and its reason, where the guest's own facts decide and no sign does.
        otherwise: what answers it outside of vpsbench, in a sentence, where nothing here did.
    """

    name: Line
    promise: Promise
    says: Callable[[Plan], str | None]
    implied: str | None = None
    limit: bool = False
    answer: Callable[[Record], tuple[Word, str]] | None = None
    otherwise: str = ""

    def text(self, plan: Plan | None) -> str | None:
        """The line in words; None where there is no such line."""
        if plan and (said := self.says(plan)):
            return said
        where = "not in the plan" if plan else "no plan"
        return f"{where}: {self.implied}" if self.implied else None

    def promised(self, plan: Plan | None) -> bool:
        """Whether the plan says it: only then can it be broken."""
        return bool(plan and self.says(plan))

    def disclosed(self, plan: Plan | None) -> bool:
        """Whether the plan discloses it as a limit."""
        return bool(plan and self.limit and getattr(plan, self.name))

    def decided_by(self, sign: Sign) -> bool:
        """Whether nothing can be said of it without this sign."""
        return self.name in sign.decides


def _time(plan: Plan) -> str | None:
    kind = f"{plan.cpu} vCPUs" if plan.cpu else None
    if plan.cpu_share is not None:
        return f"{percent(plan.cpu_share)} of each vCPU always there{f' ({kind})' if kind else ''}"
    if kind:
        most = 1 if plan.cpu == "dedicated" else 5
        return f"{kind}: at most {most} % of a busy one's time taken by others"
    return "the vCPUs' time, judged as shared: the plan does not say which" if plan.vcpus else None


def _lasting_cpu(plan: Plan) -> str | None:
    if plan.cpu_burst:
        return "full CPU speed for a while only, a limit that the plan discloses"
    return "vCPUs that keep their speed, as they are dedicated" if plan.cpu == "dedicated" else None


def _disk_speed(plan: Plan) -> str | None:
    said = [f"{plan.disk_iops:,.0f} I/O a second"] if plan.disk_iops else []
    said += [f"{plan.disk_bandwidth / 1e6:,.3g} MB a second"] if plan.disk_bandwidth else []
    return " and ".join(said) or None


def _lasting_disk(plan: Plan) -> str | None:
    if plan.disk_burst:
        return "full disk speed for a while only, a limit that the plan discloses"
    return "a disk that keeps the speed promised" if _disk_speed(plan) else None


def _model(record: Record) -> tuple[Word, str]:
    """The processor's name, which a host may mask: it accuses nobody."""
    told, plan = record.run.guest.cpu_model, record.run.plan
    sold = (plan.cpu_model if plan else None) or ""
    if all(word in told.casefold() for word in sold.casefold().split()):
        return Word.KEPT, f"The guest is told “{told}”."
    return (
        Word.INCONCLUSIVE,
        f"The guest is told “{told}”; a host may show another name, so it accuses nobody.",
    )


ITEMS: Final = (
    Item(
        name="vcpus",
        promise="cpu",
        says=lambda plan: (
            f"{vcpus(plan.vcpus)}{', all at the same time' * (plan.vcpus > 1)}" if plan.vcpus else None
        ),
    ),
    Item(
        name="cpu",
        promise="cpu",
        says=_time,
        implied="the vCPUs that the guest sees are really there",
    ),
    Item(
        name="whole_cores",
        promise="cpu",
        says=lambda plan: "a core of its own for each vCPU" if plan.whole_cores else None,
    ),
    Item(
        name="cpu_burst",
        promise="cpu",
        says=_lasting_cpu,
        implied="vCPUs that keep their speed",
        limit=True,
    ),
    Item(
        name="cpu_model",
        promise="cpu",
        says=lambda plan: f"a processor of the kind {plan.cpu_model}" if plan.cpu_model else None,
        answer=_model,
        otherwise="Only the seller can say which processor it is.",
    ),
    Item(
        name="memory",
        promise="memory",
        says=lambda plan: f"{size(plan.memory)} of memory" if plan.memory else None,
    ),
    Item(
        name="memory_held",
        promise="memory",
        says=lambda plan: "memory that stays in memory while it is used" if plan.memory else None,
        implied="the memory that the guest sees is really there",
    ),
    Item(
        name="disk",
        promise="disk",
        says=lambda plan: f"{size(plan.disk)} of disk" if plan.disk else None,
        otherwise="`lsblk` in the guest shows how large the disk is.",
    ),
    Item(
        name="disk_iops",
        promise="disk",
        says=_disk_speed,
        otherwise="Compare it with the report's figures for the disk.",
    ),
    Item(
        name="disk_burst",
        promise="disk",
        says=_lasting_disk,
        implied="the disk keeps its speed",
        limit=True,
    ),
    Item(
        name="virtualization",
        promise="virtualization",
        says=lambda plan: f"a {plan.virtualization} machine" if plan.virtualization else None,
    ),
)


def listed(plan: Plan | None) -> list[tuple[Item, str]]:
    """The lines that a run is held against, each with its words."""
    return [(item, text) for item in ITEMS if (text := item.text(plan))]


def line_of(sign: Sign, lines: Sequence[Item]) -> Item | None:
    """The line that a sign's findings weigh on; None for doubts about the measurement itself."""
    ours = [item for item in lines if item.promise == sign.promise]
    named = [item for item in ours if item.name in {*sign.decides, *sign.speaks_of}]
    always = [item for item in ours if item.implied]
    return next(iter([*named, *always]), None)
