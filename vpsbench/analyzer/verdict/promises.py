"""What was promised, line by line as a buyer would list it, and which signs speak of which line.

A line stands in the plan, or is what any seller promises without saying so. A limit that the plan discloses
is a line, too: it says what is not held against anyone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from vpsbench.analyzer.signs import Promise
from vpsbench.model import Plan
from vpsbench.wording.figures import percent, size, vcpus

LIMITS: Final = {"cpu_burst", "disk_burst"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line.

    Args:
        name: of the plan's setting, or of what goes without saying.
        promise: the part of the machine.
        says: the plan's words for it; None where the plan does not say it.
        implied: what any seller promises; None where it is only promised by saying so.
        deciding: signs without which nothing can be said of it; none: no sign looks at it.
        signs: others that speak of it.
    """

    name: str
    promise: Promise
    says: Callable[[Plan], str | None]
    implied: str | None = None
    deciding: frozenset[str] = frozenset()
    signs: frozenset[str] = frozenset()

    def text(self, plan: Plan | None) -> str | None:
        """The line in words; None where there is no such line."""
        if plan and (said := self.says(plan)):
            return said
        where = "not in the plan" if plan else "no plan"
        return f"{where}: {self.implied}" if self.implied else None

    def promised(self, plan: Plan | None) -> bool:
        """Whether the plan says it: only then can it be broken."""
        return bool(plan and self.says(plan))

    def limit(self, plan: Plan | None) -> bool:
        """Whether it is a limit that the plan discloses."""
        return bool(plan and self.name in LIMITS and getattr(plan, self.name))


def _time(plan: Plan) -> str | None:
    kind = f"{plan.cpu} vCPUs" if plan.cpu else None
    if plan.cpu_share is not None:
        return f"{percent(plan.cpu_share)} of each vCPU always there{f' ({kind})' if kind else ''}"
    if kind:
        most = 1 if plan.cpu == "dedicated" else 5
        return f"{kind}: at most {most} % of a busy one's time taken by others"
    return "the vCPUs' time, as if shared: the plan does not say which" if plan.vcpus else None


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


# In each part of the machine, findings of signs that no line names weigh on what goes without saying.
ITEMS: Final = (
    Item(
        name="vcpus",
        promise="cpu",
        says=lambda plan: (
            f"{vcpus(plan.vcpus)}{', all at the same time' * (plan.vcpus > 1)}" if plan.vcpus else None
        ),
        deciding=frozenset({"missing_vcpu"}),
    ),
    Item(
        name="cpu",
        promise="cpu",
        says=_time,
        implied="the vCPUs that the guest sees are really there",
        deciding=frozenset({"hidden_steal", "reported_steal"}),
        signs=frozenset({"cpu_quota", "missing_vcpu", "slow_vcpu"}),
    ),
    Item(
        name="whole_cores",
        promise="cpu",
        says=lambda plan: "a core of its own for each vCPU" if plan.whole_cores else None,
        deciding=frozenset({"slow_vcpu"}),
    ),
    Item(
        name="cpu_burst",
        promise="cpu",
        says=_lasting_cpu,
        implied="vCPUs that keep their speed",
        deciding=frozenset({"cpu_burst"}),
    ),
    Item(
        name="cpu_model",
        promise="cpu",
        says=lambda plan: f"a processor of the kind {plan.cpu_model}" if plan.cpu_model else None,
    ),
    Item(
        name="memory",
        promise="memory",
        says=lambda plan: f"{size(plan.memory)} of memory" if plan.memory else None,
        deciding=frozenset({"missing_memory"}),
        signs=frozenset({"ballooned_memory", "memory_guarantee"}),
    ),
    Item(
        name="memory_held",
        promise="memory",
        says=lambda plan: "memory that stays in memory while it is used" if plan.memory else None,
        implied="the memory that the guest sees is really there",
        deciding=frozenset({"vanishing_memory"}),
    ),
    Item(
        name="disk",
        promise="disk",
        says=lambda plan: f"{size(plan.disk)} of disk" if plan.disk else None,
        deciding=frozenset({"missing_disk"}),
    ),
    Item(
        name="disk_iops",
        promise="disk",
        says=_disk_speed,
        deciding=frozenset({"disk_below_plan"}),
    ),
    Item(
        name="disk_burst",
        promise="disk",
        says=_lasting_disk,
        implied="the disk keeps its speed",
        deciding=frozenset({"disk_burst"}),
    ),
    Item(
        name="virtualization",
        promise="virtualization",
        says=lambda plan: f"a {plan.virtualization} machine" if plan.virtualization else None,
        deciding=frozenset({"virtualization_mismatch"}),
    ),
)


def listed(plan: Plan | None) -> list[tuple[Item, str]]:
    """The lines that a run is held against, each with its words."""
    return [(item, text) for item in ITEMS if (text := item.text(plan))]


def line_of(sign: str, promise: Promise, lines: Sequence[Item]) -> Item | None:
    """The line that a sign's findings weigh on; None for doubts about the measurement itself."""
    ours = [item for item in lines if item.promise == promise]
    named = [item for item in ours if sign in item.deciding | item.signs]
    always = [item for item in ours if item.implied]
    return next(iter([*named, *always]), None)
