"""Lines of words, which is what most kernel files are made of; errors name the file and the line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from vpsbench.monitors import Texts

NUMBER: Final = re.compile(r"[0-9]+(\.[0-9]+)?")  # stricter than float(), which takes "nan" and "-1"


class Line(NamedTuple):
    """One line, and where it stands; a named tuple, as hundreds are made in each tick."""

    file: str
    number: int  # from 1
    words: tuple[str, ...]

    def word(self, index: int) -> str:
        """One word; ValueError where the line is too short."""
        if index >= len(self.words):
            raise self.wrong(f"expected at least {index + 1} words")
        return self.words[index]

    def value(self, index: int) -> float:
        """One word as a number, which in these files is never negative; ValueError where it is none."""
        if not NUMBER.fullmatch(word := self.word(index)):
            raise self.wrong(f"expected a number instead of {word!r}")
        return float(word)

    def wrong(self, why: str) -> ValueError:
        """The error to raise about this line."""
        return ValueError(f"{self.file}, line {self.number}: {why}: {' '.join(self.words)[:200]!r}")


def lines(texts: Texts, file: str) -> Iterator[Line]:
    """The lines of a file that are not empty; LookupError where the file could not be read."""
    if file not in texts:
        raise LookupError(f"{file}: could not be read")
    for number, line in enumerate(texts[file].splitlines(), 1):
        if words := line.split():
            yield Line(file, number, tuple(words))


def first(texts: Texts, file: str) -> Line:
    """The first line; LookupError where there is none."""
    for line in lines(texts, file):
        return line
    raise LookupError(f"{file}, line 1: the file is empty")


class Table(Mapping[str, Line]):
    """Lines by their first words without a colon; one is taken apart when it is asked for."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._taken: dict[str, Line] = {}
        self._lines = {
            words[0].removesuffix(":"): (number, line)
            for number, line in enumerate(text.splitlines(), 1)
            if (words := line.split(None, 1))
        }

    def __getitem__(self, name: str) -> Line:
        found = self._taken.get(name)
        if found is None:
            number, line = self._lines[name]
            found = self._taken[name] = Line(self._file, number, tuple(line.split()))
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._lines

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)


def by_name(texts: Texts, file: str) -> Table:
    """The lines by their first words; LookupError where the file could not be read."""
    if file not in texts:
        raise LookupError(f"{file}: could not be read")
    return Table(file, texts[file])
