"""Which stored run a command is about: each command says it in the same words."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from vpsbench.store import database


def add_db(parser: ArgumentParser, *, of_latest: bool = False) -> None:
    """Adds ``--db``.

    Args:
        parser: of the command.
        of_latest: without the option the database of the latest run on this machine is meant; the value is
            then None, and ``run_status.where`` finds that database. Otherwise the usual one is meant.
    """
    usual = database.default_path()
    parser.add_argument(
        "--db",
        metavar="FILE",
        type=Path,
        default=None if of_latest else usual,
        help=f"the database (default: {'that of the latest run here' if of_latest else usual})",
    )


def add_run(parser: ArgumentParser, *, of_latest: bool = False, default: str = "the latest") -> None:
    """Adds ``RUN`` and ``--db``.

    Args:
        parser: of the command.
        of_latest: as of ``add_db``.
        default: the run that is meant without a number, in words; the value is then None.
    """
    parser.add_argument(
        "run_id", metavar="RUN", nargs="?", type=int, help=f"the run's number (default: {default})"
    )
    add_db(parser, of_latest=of_latest)
