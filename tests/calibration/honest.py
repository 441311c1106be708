"""Days on machines whose host keeps every promise, if only just: who is accused there is accused wrongly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from tests.builders.host_scheduler import HONEST as SCHEDULERS
from tests.calibration.days import FULL, QUICK, STANDARD, Machine, record
from tests.calibration.noise import BEYOND, HONEST
from tests.calibration.tally import ANY, WEIGHT, Said, accusing, gravest
from vpsbench.analyzer.memory import page_touches
from vpsbench.analyzer.signs import disk_below_plan, hidden_steal, reported_steal, slow_vcpu
from vpsbench.model import Plan, Record

TAKEN: Final = 0.2  # of the disk's speed
SLOW_READS: Final = 0.01
PROMISED: Final = FULL * (1 - TAKEN) / (1 - disk_below_plan.ALLOWED)
PLANS: Final = (
    Plan(
        name="shared",
        vcpus=2,
        cpu="shared",
        memory=2_000_000_000,
        disk_iops=PROMISED,
        virtualization="kvm",
    ),
    Plan(name="dedicated", vcpus=2, cpu="dedicated", whole_cores=True, memory=2_000_000_000),
)
CONDITIONS: Final = {**HONEST, **BEYOND}
READS_GAPS: Final = "cpu_quota"  # the sign for which each single gap has to be simulated
GAPS: Final = "single gaps"  # the condition under which they are


def day(number: int, names: Sequence[str]) -> Iterator[Said]:
    """What these signs say of one day; conditions take turns, all else is drawn."""
    condition = list(CONDITIONS)[number % len(CONDITIONS)]
    made, known = run(number, condition), accusing()
    said = {name: gravest(known[name], made) for name in names}
    yield ANY, condition, max(said.values(), key=WEIGHT.index)
    for name, level in said.items():
        yield name, condition, level


def gaps_day(number: int) -> Said:
    """What cpu_quota says where a host's scheduler lets two threads take turns, and no quota is at work."""
    random = np.random.default_rng([1, number])
    scheduler = SCHEDULERS[number % len(SCHEDULERS)].__name__
    machine = Machine(host={"honest": scheduler})
    made = record(random, machine, STANDARD, PLANS[0])
    return READS_GAPS, f"{GAPS}: {scheduler}", gravest(accusing()[READS_GAPS], made)


def run(number: int, condition: str) -> Record:
    """A run of ``quick`` or ``standard`` on a machine that takes as much as it may on the average."""
    random = np.random.default_rng([0, number])
    plan, shown = PLANS[int(random.integers(2))], bool(random.random() < 0.5)
    limit = reported_steal.SHARED if shown and plan.cpu == "shared" else reported_steal.DEDICATED
    machine = Machine(
        course=CONDITIONS[condition],
        lost=limit if shown else hidden_steal.THRESHOLD,
        shown=shown,
        taken=TAKEN,
        slow_reads=SLOW_READS,
        swapped=page_touches.EXCESS,
        cold=float(random.uniform(1, 4)),
        work=float(random.uniform(slow_vcpu.SHARED, 1.05)),
        own=0.4 if condition == "busy owner" else 0.0,
        jumps=condition == "clock steps",
        holes=condition == "gaps",
    )
    return record(random, machine, QUICK if random.random() < 0.25 else STANDARD, plan)
