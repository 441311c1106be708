"""``vpsbench export``: what a run measured, in a file that another tool reads."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from vpsbench.commands import Command
from vpsbench.errors import VpsbenchError

if TYPE_CHECKING:
    import pyperf

    from vpsbench.model import Record


def _configure(parser: ArgumentParser) -> None:
    parser.add_argument(
        "run_id", metavar="RUN", nargs="?", type=int, help="the run's number (default: the latest)"
    )
    parser.add_argument("--db", metavar="FILE", type=Path, help="the database (default: reports/vpsbench.db)")
    parser.add_argument(
        "--pyperf",
        metavar="FILE",
        required=True,
        help="write the scores for pyperf, which compares them; - is standard output",
    )


def _run(args: Namespace) -> int:
    from vpsbench.database import default_path
    from vpsbench.report.files import replacing, require_writable

    file = None if args.pyperf == "-" else Path(args.pyperf)
    if args.pyperf.endswith(".gz"):
        raise VpsbenchError(f"{file} would not be compressed, as pyperf expects of .gz.", "Leave .gz out.")
    if file is not None:
        require_writable(file)

    from vpsbench.records import read

    record = read(args.db or default_path(), args.run_id)
    scores = _scores(record)
    if file is None:
        scores.dump(sys.stdout)
        return 0
    with replacing(file) as out:
        scores.dump(out)
    print(f"the scores of run {record.run.id} for pyperf: {file}")
    return 0


def _scores(record: Record) -> pyperf.BenchmarkSuite:
    """All scores of a run.

    Raises:
        VpsbenchError: it has none, or they cannot stand in one file; and why.
    """
    from vpsbench.analyzer.judge import why_missing
    from vpsbench.probes._scores import put_together

    number = record.run.id
    try:
        scores = put_together(turn.raw for turn in record.turns)
    except ValueError as error:
        raise VpsbenchError(f"The scores of run {number} do not go into one file: {error}.") from error
    if scores is None:
        raise VpsbenchError(
            f"Run {number} has no scores: {why_missing(record, 'score.time')}.",
            "`vpsbench run` measures some with each of its own profiles.",
        )
    return scores


COMMAND = Command(
    name="export",
    help="write a run's scores in the format of pyperf, to compare providers",
    examples="""\
vpsbench export --pyperf here.json
vpsbench export --pyperf there.json 3 --db there.db
python -m pyperf compare_to here.json there.json --table""",
    configure=_configure,
    run=_run,
)
