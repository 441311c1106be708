"""Reads events of formats up to 5, which had no column for the source: it stood in the text.

The only place that takes such a text apart. Newer events carry the source in a column of its own.
"""

from __future__ import annotations

from typing import Final

from vpsbench.model import Event

# What older versions stored as "NAME: reason" without a dot in the kind. The others are the probes' own, such
# as "disk.skipped"; the run's own kinds have no dot.
_NAMED: Final = {"monitor_unavailable", "gap", "probe_failed", "child_died", "score_cut"}
_QUEUELESS: Final = "psync is used"  # by fio: one I/O at a time, as a kind of its own from format 6 on


def older(t: float, kind: str, text: str) -> Event:
    """An event of an older run as it would be stored today.

    Args:
        t: s since the run began.
        kind: as it was stored.
        text: likewise; it may begin with the name of a probe or monitor.
    """
    source, colon, detail = text.partition(": ")
    if not colon or (kind not in _NAMED and "." not in kind):
        return Event(t, kind, text)
    if kind == "disk.engine" and detail.startswith(_QUEUELESS):
        kind = "disk.queueless"
    return Event(t, kind, detail, source)
