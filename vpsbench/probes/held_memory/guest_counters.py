"""What the guest itself did meanwhile: counters that explain a slow touch from within."""

from __future__ import annotations

import os
import resource

from vpsbench.guest.files import Files


def counters(files: Files, vcpu: int) -> dict[str, float]:
    """This process's faults, preemptions and waiting, the guest's swap, the vCPU's steal; unknown: absent."""
    use = resource.getrusage(resource.RUSAGE_SELF)
    found: dict[str, float] = {
        "majflt": use.ru_majflt,
        "minflt": use.ru_minflt,
        "preempted": use.ru_nivcsw,
    }
    events = dict(line.split() for line in (files.text("/proc/vmstat") or "").splitlines())
    if {"pswpin", "pswpout"} <= events.keys():
        found["swap"] = int(events["pswpin"]) + int(events["pswpout"])
    for line in (files.text("/proc/stat") or "").splitlines():
        words = line.split()
        if words[0] == f"cpu{vcpu}" and len(words) > 8:
            found["steal"] = int(words[8]) / os.sysconf("SC_CLK_TCK")
    schedule = (files.text("/proc/thread-self/schedstat") or "").split()
    if len(schedule) > 1:
        found["own_wait"] = int(schedule[1]) / 1e9
    return found


def growth(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """By how much each counter grew that both know."""
    return {name: after[name] - before[name] for name in sorted(before.keys() & after.keys())}
