"""How far vpsbench's CPU figures lie from the truth, window by window and figure by figure. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.lab import answers
from tests.lab.answers import Stretch
from tests.lab.scenario import Scenario
from tests.lab.truth import Truth
from vpsbench.analyzer.cpu import accounting
from vpsbench.model import Record
from vpsbench.probes.cpu_loop import metrics as loop

WINDOW: Final = 30.0  # s
# Where the owner's own programs or limits are at work (not vpsbench alone), two rhythms beat: what the loop
# sees while it runs and what the host takes meanwhile agree over minutes only.
BUSY_WINDOW: Final = 120.0  # s
_FULL: Final = "1"  # the duty of full load


@dataclass(frozen=True, slots=True)
class Window:
    """What vpsbench says of some time of full load, and what was. Times in s of the run; shares.

    Args:
        what: "lost", of one vCPU; "reported", of all vCPUs of a Xen guest, as only Xen knows of each.
        loop: which vCPU, and in which arm.
    """

    what: str
    loop: str
    since: float
    until: float
    estimate: float
    truth: float

    @property
    def error(self) -> float:
        """Estimate less truth."""
        return self.estimate - self.truth


def windows(scenario: Scenario, truth: Truth, record: Record) -> list[Window]:
    """All whole windows of full load, each loop's by itself."""
    if "run" not in truth.marks:
        return []
    if scenario.guest.platform == "xen":
        return list(_reported(scenario, record))
    seconds = length(scenario)
    return [
        window
        for labels, table in loops(record)
        for part in parts(table, seconds)
        for window in _lost(truth, record, labels, part)
    ]


def loops(record: Record) -> list[tuple[dict[str, str], accounting.LoopTimes]]:
    """The loops under full load, with their labels; before there were duty cycles all were."""
    named = [s.labels for s in record.named(loop.WALL) if s.labels.get("duty", _FULL) == _FULL]
    return [(labels, accounting.bins(record, **labels)) for labels in named]


def length(scenario: Scenario) -> float:
    """How long its windows are, s."""
    return BUSY_WINDOW if scenario.beside or scenario.own_limits else WINDOW


def parts(table: accounting.LoopTimes, seconds: float) -> Iterator[accounting.LoopTimes]:
    """Cuts each stretch into windows of this length; what is left at its end is left out."""
    for since, until in table.pieces():
        for n in range(int((until - since) / seconds + 1e-6)):
            part = table.within(since + n * seconds, since + (n + 1) * seconds)
            if part.wall.size:  # a stall may be longer than a window
                yield part


def _lost(
    truth: Truth, record: Record, labels: dict[str, str], part: accounting.LoopTimes
) -> Iterator[Window]:
    boot, vcpu = answers.boot_time(record), int(labels["vcpu"])
    since, until = float(part.start[0]), float(part.end[-1])
    real = answers.loss(truth, [Stretch(vcpu, truth.at(boot + since), truth.at(boot + until))])
    estimate = _share(part, accounting.lost)
    if real is not None and estimate is not None:
        yield Window("lost", f"vCPU {vcpu}, {labels['arm']}", since, until, estimate, real)


def _reported(scenario: Scenario, record: Record) -> Iterator[Window]:
    for part in parts(accounting.loaded(record), WINDOW):
        estimate = _share(part, accounting.reported)
        if estimate is not None:
            since, until = float(part.start[0]), float(part.end[-1])
            yield Window("reported", "all", since, until, estimate, 1 - answers.xen_share(scenario))


def _share(part: accounting.LoopTimes, of: accounting.Part) -> float | None:
    """vpsbench's own share of a window; None where it says that too little was seen."""
    whole = accounting.cut(part, float(part.end.max() - part.start.min()))
    return float(of(whole)[0]) if whole.start.size else None
