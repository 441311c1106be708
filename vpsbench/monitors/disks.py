"""What the guest's disks did: /proc/diskstats.

Format: the kernel's Documentation/admin-guide/iostats.rst. The columns after major, minor and name are reads,
reads merged, sectors read and ms reading. Then come the same four of writes, I/Os under way, and ms with any
I/O under way. Newer kernels add columns of discards and flushes. A sector is 512 B here, whatever the disk's.

Only whole disks count, and each byte once. The names in this one file decide, as in containers /sys may show
other disks than /proc, and as a disk may come and go:

* What is memory, or rests on other disks of the list, is left out (``LAYERED``). So are dm-* (LVM, LUKS) and
  md* (RAID), though a guest may have its root there: their I/O is that of the disks below them.
* ``sda1`` or ``nvme0n1p1`` is a partition where ``sda`` or ``nvme0n1`` is listed. Else it is a disk of its
  own: Xen hands out disks called ``xvda1`` without any ``xvda``.
"""

from __future__ import annotations

import re
from typing import Final

from vpsbench.kernel_text.lines import Line, Texts, lines
from vpsbench.model import Kind, Metric, Sample
from vpsbench.monitors import Monitor, matching

READS: Final = Metric(
    "disk.reads", "1", Kind.COUNTER, "neither",
    "Reads that a disk completed since boot.",
)  # fmt: skip
READ_BYTES: Final = Metric(
    "disk.read_bytes", "B", Kind.COUNTER, "neither",
    "Bytes read from a disk since boot.",
)  # fmt: skip
READ_TIME: Final = Metric(
    "disk.read_time", "s", Kind.COUNTER, "neither",
    "Time since boot that reads took, summed over all of them.",
)  # fmt: skip
WRITES: Final = Metric(
    "disk.writes", "1", Kind.COUNTER, "neither",
    "Writes that a disk completed since boot.",
)  # fmt: skip
WRITE_BYTES: Final = Metric(
    "disk.write_bytes", "B", Kind.COUNTER, "neither",
    "Bytes written to a disk since boot.",
)  # fmt: skip
WRITE_TIME: Final = Metric(
    "disk.write_time", "s", Kind.COUNTER, "neither",
    "Time since boot that writes took, summed over all of them.",
)  # fmt: skip
IO_TIME: Final = Metric(
    "disk.io_time", "s", Kind.COUNTER, "neither",
    "Time since boot in which a disk had at least one I/O under way.",
)  # fmt: skip

FILE: Final = "/proc/diskstats"
LAYERED: Final = re.compile(
    r"(loop|ram|zram|dm-|md|bcache|drbd|nbd|zd|sr|scd|fd)[0-9_].*"
    r"|nvme[0-9]+c[0-9]+n[0-9]+"  # one path of several to a disk that is listed by itself
    r"|mmcblk[0-9]+(boot[0-9]+|rpmb|gp[0-9]+)"  # small areas beside the storage proper
)
PARTITION: Final = re.compile(r"(.*[0-9])p[0-9]+|(.*[^0-9])[0-9]+")
OLD_PARTITION_WORDS: Final = 7  # before 2.6.25 a partition had four columns only
COLUMNS: Final = {  # metric -> (column, how many of its units make one of ours)
    READS: (3, 1),
    READ_BYTES: (5, 1 / 512),
    READ_TIME: (6, 1000),
    WRITES: (7, 1),
    WRITE_BYTES: (9, 1 / 512),
    WRITE_TIME: (10, 1000),
    IO_TIME: (12, 1000),
}


def parse(texts: Texts) -> list[Sample]:
    """I/Os, B and s since boot of each whole disk; none where no disk is shown, as in containers."""
    listed = {line.word(2): line for line in lines(texts, FILE)}
    return [sample for name in listed if _is_disk(name, listed) for sample in _disk(name, listed[name])]


def _is_disk(name: str, listed: dict[str, Line]) -> bool:
    if LAYERED.fullmatch(name) or len(listed[name].words) == OLD_PARTITION_WORDS:
        return False
    match = PARTITION.fullmatch(name)
    return not (match and (match[1] or match[2]) in listed)


def _disk(name: str, line: Line) -> list[Sample]:
    labels = (("device", name),)
    return [Sample(metric, line.value(column) / parts, labels) for metric, (column, parts) in COLUMNS.items()]


MONITOR = Monitor(
    name="disks",
    files=matching(FILE),
    metrics=tuple(COLUMNS),
    parse=parse,
)
