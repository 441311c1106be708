"""A run's scores in one file of pyperf's format, for pyperf to compare."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Final

from vpsbench.errors import VpsbenchError
from vpsbench.export import Export, Source

if TYPE_CHECKING:
    import pyperf

    from vpsbench.model import Record


def scores(record: Record) -> pyperf.BenchmarkSuite:
    """All scores of a run.

    Raises:
        VpsbenchError: it has none, or they cannot stand in one file; and why.
    """
    from vpsbench.analyzer.verdict.judge import why_missing
    from vpsbench.probes.score import TIME
    from vpsbench.probes.score_suite.outputs import put_together

    number = record.run.id
    try:
        found = put_together(turn.raw for turn in record.turns)
    except ValueError as error:
        raise VpsbenchError(f"The scores of run {number} do not go into one file: {error}.") from error
    if found is None:
        raise VpsbenchError(
            f"Run {number} has no scores: {why_missing(record, TIME)}.",
            "`vpsbench run` measures some with each of its own profiles.",
        )
    return found


def _write(source: Source, file: IO[str]) -> None:
    from vpsbench.store.reader import read

    scores(read(source.database, source.run_id)).dump(file)


def _compressed(name: str) -> str:
    """Why a name will not do by which pyperf would take the file for compressed; empty for others."""
    return "it would not be compressed, as pyperf expects of .gz" if name.endswith(".gz") else ""


EXPORT: Final = Export(
    name="pyperf", help="the scores for pyperf, which compares them", text=_write, refuses=_compressed
)
