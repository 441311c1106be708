"""What fio's jobs tell, second by second. Label: job; of quantiles also q."""

from __future__ import annotations

from typing import Final, NamedTuple

from vpsbench.model import Kind, Metric


class RateMetrics(NamedTuple):
    """The metrics of jobs that went one way: past the guest's cache, or maybe through it."""

    iops: Metric
    bandwidth: Metric
    latency: Metric
    quantile: Metric


def _rates(prefix: str, how: str) -> RateMetrics:
    return RateMetrics(
        Metric(f"{prefix}.iops", "1/s", Kind.GAUGE, "higher", f"I/Os completed in one second of a job{how}"),
        Metric(f"{prefix}.bandwidth", "B/s", Kind.GAUGE, "higher", f"B moved in one second of a job{how}"),
        Metric(
            f"{prefix}.latency", "s", Kind.GAUGE, "lower",
            f"mean completion latency in one second of a job{how}",
        ),
        Metric(
            f"{prefix}.latency_quantile", "s", Kind.GAUGE, "lower",
            f"completion latency over a job{how}; fdatasync: of the flush alone",
        ),
    )  # fmt: skip


DIRECT: Final = _rates("disk.fio", "")
CACHED: Final = _rates(
    "disk.cached", ", maybe from the guest's own memory"
)  # no sign takes it for the disk's
CPU: Final = Metric("disk.fio.cpu", "1", Kind.GAUGE, "neither", "of a vCPU, that fio itself used in a job")
