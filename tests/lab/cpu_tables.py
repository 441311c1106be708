"""The tables of the CPU figures' errors: of windows by scenario, and of single figures by run. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from statistics import median
from typing import Final

from tests.lab.accuracy import Window
from tests.lab.figures import Figure

Cells = tuple[str, ...]
WINDOWS: Final = (
    "scenario",
    "share",
    "windows",
    "truth",
    "largest error",
    "median error",
    "where it was largest",
)
FIGURES: Final = ("scenario", "figure", "estimate", "truth", "error")


def windows(found: Iterable[tuple[str, Window]]) -> list[Cells]:
    """A row for each scenario and kind of share, of all its repetitions, and one for all scenarios."""
    groups: dict[tuple[str, str], list[Window]] = {}
    every: dict[str, list[Window]] = {}
    for scenario, one in found:
        groups.setdefault((scenario, one.what), []).append(one)
        every.setdefault(one.what, []).append(replace(one, loop=f"{scenario}, {one.loop}"))
    rows = [_row(scenario, what, group) for (scenario, what), group in groups.items()]
    return rows + [_row("all scenarios", what, group) for what, group in every.items()]


def _row(scenario: str, what: str, group: list[Window]) -> Cells:
    real = [one.truth for one in group]
    worst = max(group, key=lambda one: abs(one.error))
    lengths = sorted({round(one.until - one.since) for one in group})
    return (
        scenario,
        what,
        f"{len(group)} of {' to '.join(str(one) for one in dict.fromkeys((lengths[0], lengths[-1])))} s",
        f"{100 * min(real):.1f} to {100 * max(real):.1f} %",
        points(abs(worst.error)),
        points(median(abs(one.error) for one in group)),
        f"{worst.loop}, {worst.since:.0f} to {worst.until:.0f} s: {points(worst.error, '+')}",
    )


def figures(found: Iterable[tuple[str, Figure]]) -> list[Cells]:
    """A row for each figure of each run."""
    return [
        (run, one.name, value(one.estimate, one.unit), value(one.truth, one.unit), _error(one))
        for run, one in found
    ]


def _error(one: Figure) -> str:
    if one.error is None:
        return "-"
    return f"{100 * one.error:+.1f} %" if one.relative else points(one.error, "+")


def points(share: float, sign: str = "") -> str:
    """A difference of shares, in percentage points."""
    return f"{100 * share:{sign}.2f} pp"


def value(number: float | None, unit: str) -> str:
    """A figure for people to read."""
    if number is None:
        return "-"
    if unit == "1":
        return f"{100 * number:.2f} %"
    return f"{1000 * number:.2f} ms" if unit == "s" else f"{number:.2f} {unit}"


def markdown(head: Cells, rows: list[Cells]) -> Iterator[str]:
    """A table, or a word that there is nothing to show."""
    if not rows:
        yield "None."
        return
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
