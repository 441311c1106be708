"""Days on machines that are oversold by so much: how often each sign says so, and after how long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tests.calibration.days import FULL, QUICK, STANDARD, Machine, Schedule, full_load, record
from tests.calibration.honest import PLANS, PROMISED
from tests.calibration.noise import autoregressive, calm, long_visits, neighbour, steady
from tests.calibration.tally import Said, accusing, gravest
from vpsbench.model import Plan

SHARED, DEDICATED = PLANS
SHORT_MEMORY, MEMORY = autoregressive(0.5), autoregressive(0.8)
RUNS: Final = {"quick": QUICK, "standard": STANDARD}
LOADS: Final = {
    "quick": QUICK,
    **{f"{minutes} min": full_load(60.0 * minutes) for minutes in (15, 30, 45, 60)},
    "standard": STANDARD,
}


@dataclass(frozen=True, slots=True)
class Case:
    """One size of one fault, in words, and the sign that is to see it."""

    sign: str
    effect: str
    machine: Machine
    plan: Plan = SHARED
    schedules: tuple[str, ...] = tuple(RUNS)


def _steal(effect: str, lost: float, plan: Plan, *, shown: bool = True, long: bool = False) -> Case:
    sign = "reported_steal" if shown else "hidden_steal"
    what = f"{effect}, AR {'0.8' if long else '0.5'}"
    course = MEMORY if long else SHORT_MEMORY
    return Case(sign, what, Machine(course=course, lost=lost, shown=shown), plan, tuple(LOADS))


def _visits(effect: str, machine: Machine) -> Case:
    return Case("hidden_steal", effect, machine, SHARED, tuple(LOADS))


CASES: Final = (
    *(
        _steal(f"{lost:.3g} % of 5 % allowed", lost / 100, SHARED, long=long)
        for lost in (7.5, 10, 20)
        for long in (False, True)
    ),
    *(
        _steal(f"{lost} % of 1 % allowed", lost / 100, DEDICATED, long=long)
        for lost in (2, 4)
        for long in (False, True)
    ),
    *(
        _steal(f"{lost} % of 1 % allowed", lost / 100, SHARED, shown=False, long=long)
        for lost in (2, 5, 30)
        for long in (False, True)
    ),
    _visits("30 % for 20 s in 2 min", Machine(course=neighbour, lost=0.05)),
    _visits("30 % for 10 min in an hour", Machine(course=long_visits, lost=0.05)),
    Case("missing_vcpu", "2 vCPUs on 1.4 cores", Machine(course=SHORT_MEMORY, lost=0.3, alone=0.02)),
    Case("missing_vcpu", "2 vCPUs on one core", Machine(course=SHORT_MEMORY, lost=0.5, alone=0.02)),
    *(
        Case("slow_vcpu", f"each does {share:.0%} of its work", Machine(work=share), DEDICATED)
        for share in (0.7, 0.55)
    ),
    *(
        Case(
            sign,
            f"{left:.0%} left after a third",
            Machine(course=MEMORY, lost=0.03, taken=0.1, fall=(0.33, left)),
        )
        for sign in ("cpu_burst", "disk_burst")
        for left in (0.7, 0.5, 0.1)
    ),
    *(
        Case("cpu_quota", f"{share:.0%} of 100 ms", Machine(host={"quota": {"share": share, "period": 0.1}}))
        for share in (0.8, 0.5, 0.2)
    ),
    *(
        Case(
            "disk_below_plan",
            f"{FULL * (1 - lack) / PROMISED:.0%} of what was promised",
            Machine(course=steady, taken=lack),
        )
        for lack in (0.3, 0.5, 0.8)
    ),
    Case("merged_memory", "all equal pages kept once", Machine(course=calm, merged=0.97, cold=2.0)),
    *(
        Case(
            "disk_contention",
            f"{share:.0%} of single reads slow, 10 min in an hour",
            Machine(course=long_visits, slow_reads=share / 6),
        )
        for share in (0.1, 0.3, 0.9)
    ),
    *(
        Case("vanishing_memory", f"{share:.0%} of the pages", Machine(course=steady, swapped=share, cold=2.0))
        for share in (0.01, 0.02, 0.05, 0.15)
    ),
)


def days(case: Case, number: int) -> Iterator[Said]:
    """What the sign says of one day under each schedule; the condition tells effect and schedule."""
    for name in case.schedules:
        random = np.random.default_rng([2, number, *case.effect.encode()])
        schedule: Schedule = LOADS[name]
        made = record(random, case.machine, schedule, case.plan)
        yield case.sign, f"{case.effect}|{name}", gravest(accusing()[case.sign], made)


def of(names: Sequence[str]) -> list[Case]:
    """The cases of these signs."""
    return [case for case in CASES if case.sign in names and case.sign in accusing()]
