"""Stores what is measured: at once, or as soon as the database can be written again."""

from __future__ import annotations

from dataclasses import dataclass

from vpsbench.errors import VpsbenchError
from vpsbench.model import RunState, Turn
from vpsbench.runner.clock import Clock
from vpsbench.store.writer import Collector


@dataclass(slots=True)
class RetryingWriter:
    """Never ends a run: what cannot be stored is held in memory and tried again at each commit."""

    collector: Collector
    clock: Clock
    boot: float  # CLOCK_BOOTTIME when the run began, s
    trouble: str = ""  # why nothing can be stored now
    _since: float = 0.0

    def now(self) -> float:
        """Since the run began, s."""
        return self.clock.boot() - self.boot

    def event(self, kind: str, detail: str, source: str = "") -> None:
        """Notes that something happened now; see ``Collector.event``."""
        self.collector.event(kind, detail, self.clock.boot(), source)

    def turn(self, turn: Turn) -> None:
        """Takes a turn and stores it at once."""
        self.collector.turn(turn)
        self.commit()

    def commit(self) -> None:
        """Stores all that waits, or notes once why it has to wait."""
        try:
            self.collector.commit(self.now())
        except VpsbenchError as error:
            if not self.trouble:
                self._since = self.now()
                self.event("unstored", f"{error.message} What is read meanwhile is held in memory.")
            self.trouble = error.message
            return
        if self.trouble:
            self.trouble = ""
            seconds = self.now() - self._since
            self.event("stored_again", f"after {seconds:.0f} s; what had been held in memory is stored")

    def finish(self, state: RunState, patience: float) -> None:
        """Ends the run in the database, and waits up to ``patience`` s for it to be writable.

        Raises:
            VpsbenchError: it never was; what was held in memory is lost.
        """
        until = self.clock.boot() + patience
        while True:
            try:
                return self.collector.finish(state, self.now())
            except VpsbenchError:
                if self.clock.boot() >= until:
                    raise
            self.clock.wait(None, 1.0)
