"""The commands of the CLI, one file each. A new command is a new file here, and a row of the README."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """One command; each module defines ``COMMAND``.

    Args:
        name: the module's name, and, with a hyphen for an underscore, the word that the user types.
        help: one line.
        examples: whole command lines, one a line, shown at the end of its ``--help``.
        configure: adds its arguments.
        run: does it; returns the exit status. Loads heavy rooms only when called, so that
            ``vpsbench --help`` is quick.
        exits_1: when ``run`` returns 1, in words; empty: never.
    """

    name: str
    help: str
    examples: str
    configure: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]
    exits_1: str = ""

    @property
    def word(self) -> str:
        """What the user types."""
        return self.name.replace("_", "-")
