"""One tick: the monitors are read, the guest is looked at, and all of it is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from vpsbench.metrics import LOAD_APPLIED, TICK_COST, WALL_OFFSET
from vpsbench.model import Profile, Sample, Turn
from vpsbench.runner.clock import Clock
from vpsbench.runner.guest_watch import GuestWatch
from vpsbench.runner.monitor_reader import MonitorReader
from vpsbench.runner.retrying_writer import RetryingWriter

_EXACT: Final = 6  # digits, µs: what lies behind them is noise, and takes room
_STALL_TICKS: Final = 5.0  # a tick later than this many intervals is an event


class Progress(Protocol):
    """Is told what happens, for a person who watches."""

    def turn(self, probe: str, seconds: float) -> None:
        """A turn begins."""

    def ended(self, turn: Turn) -> None:
        """A turn ended."""

    def note(self, text: str) -> None:
        """What the probe does now."""

    def seen(self, samples: list[Sample]) -> None:
        """Readings."""

    def tick(self, elapsed: float) -> None:
        """Time goes on."""

    def told(self, text: str) -> None:
        """Something that a person should know at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticks:
    """The ticks of one run; the parts are those of its ``Runner``."""

    profile: Profile
    monitors: MonitorReader
    guest_watch: GuestWatch
    writer: RetryingWriter
    clock: Clock
    progress: Progress

    def tick(self, due: float, running: str | None) -> float:
        """One tick, while a probe is running; returns when the next one is due."""
        began, cost = self.clock.boot(), self.clock.cpu()
        late = began - due
        if late > _STALL_TICKS * self.profile.tick:
            self.writer.event(
                "stall", f"a tick came {late:.1f} s late: the guest, or this program, did not run"
            )
        read = self.monitors.read()
        for monitor, reason in read.problems:
            self.writer.event("gap", reason, source=monitor)
        for metric, labels in read.gaps:
            self.writer.collector.gap(metric, labels, began)
        for kind, detail in self.guest_watch.look():
            self.writer.event(kind, detail)
            self.progress.told(detail)
        samples = [*read.samples, *self._instrument(running)]
        samples.append(Sample(TICK_COST, round(self.clock.cpu() - cost, _EXACT)))
        self.writer.collector.add(samples, began)
        stored = not self.writer.trouble
        self.writer.commit()
        if self.writer.trouble and stored:
            self.progress.told(self.writer.trouble)
        self.progress.seen(samples)
        self.progress.tick(self.writer.now())
        planned = due + self.profile.tick
        return planned if planned > began else began + self.profile.tick

    def _instrument(self, running: str | None) -> list[Sample]:
        """What the runner itself knows: the wall clock, and the load that it applies."""
        loads = [
            Sample(LOAD_APPLIED, self.profile.duty if probe == running else 0.0, (("probe", probe),))
            for probe in sorted({spec.probe for spec in self.profile.turns if not spec.background})
        ]
        if self.guest_watch.offset is None:
            return loads
        return [Sample(WALL_OFFSET, round(self.guest_watch.offset + self.guest_watch.shift, _EXACT)), *loads]
