"""Passive readers: each file here watches one source, read about once a second all along.

A monitor never opens a file. It names the files it wants; the runner reads them and hands over the
texts, so every parser is tested on captured text alone. Each module defines ``MONITOR``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from vpsbench.guest.files import Files
from vpsbench.kernel_text.lines import Texts
from vpsbench.model import Metric, Sample

Find = Callable[[Files], tuple[str, ...]]


def matching(*patterns: str) -> Find:
    """The usual ``Monitor.files``: all files whose names match these shell patterns."""

    def find(files: Files) -> tuple[str, ...]:
        return tuple(name for pattern in patterns for name in files.matching(pattern))

    return find


@dataclass(frozen=True, slots=True)
class Monitor:
    """One source.

    Args:
        name: the module's name.
        files: names the files to read, as on the machine; asked once, when a run begins. None found means
            that this guest has nothing to watch here. Most monitors use ``matching``.
        metrics: all that ``parse`` may yield.
        parse: pure; turns the texts of one tick into samples, complete or none: what was there before and is
            missing now is a gap. Raises ``ValueError`` or ``LookupError``
            on text that is not in the expected format, which the runner records as a gap, never as 0.
    """

    name: str
    files: Find
    metrics: tuple[Metric, ...]
    parse: Callable[[Texts], Iterable[Sample]]
