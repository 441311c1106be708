"""Lines of words, which is what most kernel files are made of; errors name the file and the line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

Texts = Mapping[str, str]  # file name as on the machine -> its text; unreadable files are absent
NUMBER: Final = re.compile(r"[0-9]+(\.[0-9]+)?")  # stricter than float(), which takes "nan" and "-1"
_ENDS: Final = frozenset(("", ":", " ", "\t", "\n"))  # what follows a name


class Line(NamedTuple):
    """One line, and where it stands; a named tuple, as dozens are made in each tick."""

    file: str
    number: int  # from 1
    words: list[str]

    def word(self, index: int) -> str:
        """One word; ValueError where the line is too short."""
        if index >= len(self.words):
            raise self.wrong(f"expected at least {index + 1} words")
        return self.words[index]

    def value(self, index: int) -> float:
        """One word as a number, which in these files is never negative; ValueError where it is none."""
        word = self.word(index)
        if not (word.isdecimal() and word.isascii()) and not NUMBER.fullmatch(word):
            raise self.wrong(f"expected a number instead of {word!r}")
        return float(word)

    def wrong(self, why: str) -> ValueError:
        """The error to raise about this line."""
        return ValueError(f"{self.file}, line {self.number}: {why}: {' '.join(self.words)[:200]!r}")


def lines(texts: Texts, file: str) -> Iterator[Line]:
    """The lines of a file that are not empty; LookupError where the file could not be read."""
    for number, line in enumerate(_readable(texts, file).splitlines(), 1):
        if words := line.split():
            yield Line(file, number, words)


def first(texts: Texts, file: str) -> Line:
    """The first line; LookupError where there is none."""
    return _first(file, _readable(texts, file))


@lru_cache(maxsize=64)  # most limits are the same in each tick
def _first(file: str, text: str) -> Line:
    for line in lines({file: text}, file):
        return line
    raise LookupError(f"{file}, line 1: the file is empty")


def named(texts: Texts, file: str, names: Iterable[str]) -> dict[str, Line]:
    """The lines whose first words are these names, with or without a colon, as far as there are such lines.

    Nothing else is taken apart: /proc/vmstat has 180 lines. LookupError where the file could not be read.
    """
    text = _readable(texts, file)
    return {name: line for name in names if (line := _named(file, text, name))}


def _named(file: str, text: str, name: str) -> Line | None:
    at = text.find(name)
    while at >= 0:
        start, after = text.rfind("\n", 0, at) + 1, at + len(name)
        if text[after : after + 1] in _ENDS and not text[start:at].strip():
            stop = text.find("\n", after)
            words = text[start : stop if stop >= 0 else None].split()
            return Line(file, text.count("\n", 0, start) + 1, words)
        at = text.find(name, after)
    return None


def _readable(texts: Texts, file: str) -> str:
    if file not in texts:
        raise LookupError(f"{file}: could not be read")
    return texts[file]
