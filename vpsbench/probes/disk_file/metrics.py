"""What probes tell of the file under test; fio's own figures are in ``fio.metrics``."""

from __future__ import annotations

from typing import Final

from vpsbench.model import Kind, Metric

WRITTEN: Final = Metric(
    "disk.fio.written", "B", Kind.GAUGE, "neither",
    "written by a job, since the last such reading; job layout is before the first",
)  # fmt: skip
FLUSH_LATENCY: Final = Metric(
    "disk.flush.latency",
    "s",
    Kind.GAUGE,
    "lower",
    "one fdatasync after so many B (dirty) past the guest's cache",
)
SPARSE_LATENCY: Final = Metric(
    "disk.sparse.latency",
    "s",
    Kind.GAUGE,
    "lower",
    "one read of 4 KiB, less the wait for a vCPU in this guest",
)
SPARSE_LATE: Final = Metric(
    "disk.sparse.late", "s", Kind.GAUGE, "lower", "how late the pause before it ended, less such a wait"
)
