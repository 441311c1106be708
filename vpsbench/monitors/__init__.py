"""Passive readers: each file here watches one source, read about once a second all along.

A monitor never opens a file. It names the files it wants; the runner reads them and hands over the
texts, so every parser is tested on captured text alone. Each module defines ``MONITOR``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from vpsbench.model import Metric, Sample

Texts = Mapping[str, str]  # file name as on the machine -> its text; unreadable files are absent


@dataclass(frozen=True, slots=True)
class Monitor:
    """One source.

    Args:
        name: the module's name.
        files: shell patterns of the files to read, as on the machine.
        metrics: all that ``parse`` may yield.
        parse: pure; turns the texts of one tick into samples. Raises ``ValueError`` or ``LookupError``
            on text that is not in the expected format, which the runner records as a gap, never as 0.
    """

    name: str
    files: tuple[str, ...]
    metrics: tuple[Metric, ...]
    parse: Callable[[Texts], Iterable[Sample]]
