"""Series of loops whose single gaps were made by a simulated host, for the descriptions in sign_records.

``hosts``: a list of ``{"quota": {…}}`` (fields of host_scheduler.Quota) or ``{"honest": NAME}`` (a function
there), with ``turns`` ([start, length], …) in s, ``arm``, ``vcpus`` and ``seed``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.builders import host_scheduler
from tests.builders.host_scheduler import Floats, Gaps

BIN = 0.5  # s
Column = tuple[str, Floats, Floats, dict[str, str]]


def columns(host: dict[str, Any]) -> Iterator[Column]:
    """Metric, times, values and labels of each series."""
    random = np.random.default_rng(host.get("seed", 1))
    vcpus = host.get("vcpus", 1)
    turns = [(start, length, _gaps(host, vcpus, length, random)) for start, length in host["turns"]]
    for vcpu in range(vcpus):
        labels = {"vcpu": str(vcpu), "arm": host.get("arm", "all"), "duty": "1"}
        ends = np.concatenate([start + gaps[vcpu][1] for start, _, gaps in turns])
        lengths = np.concatenate([gaps[vcpu][1] - gaps[vcpu][0] for _, _, gaps in turns])
        if ends.size:
            yield "cpu.loop.one_gap", ends, lengths, labels
        edges = [start + np.arange(0, length + BIN / 2, BIN) for start, length, _ in turns]
        lost = [
            np.diff(_lost(gaps[vcpu], edge - edge[0]))
            for (_, _, gaps), edge in zip(turns, edges, strict=True)
        ]
        times = np.concatenate([edge[1:] for edge in edges])
        yield "cpu.loop.wall", times, np.full(times.size, BIN), labels
        yield "cpu.loop.gap", times, np.concatenate(lost), labels


def _gaps(host: dict[str, Any], vcpus: int, seconds: float, random: np.random.Generator) -> list[Gaps]:
    if "quota" in host:
        return host_scheduler.Quota(vcpus=vcpus, **host["quota"]).gaps(random, seconds)
    make = {f.__name__: f for f in host_scheduler.HONEST}[host["honest"]]
    return [make(random, seconds) for _ in range(vcpus)]


def _lost(gaps: Gaps, at: Floats) -> Floats:
    """What was lost until each of these times."""
    starts, ends = gaps
    so_far = np.cumsum(ends - starts)
    values = np.column_stack([so_far - (ends - starts), so_far]).ravel()
    return np.interp(at, np.column_stack(gaps).ravel(), values) if starts.size else np.zeros_like(at)
