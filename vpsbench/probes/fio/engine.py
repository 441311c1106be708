"""Finds the way in which fio can make I/O here: the first of its engines that reads the file at all."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from vpsbench.probes.disk_file.layout import Target
from vpsbench.probes.fio.jobs import base
from vpsbench.probes.fio.output import totals
from vpsbench.probes.fio.process import FioProcess, Left

ENGINES: Final = ("io_uring", "libaio", "psync")  # the last one knows no queue
QUEUELESS: Final = ENGINES[-1]
_PATIENCE: Final = 15.0  # s for eight reads


class FioError(RuntimeError):
    """fio measured nothing at all."""


@dataclass(frozen=True, slots=True)
class Engine:
    """How I/O is made.

    Args:
        name: fio's.
        refused: why each better one was passed over.
    """

    name: str
    refused: tuple[str, ...] = ()

    @property
    def queueless(self) -> bool:
        """Whether it keeps one I/O under way at a time, whatever a job asks for."""
        return self.name == QUEUELESS


def find(target: Target) -> Engine:
    """The first engine that works on the file.

    Raises:
        FioError: none does, or fio hung.
    """
    refused: list[str] = []
    for name in ENGINES:
        reason = _try(name, target)
        if reason is None:
            return Engine(name, tuple(refused))
        refused.append(f"{name}: {reason}")
    raise FioError(f"fio cannot read the file it is to measure with; {'; '.join(refused)}")


def _try(name: str, target: Target) -> str | None:
    """Why fio could not read with an engine; None: it could."""
    line = ["--name=engine", *base(target, name), "--rw=randread", "--bs=4k", "--number_ios=8"]
    with FioProcess(line, target.path.parent) as process:
        if not process.wait(_PATIENCE):
            raise FioError(f"fio hung at its first reads (by {name})")
    return _why_refused(process.left())


def _why_refused(left: Left) -> str | None:
    try:
        found = totals(left.report)
    except ValueError as error:
        return f"{error} {left.complaints.strip()[:200]}".strip()
    return os.strerror(found.error) if found.error else None if found.ios else "nothing was read"
