"""A simulated day through the whole program: written by the real collector, read back, judged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vpsbench.analyzer.verdict.judge import judge
from vpsbench.model import Judgement, Metric, Record, RunState, Sample
from vpsbench.store.reader import read
from vpsbench.store.writer import Collector

TICK = 60.0  # s between two commits


def judged(record: Record, folder: Path) -> Judgement:
    """What the program says of a record that took the way over the disk."""
    path = folder / "day.db"
    path.unlink(missing_ok=True)
    run = record.run
    with Collector(path) as collector:
        collector.begin(
            profile=run.profile,
            plan=run.plan,
            guest=run.guest,
            seed=run.seed,
            metrics=_metrics(record),
            wall=run.started,
            boot=0.0,
        )
        for event in record.events:
            collector.event(event.kind, event.detail, event.t)
        for end in np.arange(TICK, run.elapsed + TICK, TICK):
            collector.add(_samples(record, end - TICK, end), end)
            collector.commit(end)
        collector.finish(RunState.FINISHED, run.elapsed)
    return judge(read(path))


def _metrics(record: Record) -> list[Metric]:
    return list(dict.fromkeys(s.metric for s in record.series))


def _samples(record: Record, since: float, until: float) -> Iterator[Sample]:
    for one in record.series:
        first, last = np.searchsorted(one.times, (since, until))
        labels = tuple(sorted(one.labels.items()))
        for t, value in zip(one.times[first:last].tolist(), one.values[first:last].tolist(), strict=True):
            yield Sample(one.metric, value, labels, t)
