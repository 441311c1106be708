"""Where the time of each vCPU went, as the guest's kernel counts it: /proc/stat.

Format: see ``kernel_text.stat``. Of states that a kernel does not count the series are missing, not 0.
"""

from __future__ import annotations

from typing import Final

from vpsbench.kernel_text import stat
from vpsbench.kernel_text.lines import Texts, named
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

SINGLE: Final = {"procs_running": RUNNING, "ctxt": CONTEXT_SWITCHES}


def parse(texts: Texts) -> list[Sample]:
    """Times in s since boot per vCPU and state, runnable processes, context switches."""
    vcpus = stat.vcpus(texts)
    if not vcpus:
        raise LookupError(f"{stat.FILE}: no line of a vCPU")
    times = [
        Sample(TIME, spent, (("vcpu", vcpu), ("state", state)))
        for vcpu, line in vcpus.items()
        for state, spent in stat.seconds(line)
    ]
    single = named(texts, stat.FILE, SINGLE).items()
    return times + [Sample(SINGLE[name], line.value(1)) for name, line in single]


MONITOR = Monitor(
    name="cpu_times",
    files=matching(stat.FILE),
    metrics=(TIME, RUNNING, CONTEXT_SWITCHES),
    parse=parse,
)
