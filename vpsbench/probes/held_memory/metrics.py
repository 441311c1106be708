"""What the memory probe tells: how much it holds, and round by round how long touches took."""

from __future__ import annotations

from typing import Final

from vpsbench.model import Kind, Metric


def _gauge(name: str, unit: str, text: str) -> Metric:
    return Metric(f"memory.{name}", unit, Kind.GAUGE, "neither" if unit == "B" else "lower", text)


HELD: Final = _gauge("held", "B", "memory that the probe holds")
FIRST_TOUCH: Final = _gauge("first_touch", "s", "mean time to write a page for the first time")
COUNT: Final = _gauge(
    "touch.count", "1", "touches in a round that took at most le ns and more than the bin below"
)
TOTAL: Final = _gauge("touch.total", "1", "touches in a round")
PAGES: Final = _gauge("touch.pages", "1", "pages of the arm, of which a round touches some")
AGE: Final = _gauge("touch.age", "s", "how long ago the pages had been written when a round began")
MAJOR_FAULTS: Final = _gauge("touch.majflt", "1", "major page faults in the guest during a round")
MINOR_FAULTS: Final = _gauge("touch.minflt", "1", "minor page faults in the guest during a round")
SWAP: Final = _gauge("touch.swap", "1", "pages that the guest itself swapped in or out during a round")
STEAL: Final = _gauge("touch.steal", "s", "reported steal of the vCPU during a round")
PREEMPTED: Final = _gauge(
    "touch.preempted", "1", "times that another task took the vCPU from the probe during a round"
)
RUN_QUEUE_DELAY: Final = _gauge(
    "touch.own_wait", "s", "time that the probe waited for its vCPU in the guest during a round"
)
VERIFIED: Final = _gauge("verify.pages", "1", "pages that were verified since the last reading")
ERRORS: Final = _gauge("verify.errors", "1", "pages among those whose content had changed")
BITS: Final = _gauge("verify.bits", "1", "bits that differed in those when they were looked at again")
ALL: Final = (
    *(HELD, FIRST_TOUCH, COUNT, TOTAL, PAGES, AGE, MAJOR_FAULTS, MINOR_FAULTS, SWAP, STEAL),
    *(PREEMPTED, RUN_QUEUE_DELAY, VERIFIED, ERRORS, BITS),
)
