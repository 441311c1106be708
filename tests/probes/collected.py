"""An ``Emit`` that keeps all that a probe hands over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from vpsbench.model import Metric


class Kept(NamedTuple):
    """One reading, as it was handed over."""

    value: float
    at: float | None
    labels: dict[str, str]


@dataclass
class Collected:
    """See ``Emit``."""

    samples: dict[Metric, list[Kept]] = field(default_factory=lambda: defaultdict(list))
    events: list[tuple[str, str]] = field(default_factory=list)
    raws: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def sample(self, metric: Metric, value: float, at: float | None = None, **labels: str) -> None:
        assert isinstance(metric, Metric)
        self.samples[metric].append(Kept(value, at, labels))

    def series(self, metric: Metric, values: Sequence[float], at: Sequence[float], **labels: str) -> None:
        for value, moment in zip(values, at, strict=True):
            self.sample(metric, value, moment, **labels)

    def event(self, kind: str, detail: str) -> None:
        self.events.append((kind, detail))

    def raw(self, name: str, text: str) -> None:
        self.raws[name] = text

    def note(self, text: str) -> None:
        assert text
        self.notes.append(text)

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.events]

    def kept(self, metric: Metric, **labels: str) -> list[Kept]:
        """The readings that carry these labels."""
        return [one for one in self.samples.get(metric, ()) if labels.items() <= one.labels.items()]

    def values(self, metric: Metric, **labels: str) -> list[float]:
        return [one.value for one in self.kept(metric, **labels)]

    def told(self) -> set[Metric]:
        """All metrics that anything was handed over of."""
        return {metric for metric, found in self.samples.items() if found}
