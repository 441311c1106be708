"""What a fault is, and what it can pull."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.cgroups import Cgroup
from tests.lab.errors import Skip
from tests.lab.journal import Journal
from tests.lab.machine import Strict
from tests.lab.qmp import Qmp
from tests.lab.quantities import Seconds
from tests.lab.truth import Truth


@dataclass(frozen=True, slots=True)
class Host:
    """What a fault can pull: of one guest, and of this machine."""

    folder: Path
    journal: Journal
    stack: ExitStack  # undone when the scenario ends
    cgroup: Cgroup | None
    qmp: Qmp | None
    truth: Truth

    def limits(self, controller: str) -> Cgroup:
        """The guest's cgroup; ``Skip`` where it cannot limit that."""
        if self.cgroup is None or controller not in self.cgroup.folders:
            raise Skip(f"this machine has no cgroup controller {controller!r} for the lab")
        return self.cgroup

    def ask(self, command: str, **arguments: Any) -> Any:  # noqa: ANN401  QEMU's JSON
        """QEMU's answer; ``Skip`` where the guest is none of QEMU's."""
        if self.qmp is None:
            raise Skip("only a virtual guest has this fault")
        return self.qmp.ask(command, **arguments)

    def threads(self) -> list[int]:
        """The thread of each vCPU."""
        return [one["thread-id"] for one in self.ask("query_cpus_fast")]


class Fault(Strict):
    """What all faults have in common. Times count from the start of vpsbench in the guest."""

    start: Seconds = 0.0
    end: Seconds | None = None  # default: with the guest

    def prepare(self, host: Host) -> None:
        """Before the guest starts."""

    def begin(self, host: Host) -> None:
        """At ``start``."""

    def finish(self, host: Host) -> None:
        """At ``end``; nothing where the guest ends first."""

    def inside(self) -> str | None:
        """A line that the guest's kernel or agent would run for its host; most faults have none."""
        return None
