"""All readings as CSV, one a line."""

from __future__ import annotations

import csv
from typing import IO, TYPE_CHECKING, Final

from vpsbench.export import Export, Source
from vpsbench.export.plain_tables.rows import COLUMNS, label_text

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

    from vpsbench.store.reader import Stream


def write_csv(stream: Stream, file: SupportsWrite[str]) -> None:
    """RFC 4180, but lines end as the file does; the numbers are exact."""
    out = csv.writer(file, lineterminator="\n")
    out.writerow(COLUMNS)
    heads = [(metric.name, label_text(labels), metric.unit) for metric, labels in stream.heads]
    for times, values, places in stream.readings:
        rows = zip(times.tolist(), places.tolist(), values.tolist(), strict=True)
        out.writerows((t, *heads[place], "" if value != value else value) for t, place, value in rows)  # noqa: PLR0124  only NaN differs from itself


def _write(source: Source, file: IO[str]) -> None:
    from vpsbench.store.reader import stream

    with stream(source.database, source.run_id) as found:
        write_csv(found, file)


EXPORT: Final = Export(name="csv", help="all readings as CSV, one a line", text=_write)
