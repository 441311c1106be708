"""What the guest itself did meanwhile: counters that explain a slow touch from within."""

from __future__ import annotations

import os
import resource

from vpsbench.guest.files import Files
from vpsbench.model import Metric
from vpsbench.probes.held_memory import metrics


def counters(files: Files, vcpu: int) -> dict[Metric, float]:
    """This process's faults, preemptions and waiting, the guest's swap, the vCPU's steal; unknown: absent."""
    use = resource.getrusage(resource.RUSAGE_SELF)
    found: dict[Metric, float] = {
        metrics.MAJOR_FAULTS: use.ru_majflt,
        metrics.MINOR_FAULTS: use.ru_minflt,
        metrics.PREEMPTED: use.ru_nivcsw,
    }
    events = dict(line.split() for line in (files.text("/proc/vmstat") or "").splitlines())
    if {"pswpin", "pswpout"} <= events.keys():
        found[metrics.SWAP] = int(events["pswpin"]) + int(events["pswpout"])
    for line in (files.text("/proc/stat") or "").splitlines():
        words = line.split()
        if words[0] == f"cpu{vcpu}" and len(words) > 8:
            found[metrics.STEAL] = int(words[8]) / os.sysconf("SC_CLK_TCK")
    schedule = (files.text("/proc/thread-self/schedstat") or "").split()
    if len(schedule) > 1:
        found[metrics.RUN_QUEUE_DELAY] = int(schedule[1]) / 1e9
    return found


def growth(before: dict[Metric, float], after: dict[Metric, float]) -> dict[Metric, float]:
    """By how much each counter grew that both know."""
    return {metric: after[metric] - before[metric] for metric in before if metric in after}
