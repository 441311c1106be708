"""What busy vCPUs lost to the outside, by the hour of the day and by how much they demanded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.analyzer.cpu import accounting, losses_by_hour
from vpsbench.analyzer.signs import cpu_quota
from vpsbench.analyzer.signs import daily_rhythm as daily_rhythm_sign
from vpsbench.analyzer.statistics import daily_rhythm
from vpsbench.model import Record
from vpsbench.probes.cpu_loop import metrics as loop
from vpsbench.report.charts.vegalite import BLUE, GREY, Absent, Chart, Curve, Scale, TimeAxis, scatter
from vpsbench.wording.figures import duration

if TYPE_CHECKING:
    from vpsbench.model import Floats

_DAY = daily_rhythm.DAY
_SMALL, _LARGE = 18, 60  # px², of points
_BARE = (np.nan, np.nan)  # no interval
_MEAN = "Large points: their mean, with its 95 % interval, from the days alone. At the upper edge it goes on."
_FEWEST = 3  # days below which an interval says less than the days themselves


@dataclass(frozen=True, slots=True)
class ByHour:
    """How a figure is drawn by the hour of the day.

    ``point`` says what one point is; ``scale`` is made for the greatest value.
    """

    name: str
    title: str
    point: str
    scale: Callable[[float], Scale]
    shows: str

    def chart(self, course: daily_rhythm.HourlyValues, lasted: float) -> Chart | Absent:
        """Each hour of each day, and from three days on the mean; absent in runs of less than a day."""
        if course.days < 1:
            return Absent(self.title, f"it takes a day of measuring; this run lasted {duration(lasted)}")
        if not course.covered:
            return Absent(self.title, "no hour saw enough of it")
        days = {hour + 0.5: values for hour in range(_DAY) if (values := course.at(hour)).size}
        each = _rows([(x, value, *_BARE) for x, values in days.items() for value in values])
        scale = self.scale(float(each[:, 1].max()))
        top = scale.domain[1] / scale.factor if scale.domain else 1.0
        means = _rows([(x, float(v.mean()), *_within(v, top)) for x, v in days.items() if v.size >= _FEWEST])
        groups = [Curve("one hour of one day", each, GREY, _SMALL)]
        note = f"Points: {self.point} An interval for each hour takes three days."
        if len(means):
            groups.append(Curve("mean over the days", means, BLUE, _LARGE))
            note = f"Small points: {self.point} {_MEAN}"
        ticks = [float(hour) for hour in range(0, _DAY + 1, 2)]
        spec = scatter(("hour of the day, UTC", _DAY, ticks), scale, groups)
        return Chart(self.name, self.title, note, spec, shows=(self.shows,))


def _within(values: Floats, top: float) -> tuple[float, float]:
    """The interval of a mean, as far as the chart reaches."""
    low, high = daily_rhythm.mean_interval(values) or _BARE
    return max(low, 0.0), min(high, top)


def _scale(greatest: float) -> Scale:
    """From 0 to a little above the greatest value; what is very small is not blown up beyond 1 %."""
    top = max(0.01, 1.15 * greatest)
    return Scale(1, ".0%" if top > 0.05 else ".1%", (0.0, min(1.0, top)))


_LOSS: Final = ByHour(
    "hours",
    "CPU time lost to the outside, by hour of the day (UTC)",
    "one hour of one day, what its minutes of load lost, all vCPUs together.",
    _scale,
    daily_rhythm_sign.SIGN.name,
)


def hour_chart(record: Record, t_axis: TimeAxis) -> Iterator[Chart | Absent]:
    """Loss by hour of the day, over runs of a day and more."""
    del t_axis
    yield _LOSS.chart(losses_by_hour.lost_by_hour(record), record.run.elapsed)


def _rows(points: list[tuple[float, float, float, float]]) -> Floats:
    return np.array(points).reshape(-1, 4)


def duty_chart(record: Record, t_axis: TimeAxis) -> Iterator[Chart | Absent]:
    """Loss by duty, where the probe swept it: a quota takes nothing below it, a neighbour at any duty."""
    del t_axis
    title = "CPU time lost to the outside, by the share of time that a vCPU demanded"
    steps = sorted({s.labels["duty"] for s in record.named(loop.WALL, arm="sweep")}, key=float)
    each, means = [], []
    for duty in steps:
        walls = record.named(loop.WALL, arm="sweep", duty=duty)
        at = 100 * float(duty)
        each += [
            (at, lost, *_BARE)
            for s in walls
            if (lost := accounting.share(accounting.bins(record, **s.labels), accounting.lost)) is not None
        ]
        if (
            lost := accounting.share(accounting.bins(record, arm="sweep", duty=duty), accounting.lost)
        ) is not None:
            means.append((at, lost, *_BARE))
    if not means:
        yield Absent(title, "no sweep over duty cycles ran")
        return
    note = (
        "A cap takes nothing from a vCPU that demands less than it leaves. Neighbours take their part of "
        "little, too. Small points: each vCPU. Large points: all together."
    )
    groups = [Curve("one vCPU", _rows(each), GREY, _SMALL), Curve("all vCPUs", _rows(means), BLUE, _LARGE)]
    x = ("demanded, % of the time", 105.0, [100 * float(duty) for duty in steps])
    spec = scatter(x, _scale(float(_rows(each)[:, 1].max())), groups)
    yield Chart("duty", title, note, spec, shows=(cpu_quota.SIGN.name,))
