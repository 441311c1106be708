"""A turn that runs now: its process, and until when it may run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from vpsbench.model import Metric, Status, TurnSpec
from vpsbench.probes import Request
from vpsbench.runner.child import Child
from vpsbench.runner.run_state import BegunTurn
from vpsbench.runner.stop import Stop

_GRACE: Final = 0.5  # of a turn's length, and
_GRACE_SECONDS: Final = 30.0  # on top, before a probe that does not end is asked to
_CLEAN_UP_SECONDS: Final = 10.0  # from the asking to the killing


@dataclass(slots=True)
class RunningTurn:
    """One of them; times are CLOCK_BOOTTIME, s."""

    child: Child
    spec: TurnSpec
    seconds: float  # that it was given
    started: float
    deadline: float
    killed: bool = False

    @classmethod
    def start(
        cls, spec: TurnSpec, command: list[str], metrics: Mapping[str, Metric], request: Request, now: float
    ) -> Self:
        """Starts it.

        Raises:
            OSError: it cannot be started; nothing is left of it.
        """
        child = Child(spec.probe, command, metrics, request)
        deadline = now + request.seconds * (1 + _GRACE) + _GRACE_SECONDS
        return cls(child, spec, request.seconds, now, deadline)

    @property
    def status(self) -> Status:
        """How it ended."""
        return self.child.status or Status.FAILED

    def begun(self, boot: float) -> BegunTurn:
        """As it is kept for a process that goes on with the run, which began at ``boot``."""
        return BegunTurn(self.spec.probe, self.started - boot, self.seconds, self.spec.options)

    def end(self, status: Status, why: str, now: float) -> None:
        """Asks it to end; it is killed where it does not."""
        self.child.terminate(status, why)
        self.deadline = now + _CLEAN_UP_SECONDS

    def keep_to_time(self, now: float, stop: Stop | None) -> bool:
        """Ends it where it must; False: it was killed and does not end, so it has to be given up."""
        if stop and self.child.status is None:
            self.end(Status.INTERRUPTED, stop.said, now)
        elif now >= self.deadline:
            if self.killed:  # and yet its output goes on: something of it hangs in the kernel
                return False
            if self.child.status is None:
                self.end(Status.TIMED_OUT, "it did not end in time", now)
            else:  # it was asked to end, or has said that it is done
                self.child.kill()
                self.deadline, self.killed = now + _CLEAN_UP_SECONDS, True
        return True
