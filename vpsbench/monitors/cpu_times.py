"""Where the time of each vCPU went, as the guest's kernel counts it: /proc/stat.

Format: proc(5) and the kernel's Documentation/filesystems/proc.rst. A line ``cpuN`` per online vCPU
(one that went offline has none), with a column a state; kernels before 2.6.11 have no steal, before
2.6.24 no guest, before 2.6.33 no guest_nice, and there the series are missing, not 0.

Unit: ticks of USER_HZ, which is 100 a second in Linux's user interface on every architecture but
alpha and ia64, whatever the kernel's own HZ is. user includes guest, and nice includes guest_nice.
"""

from __future__ import annotations

import re
from itertools import takewhile
from typing import Final

from vpsbench.kernel_text.lines import Line, Texts, lines, named
from vpsbench.model import Kind, Metric, Sample
from vpsbench.monitors import Monitor, matching

TIME: Final = Metric(
    "cpu.time", "s", Kind.COUNTER, "neither",
    "Time a vCPU spent in each state since boot; steal is the part that the host admits it took.",
)  # fmt: skip
RUNNING: Final = Metric(
    "system.running", "1", Kind.GAUGE, "neither",
    "Processes of the guest that run or wait for a vCPU, this instrument's own among them.",
)  # fmt: skip
CONTEXT_SWITCHES: Final = Metric(
    "system.context_switches", "1", Kind.COUNTER, "neither",
    "Context switches of the guest's kernel since boot, on all vCPUs together.",
)  # fmt: skip

FILE: Final = "/proc/stat"
USER_HZ: Final = 100
VCPU: Final = re.compile(r"cpu([0-9]+)")
STATES: Final = (
    "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice",
)  # fmt: skip
OLDEST: Final = 4  # user, nice, system and idle have always been there
SINGLE: Final = {"procs_running": RUNNING, "ctxt": CONTEXT_SWITCHES}


def parse(texts: Texts) -> list[Sample]:
    """Times in s since boot per vCPU and state, runnable processes, context switches."""
    of_cpus = takewhile(lambda line: line.words[0].startswith("cpu"), lines(texts, FILE))
    vcpus = {match[1]: line for line in of_cpus if (match := VCPU.fullmatch(line.words[0]))}
    if not vcpus:
        raise LookupError(f"{FILE}: no line of a vCPU")
    times = [sample for vcpu, line in vcpus.items() for sample in _times(vcpu, line)]
    single = named(texts, FILE, SINGLE).items()
    return times + [Sample(SINGLE[name], line.value(1)) for name, line in single]


def _times(vcpu: str, line: Line) -> list[Sample]:
    columns = min(max(OLDEST, len(line.words) - 1), len(STATES))
    return [
        Sample(TIME, line.value(column) / USER_HZ, (("vcpu", vcpu), ("state", state)))
        for column, state in enumerate(STATES[:columns], 1)
    ]


MONITOR = Monitor(
    name="cpu_times",
    files=matching(FILE),
    metrics=(TIME, RUNNING, CONTEXT_SWITCHES),
    parse=parse,
)
