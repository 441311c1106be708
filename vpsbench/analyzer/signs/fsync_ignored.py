"""Whether flushes are honoured, as far as latency can tell: it never proves that they are not.

A flush does work if it takes longer the more there is to flush. One that costs nothing has three possible
causes: storage with a protected cache, storage that wrote all at once, or a host that ignores flushes. Only a
loss of power would tell them apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.analyzer.signs import Sign
from vpsbench.guest import storage
from vpsbench.model import Finding, Level, Record
from vpsbench.probes.disk_file import metrics as disk_file
from vpsbench.wording.figures import size

if TYPE_CHECKING:
    from vpsbench.model import Floats

METRIC: Final = disk_file.FLUSH_LATENCY
FEWEST: Final = 5  # flushes of a kind
WORK: Final = 200e-6  # s beyond a flush of nothing; disks with a protected cache need 12 to 58 us for all


def look(record: Record) -> list[Finding]:
    """Compares flushes after so many bytes with flushes after none."""
    by_size = {
        int(series.labels["dirty"]): series.values
        for series in record.named(METRIC)
        if series.values.size >= FEWEST
    }
    written = {dirty: values for dirty, values in by_size.items() if dirty}
    if 0 not in by_size or not written:
        return [_finding(Level.NOT_MEASURABLE, "too_few", "Too few flushes were made to compare them.")]
    nothing = float(np.median(by_size[0]))
    said = _said(nothing, {dirty: float(np.median(values)) for dirty, values in written.items()})
    if told := record.run.guest.facts.get("disk.write_cache"):
        said += f"; write cache: {told}"
    most = written[max(written)]  # were it chance, or noise, a smaller one might look slow as well
    if float(np.median(most)) - nothing > WORK and _beyond(most, by_size[0]):
        further = (
            "It took the longer the more was written, so nothing here suggests that flushes are ignored. "
        )
        further += "Latency alone proves no more."
        return [_finding(Level.CLEAN, "does_work", f"{said}.", further)]
    ground, further = _meaning(storage.noted(record.run.guest.facts).write_cache, nothing)
    return [_finding(Level.NOT_MEASURABLE, ground, f"{said}.", further)]


def _said(nothing: float, medians: dict[int, float]) -> str:
    after = ", ".join(f"{_time(medians[dirty])} after {_bytes(dirty)}" for dirty in sorted(medians))
    return f"A flush took {_time(nothing)} after nothing was written, {after} (medians)"


def _beyond(later: Floats, nothing: Floats) -> bool:
    """Whether three in four are slower than three in four of the others: no matter of chance or noise."""
    return bool(np.quantile(later, 0.25) > np.quantile(nothing, 0.75))


def _meaning(cache: str, nothing: float) -> tuple[str, str]:
    """Which answer it is, and what it means."""
    if cache == "write through":
        return "write_through", (
            "The host says that nothing waits in a cache, so the guest sends no flushes. "
            "Whether that is true cannot be told from here."
        )
    if nothing > WORK:
        return "always_slow", (
            "Each flush takes time, however little there is to flush, as on storage behind a network. "
            "Latency alone cannot tell whether the data are safe."
        )
    return "costs_nothing", (
        "Storage with a protected cache does that, and so does a host that ignores flushes; latency alone "
        "cannot tell which it is. What must survive a loss of power belongs in a backup elsewhere."
    )


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} µs"


def _bytes(count: int) -> str:
    return size(count) if count >= 1024**2 else f"{count // 1024} KiB"


def _finding(level: Level, ground: str, claim: str, further: str = "") -> Finding:
    return Finding(sign=SIGN.name, level=level, claim=claim, further=further, ground=ground, series=(METRIC,))


SIGN = Sign(
    name="fsync_ignored",
    question="Does a flush of the disk do any work?",
    promise="disk",
    needs=(METRIC,),
    look=look,
    accuses=False,
)
