"""All metrics: the instrument's own, and which probe or monitor owns each of the others.

A metric stands beside the probe or monitor that tells it. What follows from who owns it, such as why it is
missing in a run, is asked for here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from vpsbench import monitors, plugins, probes
from vpsbench.model import Kind, Metric
from vpsbench.monitors import Monitor
from vpsbench.probes import Probe

WALL_OFFSET: Final = Metric(
    "clock.wall_offset", "s", Kind.GAUGE, "neither", "wall clock minus CLOCK_BOOTTIME of the first boot"
)
TICK_COST: Final = Metric(
    "instrument.tick_cost", "s", Kind.GAUGE, "lower", "CPU time of one tick of the monitors"
)
TURN_COST: Final = Metric(
    "instrument.turn_cost", "s", Kind.GAUGE, "neither", "CPU time of one turn's processes"
)
LOAD_APPLIED: Final = Metric(
    "load.applied", "1", Kind.GAUGE, "neither", "share of its time that a running turn may load"
)
INSTRUMENT: Final = (WALL_OFFSET, TICK_COST, TURN_COST, LOAD_APPLIED)
_NAME: Final = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")


@dataclass(frozen=True, slots=True)
class Owner:
    """What tells a metric: a probe, a monitor, or the runner itself."""

    kind: Literal["probe", "monitor", "runner"]
    name: str


@cache
def owners() -> dict[Metric, tuple[Owner, ...]]:
    """Every metric, with all that tell it, in a fixed order.

    Raises:
        TypeError: a metric is declared wrongly; see ``registry``.
    """
    return registry(
        {
            **{Owner("probe", n): p.metrics for n, p in plugins.collect(probes, "PROBE", Probe).items()},
            **{
                Owner("monitor", n): m.metrics
                for n, m in plugins.collect(monitors, "MONITOR", Monitor).items()
            },
            Owner("runner", "runner"): INSTRUMENT,
        }
    )


def registry(declared: Mapping[Owner, tuple[Metric, ...]]) -> dict[Metric, tuple[Owner, ...]]:
    """Every metric with its owners, in the order in which they are declared.

    Raises:
        TypeError: a name is malformed, is declared twice by one owner, or is that of two different metrics.
    """
    found: dict[str, Metric] = {}
    owned: dict[Metric, tuple[Owner, ...]] = {}
    for owner, metrics in declared.items():
        for metric in metrics:
            if not _NAME.fullmatch(metric.name):
                raise TypeError(f"{owner.name} declares {metric.name!r}, which is no name of a metric")
            if found.setdefault(metric.name, metric) is not metric:
                raise TypeError(f"{owner.name} declares another metric of the name {metric.name}")
            if owner in owned.get(metric, ()):
                raise TypeError(f"{owner.name} declares {metric.name} twice")
            owned[metric] = (*owned.get(metric, ()), owner)
    return owned
