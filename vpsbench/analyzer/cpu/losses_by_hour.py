"""What busy vCPUs lost in each hour of a run, for the daily rhythm."""

from __future__ import annotations

from typing import Final

import numpy as np

from vpsbench.analyzer.cpu import accounting
from vpsbench.analyzer.statistics.daily_rhythm import HourlyValues
from vpsbench.model import Record

WINDOW: Final = 10.0  # s; shorter stretches of load are left out


def lost_by_hour(record: Record) -> HourlyValues:
    """The lost share hour by hour, from all vCPUs together, as a run went."""
    windows = accounting.cut(accounting.loaded(record), WINDOW)
    hour = np.floor((record.run.started + (windows.start + windows.end) / 2) / 3600).astype(int)
    if hour.size == 0:
        return HourlyValues(0, np.zeros(0))
    first = int(hour.min())
    demanded = np.bincount(hour - first, windows.demanded)
    taken = np.bincount(hour - first, accounting.lost(windows) * windows.demanded)
    return HourlyValues(first, taken / np.where(demanded > 0, demanded, np.nan))
