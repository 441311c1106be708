"""The documents: their tables follow from the code, their links lead somewhere, their sentences are short."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from tests.places import DOCS, TREE
from tests.tools import documents

LONGEST: Final = 40  # words a sentence
AVERAGE: Final = 20
ALL: Final = documents.documents()
LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
PATH: Final = re.compile(r"(?<![\w/~.])(?:vpsbench|tests|profiles|docs)/[\w./-]*\w")
HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)
SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+|\n\s*\n|\n- ")
QUOTED: Final = re.compile(r"^`([\w./-]+)`$", re.MULTILINE)
CODE: Final = re.compile(r"```.*?```", re.DOTALL)


def name(path: Path) -> str:
    return str(path.relative_to(TREE))


def prose(text: str) -> str:
    """Without code, tables and comments."""
    lines = CODE.sub("", text).splitlines()
    return "\n".join("" if line.startswith(("|", "    ", "<!--")) else line for line in lines)


def sentences(text: str) -> list[str]:
    return [one for one in SENTENCE_END.split(prose(text)) if one.strip()]


def anchors(text: str) -> set[str]:
    """What a heading is called in a link, as GitHub and most others make it."""
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(CODE.sub("", text)))
    return {heading.strip().replace(" ", "-") for heading in kept}


@pytest.mark.parametrize("path", ALL, ids=name)
def test_the_tables_are_those_of_the_code(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert documents.current(text) == text, "run: make docs"


def test_a_table_of_every_kind_stands_somewhere() -> None:
    found = {one for path in ALL for one in documents.NAMES.findall(path.read_text(encoding="utf-8"))}
    assert set(documents.TABLES) <= found


def test_only_what_stands_between_the_marks_is_replaced() -> None:
    begin = documents.BEGIN.format(name="mine")
    text = f"before\n{begin}\nold\n\n{documents.END}after\n"
    once = documents.replaced(text, "mine", ["new"])
    assert once == f"before\n{begin}\nnew\n\n{documents.END}after\n"
    assert documents.replaced(once, "mine", ["new"]) == once
    with pytest.raises(LookupError, match="yours"):
        documents.replaced(text, "yours", ["new"])


@pytest.mark.parametrize("path", ALL, ids=name)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in LINK.findall(CODE.sub("", path.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), target
        assert not anchor or anchor in anchors(there.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("path", ALL, ids=name)
def test_no_sentence_is_long(path: Path) -> None:
    found = sentences(path.read_text(encoding="utf-8"))
    assert not [one for one in found if len(one.split()) > LONGEST]
    assert sum(len(one.split()) for one in found) / len(found) < AVERAGE


def test_every_document_can_be_reached_from_the_readme() -> None:
    reached, waiting = set[Path](), [TREE / "README.md"]
    while waiting:
        path = waiting.pop()
        if path in reached or path.suffix != ".md":
            continue
        reached.add(path)
        for target in LINK.findall(path.read_text(encoding="utf-8")):
            there = (path.parent / target.partition("#")[0]).resolve()
            waiting += [there] if there.is_file() else []
    assert set(DOCS.rglob("*.md")) <= reached


@pytest.mark.parametrize("path", ALL, ids=name)
def test_every_file_that_is_named_is_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    examples = set(QUOTED.findall(text))  # test_contributing.py makes them
    assert not {one for one in PATH.findall(text) if not (TREE / one).exists()} - examples


@pytest.mark.parametrize("path", sorted((TREE / "vpsbench").rglob("*.py")), ids=name)
def test_every_document_that_the_code_names_is_there(path: Path) -> None:
    for one in re.findall(r"\bdocs/[\w./-]*\w", path.read_text(encoding="utf-8")):
        assert (TREE / one).exists()
