"""What Datasette has to know to show an exported database nicely (https://docs.datasette.io/en/stable/metadata.html)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any, Final

from vpsbench.export import Export, Source
from vpsbench.export.plain_tables.queries import QUERIES
from vpsbench.model import Run

_TABLES: Final[dict[str, dict[str, Any]]] = {
    "run": {"description": "The run: when, where, under which plan, and the verdict."},
    "findings": {
        "description": "What every sign said. Doubts are about the measurement itself, and accuse nobody.",
        "facets": ["level"],
        "columns": {
            "low": "of the confidence interval",
            "high": "likewise",
            "since": "s since the run began",
        },
    },
    "promises": {"description": "The verdict on each promise.", "facets": ["word"]},
    "series": {
        "description": "What was measured, and in which unit; each series has its readings in samples.",
        "label_column": "metric",
        "facets": ["metric"],
        "size": 100,
    },
    "samples": {
        "description": "Each reading. An empty value is one that failed: nothing is known of that time.",
        "units": {"t": "s"},
        "sort": "t",
    },
    "readings": {"description": "samples with their names, and the time of day in UTC."},
    "rates": {"description": "Growth of the counters a second."},
    "hourly": {"description": "Each series by the hour of the run."},
    "turns": {
        "description": "Each act of measuring, as it went.",
        "facets": ["probe", "status"],
        "sort": "started",
    },
    "events": {
        "description": "Gaps, pauses, clock steps, probes that died.",
        "facets": ["kind"],
        "sort": "t",
    },
}


def metadata(run: Run, database: str) -> str:
    """The metadata as JSON; ``database`` is the exported file's name without its suffix."""
    queries = {query.name: {"title": query.title, "sql": query.sql} for query in QUERIES}
    found = {
        "title": f"vpsbench: run {run.id} on {run.guest.hostname}",
        "description": "Times are seconds since the run began; units are SI base units.",
        "databases": {database: {"tables": _TABLES, "queries": queries}},
    }
    return json.dumps(found, indent=2) + "\n"


def _write(source: Source, file: IO[str]) -> None:
    from vpsbench.store.reader import head

    database = Path(source.others.get("sqlite", "vpsbench")).stem
    file.write(metadata(head(source.database, source.run_id).run, database))


EXPORT: Final = Export(
    name="datasette", help="metadata with which Datasette shows what --sqlite wrote", text=_write
)
