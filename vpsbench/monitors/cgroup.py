"""The limits of control groups, and what they cost us: our own cgroup and its visible parents.

Formats: see ``kernel_text.cgroup``.
The label ``path`` is the cgroup's folder on this machine. A parent's path is the head of its child's, and the
tightest limit of a chain is the one that counts. "No limit" yields no sample.

In containers lxcfs may rewrite the files of /proc, but not these. On a VM the guest's owner has set what
limit there is.
"""

from __future__ import annotations

from typing import Final

from vpsbench.guest.cgroups import V2, folders
from vpsbench.guest.files import Files
from vpsbench.kernel_text.cgroup import THROTTLED_TIME, V1_UNLIMITED
from vpsbench.kernel_text.lines import Line, Texts, first, lines, named
from vpsbench.model import Kind, Metric, Sample
from vpsbench.monitors import Monitor

CPU_QUOTA: Final = Metric(
    "cgroup.cpu.quota", "1", Kind.GAUGE, "higher",
    "CPUs that the cgroup may use at most, its children's use included.",
)  # fmt: skip
CPU_THROTTLED: Final = Metric(
    "cgroup.cpu.throttled", "1", Kind.COUNTER, "lower",
    "Quota periods so far in which the cgroup had used up its quota and was stopped.",
)  # fmt: skip
CPU_THROTTLED_TIME: Final = Metric(
    "cgroup.cpu.throttled_time", "s", Kind.COUNTER, "lower",
    "Time so far for which the cgroup was stopped by its quota, summed over its run queues.",
)  # fmt: skip
MEMORY_LIMIT: Final = Metric(
    "cgroup.memory.limit", "B", Kind.GAUGE, "higher",
    "Memory that the cgroup may use: the lower of its bounds max (kills) and high (throttles).",
)  # fmt: skip
MEMORY_CURRENT: Final = Metric(
    "cgroup.memory.current", "B", Kind.GAUGE, "neither",
    "Memory charged to the cgroup and its children, page cache included.",
)  # fmt: skip
MEMORY_FAILURES: Final = Metric(
    "cgroup.memory.failures", "1", Kind.COUNTER, "lower",
    "How often the cgroup met a memory boundary: low, high, max, or ran out: oom, oom_kill.",
)  # fmt: skip

LIMITS: Final = ("memory.max", "memory.high", "memory.limit_in_bytes")
USES: Final = ("memory.current", "memory.usage_in_bytes")
NAMES: Final = {  # controller -> its files that are read
    V2: ("cpu.max", "cpu.stat", "memory.max", "memory.high", "memory.current", "memory.events"),
    "cpu": ("cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.stat"),
    "memory": ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.failcnt", "memory.oom_control"),
}
THROTTLING: Final = {  # line of cpu.stat -> (metric, how many of its units make one of ours)
    "nr_throttled": (CPU_THROTTLED, 1.0),
    **{name: (CPU_THROTTLED_TIME, parts) for name, parts in THROTTLED_TIME.items()},
}


def find(files: Files) -> tuple[str, ...]:
    """The files of our own cgroup and its parents, as far as they exist: a hierarchy's root lacks some."""
    ours = folders(files.text("/proc/self/cgroup") or "", files.text("/proc/self/mountinfo") or "")
    return tuple(
        file
        for controller, names in NAMES.items()
        for folder in ours.get(controller, ())
        for file in (f"{folder}/{name}" for name in names)
        if files.exists(file)
    )


def parse(texts: Texts) -> list[Sample]:
    """Limits, use and refusals of each cgroup that was read."""
    return [
        sample
        for path in sorted({file.rpartition("/")[0] for file in texts})
        for read in (_gauges, _throttling, _failures)
        for sample in read(texts, path)
    ]


def _gauges(texts: Texts, path: str) -> list[Sample]:
    values = (
        (CPU_QUOTA, _quota(texts, path)),
        (MEMORY_LIMIT, min(_amounts(texts, path, LIMITS), default=None)),
        (MEMORY_CURRENT, min(_amounts(texts, path, USES), default=None)),
    )
    return [Sample(metric, value, (("path", path),)) for metric, value in values if value is not None]


def _quota(texts: Texts, path: str) -> float | None:
    """In CPUs; None: there is no limit, or no such controller."""
    if (v2 := f"{path}/cpu.max") in texts:
        line = first(texts, v2)
        return None if line.word(0) == "max" else _cpus(line.value(0), line, 1)
    if (v1 := f"{path}/cpu.cfs_quota_us") in texts:
        line = first(texts, v1)
        period = first(texts, f"{path}/cpu.cfs_period_us")
        return None if line.word(0) == "-1" else _cpus(line.value(0), period, 0)
    return None


def _cpus(quota: float, line: Line, index: int) -> float:
    if not (period := line.value(index)):
        raise line.wrong("expected a period above 0")
    return quota / period


def _amounts(texts: Texts, path: str, names: tuple[str, ...]) -> list[float]:
    """In B, of those files that are there and set a limit at all."""
    found = [first(texts, file) for name in names if (file := f"{path}/{name}") in texts]
    amounts = [line.value(0) for line in found if line.word(0) != "max"]
    return [amount for amount in amounts if amount < V1_UNLIMITED]


def _throttling(texts: Texts, path: str) -> list[Sample]:
    file = f"{path}/cpu.stat"
    found = named(texts, file, THROTTLING) if file in texts else {}
    return [
        Sample(metric, line.value(1) / parts, (("path", path),))
        for name, line in found.items()
        for metric, parts in (THROTTLING[name],)
    ]


def _failures(texts: Texts, path: str) -> list[Sample]:
    """Version 2 names its events itself; version 1's failcnt is what version 2 calls ``max``."""
    counts: dict[str, float] = {}
    if (v2 := f"{path}/memory.events") in texts:
        counts = {line.word(0): line.value(1) for line in lines(texts, v2)}
    if (v1 := f"{path}/memory.failcnt") in texts:
        counts["max"] = first(texts, v1).value(0)
    if (oom := f"{path}/memory.oom_control") in texts:
        counts |= {name: line.value(1) for name, line in named(texts, oom, ("oom_kill",)).items()}
    return [
        Sample(MEMORY_FAILURES, count, (("path", path), ("event", event))) for event, count in counts.items()
    ]


MONITOR = Monitor(
    name="cgroup",
    files=find,
    metrics=(CPU_QUOTA, CPU_THROTTLED, CPU_THROTTLED_TIME, MEMORY_LIMIT, MEMORY_CURRENT, MEMORY_FAILURES),
    parse=parse,
)
