"""Which stored run a command is about: in the same words for each command."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from vpsbench.store import database


def add_db(parser: ArgumentParser) -> None:
    """Adds ``--db``."""
    parser.add_argument(
        "--db",
        metavar="FILE",
        type=Path,
        default=database.default_path(),
        help="the database (default: %(default)s)",
    )


def add_run(parser: ArgumentParser) -> None:
    """Adds ``RUN`` (None: the latest) and ``--db``."""
    parser.add_argument(
        "run_id", metavar="RUN", nargs="?", type=int, help="the run's number (default: the latest)"
    )
    add_db(parser)
