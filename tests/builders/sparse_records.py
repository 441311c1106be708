"""What the sparse probe would see of a disk, part by part, and the disk's counters beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vpsbench.monitors import disks
from vpsbench.probes.disk_file.metrics import SPARSE_LATE, SPARSE_LATENCY

Floats = NDArray[np.float64]
Column = tuple[str, Floats, Floats, dict[str, str]]


def columns(one: dict[str, Any]) -> Iterator[Column]:
    """(metric, times, values, labels).

    ``parts``, over and over as often as ``times`` says: ``seconds``; ``median`` latency, s, its ``spread``
    (of the logarithm); ``slow``: the share of reads that take ``as_long`` instead; ``late``: the share of
    pauses that are late by as much; ``own``: other operations of this guest, a second. ``every``: s from read
    to read. ``counted``: False where the kernel shows no disks.
    """
    if not one:
        return
    random, every = np.random.default_rng(one.get("seed", 1)), one.get("every", 0.1)
    parts = one["parts"] * one.get("times", 1)
    found = [_part(random, part, every) for part in parts]
    latency, late = (np.concatenate([each[k] for each in found]) for k in (0, 1))
    at = np.cumsum(every + latency + late)
    yield SPARSE_LATENCY.name, at, latency, {}
    yield SPARSE_LATE.name, at, late, {}
    if one.get("counted", True):
        yield from _counters(at, parts, [each[0].size for each in found])


def _part(random: np.random.Generator, part: dict[str, Any], every: float) -> tuple[Floats, Floats]:
    long, median = part.get("as_long", 0.02), part.get("median", 0.0004)
    step = every + (part.get("slow", 0.0) + part.get("late", 0.0)) * long + median
    count = round(part["seconds"] / step)
    latency = median * np.exp(part.get("spread", 0.3) * random.normal(size=count))
    varied = long * np.exp(0.3 * random.normal(size=(2, count)))
    slow = random.random(count) < part.get("slow", 0.0)
    late = random.random(count) < part.get("late", 0.0)
    return np.where(slow, varied[0], latency), np.where(late, varied[1], 0.0001)


def _counters(at: Floats, parts: list[dict[str, Any]], counts: list[int]) -> Iterator[Column]:
    ticks = np.arange(0.0, at[-1] + 2.0)
    ends = at[np.cumsum(counts) - 1]
    place = np.minimum(np.searchsorted(ends, ticks), len(parts) - 1)
    own = np.cumsum([parts[k].get("own", 0.0) for k in place])
    for operations, moved, values, size in (
        (disks.READS, disks.READ_BYTES, np.searchsorted(at, ticks), 4096.0),
        (disks.WRITES, disks.WRITE_BYTES, own + 5 * ticks, 8192.0),
    ):
        yield operations.name, ticks, np.asarray(values, dtype=np.float64), {"device": "vda"}
        yield moved.name, ticks, np.asarray(values * size, dtype=np.float64), {"device": "vda"}
