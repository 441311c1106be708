"""The comparison for the terminal: figures down and runs across where they fit, else a line a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vpsbench.compare.contest import Cell, Comparison, Standing
from vpsbench.model import Word
from vpsbench.report.comparison import wording as words
from vpsbench.wording.text import plain

ACROSS: Final = 6  # runs; with more, each gets a line and only the key figures are shown
_FIRST: Final = 26  # columns that a figure's title takes
_EACH: Final = 22  # columns that a run takes
_STYLES: Final = {
    Standing.BEST: "bold green", Standing.LEVEL: "green", Standing.BEHIND: "red", Standing.UNKNOWN: "dim",
    Word.KEPT: "green", Word.SUSPECT: "yellow", Word.BROKEN: "bold red", Word.INCONCLUSIVE: "dim",
}  # fmt: skip


def show(comparison: Comparison, left_out: dict[str, str], console: Console) -> None:
    """Print a comparison; names go out as ``Text``, so that brackets in them stay brackets."""
    names = words.labels(comparison)
    console.print(Text(f"{len(names)} runs side by side", "bold"))
    console.print(Text(words.outcome(comparison)))
    console.print()
    _runs(comparison, names, console)
    if len(names) <= ACROSS:
        fit = max((console.width - _FIRST) // _EACH, 1)
        for first in range(0, len(names), fit):
            _figures(comparison, range(first, min(first + fit, len(names))), console)
        console.print(Text(words.HOW_TO_READ, "dim"))
        _more(comparison, names, console)
    else:
        _lines(comparison, names, console)
        console.print(Text(words.HOW_TO_READ, "dim"))
    _notes(comparison, names, left_out, console)


def _table(*heads: tuple[str, bool]) -> Table:
    """A light table; a head is its text, and whether its column holds numbers."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    for text, right in heads:
        table.add_column(Text(text), justify="right" if right else "left", overflow="fold")
    return table


def _runs(comparison: Comparison, names: tuple[str, ...], console: Console) -> None:
    table = _table(
        ("run", False), ("verdict", False), ("promises", False), ("findings", False), ("measured", False)
    )
    for name, run in zip(names, comparison.runs, strict=True):
        word = Text(run.word, _STYLES.get(run.word, ""))
        table.add_row(
            Text(name, "bold"), word, *map(Text, (words.kept(run), words.told(run), words.facts(run)))
        )
    console.print(table)
    console.print()


def _figures(comparison: Comparison, places: range, console: Console) -> None:
    names = words.labels(comparison)
    table = _table(("figure (* see below)", False), *((names[k], True) for k in places))
    for row in comparison.rows:
        star = " *" if words.spoilt(comparison, row) else ""
        table.add_row(Text(f"{row.title}{star}"), *(_cell(row.cells[k]) for k in places))
    console.print(table)
    console.print()


def _cell(cell: Cell | None) -> Text:
    """Value, ratio to the best and mark; under them the interval."""
    if cell is None:
        return Text("-", "dim")
    said = words.shown(cell)
    text = Text(" ".join(filter(None, (said.value, said.ratio, said.mark))), _STYLES[cell.standing])
    return text.append(f"\n{said.interval}", "dim") if said.interval else text


def _more(comparison: Comparison, names: tuple[str, ...], console: Console) -> None:
    """How steady the key figures were, and what each gives for its price; where any run says so."""
    for title, fields in (("Steadiness", ("spread", "worst")), ("For the money", ("price",))):
        table = _table((title, False), ("run", False), *((words.FIELDS[field], True) for field in fields))
        for row in comparison.rows:
            for name, cell in zip(names, row.cells, strict=True):
                said = words.shown(cell) if cell is not None and row.name in words.KEY else None
                cells = [getattr(said, field) for field in fields] if said else []
                if any(cells):
                    table.add_row(Text(row.title), Text(name), *map(Text, cells))
        if table.row_count:
            console.print()
            console.print(table)


def _lines(comparison: Comparison, names: tuple[str, ...], console: Console) -> None:
    rows = [row for row in comparison.rows if row.name in words.KEY]
    fit = max((console.width - _FIRST) // 15, 1)
    for first in range(0, len(rows), fit):
        part = rows[first : first + fit]
        table = _table(("run", False), *((row.title, True) for row in part))
        for k, name in enumerate(names):
            table.add_row(Text(name), *(_short(row.cells[k]) for row in part))
        console.print(table)
        console.print()


def _short(cell: Cell | None) -> Text:
    if cell is None:
        return Text("-", "dim")
    said = words.shown(cell)
    return Text(f"{said.value} {said.mark}", _STYLES[cell.standing])


def _notes(
    comparison: Comparison, names: tuple[str, ...], left_out: dict[str, str], console: Console
) -> None:
    for title, lines in _parts(comparison, names, left_out):
        console.print()
        console.print(Text(title, "bold underline"))
        for line in lines:
            console.print(Text(line))


def _parts(
    comparison: Comparison, names: tuple[str, ...], left_out: dict[str, str]
) -> Iterator[tuple[str, list[str]]]:
    if comparison.caveats:
        yield (
            "* Not strictly comparable, as it was not the same",
            [words.caveat(c, names) for c in comparison.caveats],
        )
    if comparison.unpriced:
        unread = [f"{names[k]}: {plain(comparison.runs[k].price or '')}" for k in comparison.unpriced]
        yield 'Prices not understood (write such as "4.99 EUR a month")', unread
    if left_out:
        yield "Left out", [plain(f"{label}: {reason}") for label, reason in left_out.items()]
    yield "How this was told", [words.method(comparison)]
