"""What the guest itself did meanwhile: counters that explain a slow touch from within."""

from __future__ import annotations

import resource

from vpsbench.guest.files import Files
from vpsbench.kernel_text import schedstat, stat, vmstat
from vpsbench.model import Metric
from vpsbench.probes.held_memory import metrics


def counters(files: Files, vcpu: int) -> dict[Metric, float]:
    """This process's faults, preemptions and run-queue delay, the guest's swap, the vCPU's steal.

    What is not known is absent.
    """
    use = resource.getrusage(resource.RUSAGE_SELF)
    found: dict[Metric, float] = {
        metrics.MAJOR_FAULTS: use.ru_majflt,
        metrics.MINOR_FAULTS: use.ru_minflt,
        metrics.PREEMPTED: use.ru_nivcsw,
    }
    events = vmstat.counts(files.text(vmstat.FILE) or "", "pswpin", "pswpout")
    if len(events) == 2:
        found[metrics.SWAP] = sum(events.values())
    ticks = stat.ticks(files.text(stat.FILE) or "", f"cpu{vcpu}")
    if "steal" in ticks:
        found[metrics.STEAL] = ticks["steal"] / stat.USER_HZ
    if schedule := files.text("/proc/thread-self/schedstat"):
        found[metrics.RUN_QUEUE_DELAY] = schedstat.run_queue_delay(schedule) / 1e9
    return found


def growth(before: dict[Metric, float], after: dict[Metric, float]) -> dict[Metric, float]:
    """By how much each counter grew that both know."""
    return {metric: after[metric] - before[metric] for metric in before if metric in after}
