"""The tables of docs/lab.md that the lab writes itself, each between marks that name it. Pure.

A name is that of the scenarios' file and of what the table shows: ``cpu-windows``, ``scenarios-signs``.
"""

from __future__ import annotations

from typing import Any

from tests.lab import cpu_tables, matrix
from tests.lab.errors import LabError
from tests.lab.matrix import RunResult
from tests.tools import documents


def written(text: str, book: str, results: list[RunResult], facts: dict[str, Any]) -> str:
    """The document with the tables of these results in place of older ones.

    A table for which the results have nothing stays as it is.

    Args:
        text: the document.
        book: the name of the scenarios' file, without its ending.
        results: of its scenarios.
        facts: when, and by which commit.

    Raises:
        LabError: the document has no table of these scenarios.
    """
    wanted = {f"{book}-{name}": lines for name, lines in _tables(results).items() if lines}
    marked = wanted.keys() & set(documents.NAMES.findall(text))
    if not marked:
        raise LabError(f"docs/lab.md marks none of the tables {', '.join(wanted) or book}")
    about = f"{facts['date']}, commit {facts['commit']}. Runs: {len(results)}."
    for name in sorted(marked):
        text = documents.replaced(text, name, [about, "", *wanted[name]])
    return text


def _tables(results: list[RunResult]) -> dict[str, list[str]]:
    windows, figures = (_lines(head, rows) for _, head, rows in matrix.cpu_errors(results))
    return {"windows": windows, "figures": figures, "signs": _signs(results)}


def _lines(head: cpu_tables.Cells, rows: list[cpu_tables.Cells]) -> list[str]:
    return list(cpu_tables.markdown(head, rows)) if rows else []


def _signs(results: list[RunResult]) -> list[str]:
    tally = matrix.tally(results)
    if not tally:
        return []
    counted = ", ".join(f"{count} {name}" for name, count in sorted(tally.items()))
    return [f"{counted}.", "", *matrix.by_sign(results)]
