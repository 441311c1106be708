"""Reads every monitor once a tick; what cannot be read is a gap, never a zero."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from vpsbench.guest.files import Files, KeptOpen
from vpsbench.model import Labels, Sample
from vpsbench.monitors import Monitor

Key = tuple[str, Labels]  # metric and labels
Problem = tuple[str, str]  # a monitor's name, and the reason


@dataclass(slots=True)
class Reading:
    """What all monitors gave in one tick."""

    samples: list[Sample] = field(default_factory=list)
    gaps: list[Key] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)  # each told once while it lasts


class MonitorReader:
    """Reads all monitors that find their files on this guest."""

    def __init__(self, monitors: Iterable[Monitor], files: Files) -> None:
        self._files = KeptOpen(files)
        found = {monitor: monitor.files(files) for monitor in monitors}
        self._watched = tuple((m, names) for m, names in found.items() if names)
        self.unavailable: list[Problem] = [
            (m.name, "this guest has no such files") for m, names in found.items() if not names
        ]
        self._seen: dict[str, set[Key]] = {}  # by monitor
        self._failing: dict[str, str] = {}  # likewise, why

    def read(self) -> Reading:
        """Reads every monitor once."""
        reading = Reading()
        for monitor, names in self._watched:
            samples = self._read(monitor, names, reading)
            keys = [(s.metric.name, s.labels) for s in samples]
            seen = self._seen.setdefault(monitor.name, set())
            seen.update(keys)
            reading.samples += samples
            if len(keys) < len(seen):
                reading.gaps += sorted(seen.difference(keys))
        return reading

    def _read(self, monitor: Monitor, names: tuple[str, ...], reading: Reading) -> list[Sample]:
        texts = {name: text for name in names if (text := self._files.text(name)) is not None}
        try:
            if not texts:
                raise LookupError(f"cannot read {', '.join(names[:3])}")  # noqa: TRY301  one way out
            samples = list(monitor.parse(texts))
        except (ValueError, LookupError) as error:
            if self._failing.get(monitor.name) != str(error):
                reading.problems.append((monitor.name, str(error)))
            self._failing[monitor.name] = str(error)
            return []
        self._failing.pop(monitor.name, None)
        return samples
