"""Finds the runs that a user means: files, patterns, or one run of many in a file, each with a name."""

from __future__ import annotations

import glob
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vpsbench.errors import VpsbenchError

_PATTERN: Final = re.compile(r"[*?\[]")
_RUN: Final = re.compile(r"(?P<file>.+)[#:](?P<run>\d+|all)")
_NAMED: Final = re.compile(r"(?P<name>[^=/]+)=(?P<rest>.+)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One run to be read; ``run`` None: the latest of its file."""

    label: str
    path: Path
    run: int | None


def which(words: Iterable[str]) -> list[Wanted]:
    """The runs that words such as ``a.db``, ``a.db#3``, ``a.db:all``, ``'runs/*.db'`` and ``NAME=a.db`` name.

    A file that exists under the very word is meant, whatever is in its name. Names that the user did not
    give are the parts of the paths that tell them apart.

    Raises:
        VpsbenchError: a pattern fits no file, a file cannot be read, or a name stands for two runs.
    """
    wanted = [Wanted(name, *one) for name, runs in map(_split, words) for one in runs]
    found = _named(list(dict.fromkeys(wanted)))
    for name, count in Counter(one.label for one in found).items():
        if count > 1:
            raise VpsbenchError(
                f"The name {name!r} stands for {count} runs.",
                "Give each its own: NAME=FILE or NAME=FILE#RUN.",
            )
    return found


def _split(word: str) -> tuple[str, list[tuple[Path, int | None]]]:
    """The name before the "=", and the runs that the rest stands for."""
    name, rest = "", word
    if not Path(word).exists() and (named := _NAMED.fullmatch(word)):
        name, rest = named["name"], named["rest"]
    run: str | None = None
    if not Path(rest).exists() and (split := _RUN.fullmatch(rest)):
        rest, run = split["file"], split["run"]
    return name, [(path, number) for path in _files(rest) for number in _numbers(path, run)]


def _files(text: str) -> list[Path]:
    if Path(text).exists() or not _PATTERN.search(text):
        return [Path(text)]
    found = sorted(glob.glob(text, recursive=True))  # noqa: PTH207  a pattern may be absolute; Path.glob's may not
    if not found:
        raise VpsbenchError(
            f"No file fits {text}.", "Databases are named by their files: vpsbench compare a.db b.db."
        )
    return [Path(name) for name in found]


def _numbers(path: Path, run: str | None) -> list[int | None]:
    if run == "all":
        from vpsbench.store import reader

        return [one.id for one in reader.runs(path)]
    return [None if run is None else int(run)]


def _named(found: list[Wanted]) -> list[Wanted]:
    """Names by what tells the files apart, then the run where it was asked for.

    A name that the user gave to one run stays as it is; one given to several goes before that.
    """
    given = Counter(one.label for one in found if one.label)
    alone = {label for label, count in given.items() if count == 1}
    short = _short({one.path for one in found if one.label not in alone})

    def name(one: Wanted) -> str:
        number = "" if one.run is None else f"#{one.run}"
        return one.label if one.label in alone else f"{one.label} {short[one.path]}{number}".strip()

    return [Wanted(name(one), one.path, one.run) for one in found]


def _short(paths: set[Path]) -> dict[Path, str]:
    """The shortest end of each path that no other has; without its last part where others share that.

    So ``a/run.db`` and ``b/run.db`` are a and b.
    """
    parts = {path: path.absolute().with_suffix("").parts for path in paths}
    ends = {
        path: _end(own, [other for other in parts.values() if other != own]) for path, own in parts.items()
    }
    names = {path: "/".join(end[:-1] or end) for path, end in ends.items()}
    count = Counter(names.values())
    return {path: name if count[name] == 1 else "/".join(ends[path]) for path, name in names.items()}


def _end(own: tuple[str, ...], others: list[tuple[str, ...]]) -> tuple[str, ...]:
    return next(
        (own[-k:] for k in range(1, len(own)) if all(other[-k:] != own[-k:] for other in others)), own
    )
