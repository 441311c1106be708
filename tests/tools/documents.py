"""Writes the tables of the documents that follow from the code: ``make docs``.

Such a table stands between the lines ``<!-- table: NAME -->`` and ``<!-- end of table -->``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from tests.places import TREE
from tests.tools import metrics_page
from vpsbench import commands, export, monitors, probes, profiles
from vpsbench.analyzer import signs
from vpsbench.analyzer.signs import Sign
from vpsbench.analyzer.verdict.promises import ITEMS, Item, line_of
from vpsbench.commands import Command
from vpsbench.export import Export
from vpsbench.monitors import Monitor
from vpsbench.plugins import collect
from vpsbench.probes import Probe

BEGIN: Final = "<!-- table: {name} -->\n"
END: Final = "<!-- end of table -->\n"
NAMES: Final = re.compile(re.escape(BEGIN).replace(r"\{name\}", r"([\w-]+)"))
PARTS: Final = {
    "cpu": "CPU",
    "memory": "memory",
    "disk": "disk",
    "virtualization": "virtualization",
    "measurement": "the measurement itself",
}
Cells = tuple[str, ...]


def documents() -> list[Path]:
    """All documents that a reader meets."""
    return [*sorted(TREE.glob("*.md")), *sorted((TREE / "docs").rglob("*.md"))]


def replaced(text: str, name: str, lines: Iterable[str]) -> str:
    """The same text with other lines in the table of that name.

    Raises:
        LookupError: it has no such table.
    """
    begin = BEGIN.format(name=name)
    head, found, rest = text.partition(begin)
    _, ended, tail = rest.partition(END)
    if not found or not ended:
        raise LookupError(f"no table {name}: {begin.strip()} and {END.strip()}")
    return "\n".join((f"{head}{begin}", *lines, "", f"{END}{tail}"))


def current(text: str) -> str:
    """The same text with all tables that follow from the code as they should be."""
    for name in NAMES.findall(text):
        if name in TABLES:
            text = replaced(text, name, TABLES[name]())
    return text


def table(head: Cells, rows: Iterable[Cells]) -> Iterator[str]:
    """The lines of a table."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _signs() -> Iterator[str]:
    found = collect(signs, "SIGN", Sign).values()
    ordered = sorted(found, key=lambda sign: list(PARTS).index(sign.promise))
    return table(
        ("question", "sign", "about"),
        ((f"{one.question}{_told(one)}", one.name, PARTS[one.promise]) for one in ordered),
    )


def _told(sign: Sign) -> str:
    return "" if sign.accuses else " (told only)"


def _commands() -> Iterator[str]:
    found = collect(commands, "COMMAND", Command).values()
    rows = ((f"`vpsbench {one.name.replace('_', '-')}`", one.help) for one in found)
    return table(("command", "what it does"), rows)


def _profiles() -> Iterator[str]:
    options = {name: probe.options for name, probe in collect(probes, "PROBE", Probe).items()}
    found = [profiles.load_profile(path.stem, options) for path in profiles.folder().glob("*.toml")]
    ordered = sorted(found, key=lambda one: one.duration)
    return table(("profile", "what it is for"), ((one.name, one.description) for one in ordered))


def _probes() -> Iterator[str]:
    found = collect(probes, "PROBE", Probe)
    return table(("probe", "what it measures"), ((name, _about(probes.__name__, name)) for name in found))


def _monitors() -> Iterator[str]:
    found = collect(monitors, "MONITOR", Monitor)
    return table(("monitor", "what it reads"), ((name, _about(monitors.__name__, name)) for name in found))


def _exports() -> Iterator[str]:
    found = collect(export, "EXPORT", Export)
    return table(("option", "what it writes"), ((f"`--{name}`", one.help) for name, one in found.items()))


def _lines() -> Iterator[str]:
    """What a buyer would list, and which sign weighs on which line of it."""
    found = list(collect(signs, "SIGN", Sign).values())
    return table(
        ("line", "without a plan", "deciding signs", "others that weigh on it"),
        (
            (
                f"{PARTS[item.promise]}: `{item.name}`",
                item.implied or "",
                _names(sign for sign in found if item.decided_by(sign)),
                _names(sign for sign in found if _weighs(sign, item)),
            )
            for item in ITEMS
        ),
    )


def _weighs(sign: Sign, item: Item) -> bool:
    """Whether it weighs on a line that it does not decide: under a full plan, or under none."""
    always = [one for one in ITEMS if one.implied]
    return not item.decided_by(sign) and any(line_of(sign, lines) is item for lines in (ITEMS, always))


def _names(found: Iterable[Sign]) -> str:
    return ", ".join(sign.name for sign in found)


def _about(package: str, module: str) -> str:
    """The first line of a module's docstring."""
    return (sys.modules[f"{package}.{module}"].__doc__ or "").partition("\n")[0]


TABLES: Final[dict[str, Callable[[], Iterator[str]]]] = {
    "signs": _signs,
    "commands": _commands,
    "exports": _exports,
    "lines": _lines,
    "profiles": _profiles,
    "probes": _probes,
    "monitors": _monitors,
}


def main() -> None:
    """Writes every document anew whose tables are not current."""
    for path in documents():
        text = path.read_text(encoding="utf-8")
        if (wanted := current(text)) != text:
            path.write_text(wanted, encoding="utf-8")
            sys.stdout.write(f"{path.relative_to(TREE)} written\n")
    if metrics_page.PAGE.read_text(encoding="utf-8") != (wanted := metrics_page.page()):
        metrics_page.PAGE.write_text(wanted, encoding="utf-8")
        sys.stdout.write(f"{metrics_page.PAGE.relative_to(TREE)} written\n")


if __name__ == "__main__":
    main()
