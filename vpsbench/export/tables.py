"""Readings as rows: CSV, and Parquet where pyarrow is installed.

A row is (t, metric, labels, unit, value): t in s since the run began, labels as "state=steal vcpu=0", the
value empty or null where a reading failed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.errors import VpsbenchError

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

    from vpsbench.store.reader import Stream

COLUMNS: Final = ("t", "metric", "labels", "unit", "value")


def label_text(labels: dict[str, str]) -> str:
    """Labels in one text, in the order of their names."""
    return " ".join(f"{name}={value}" for name, value in sorted(labels.items()))


def write_csv(stream: Stream, file: SupportsWrite[str]) -> None:
    """RFC 4180, but lines end as the file does; the numbers are exact."""
    out = csv.writer(file, lineterminator="\n")
    out.writerow(COLUMNS)
    heads = [(metric.name, label_text(labels), metric.unit) for metric, labels in stream.heads]
    for times, values, places in stream.readings:
        rows = zip(times.tolist(), places.tolist(), values.tolist(), strict=True)
        out.writerows((t, *heads[place], "" if value != value else value) for t, place, value in rows)  # noqa: PLR0124  only NaN differs from itself


def write_parquet(stream: Stream, path: Path) -> None:
    """One row group for each batch that is large enough; metric, labels and unit as dictionaries.

    Raises:
        VpsbenchError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415  an optional extra
        import pyarrow.parquet as pq  # noqa: PLC0415  likewise
    except ImportError as error:
        raise VpsbenchError(
            "Parquet needs pyarrow, which is not installed.", "pip install 'vpsbench[parquet]'; or use --csv."
        ) from error
    texts = [(metric.name, label_text(labels), metric.unit) for metric, labels in stream.heads]
    words = [pa.array(column, pa.string()) for column in zip(*texts, strict=True)] or [
        pa.array([], pa.string())
    ] * 3
    kind = pa.dictionary(pa.int32(), pa.string())
    fields = zip(COLUMNS, (pa.float64(), kind, kind, kind, pa.float64()), strict=True)
    schema = pa.schema(fields, metadata={"run": str(stream.run.id), "started": str(stream.run.started)})
    with pq.ParquetWriter(path, schema, compression="zstd") as out:
        for times, values, places in _large(stream.readings):
            index = pa.array(places.astype(np.int32))
            said = [pa.DictionaryArray.from_arrays(index, column) for column in words]
            column = pa.array(values, mask=np.isnan(values))
            out.write_table(pa.table([pa.array(times), *said, column], schema=schema))


Batch = tuple["np.ndarray", "np.ndarray", "np.ndarray"]
_ROWS: Final = 500_000  # of a row group: 10 MB, and small beside what readers of Parquet expect


def _large(batches: Iterable[Batch]) -> Iterable[Batch]:
    """The same readings in fewer batches."""
    waiting: list[Batch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(times.size for times, _, _ in waiting) >= _ROWS:
            yield _joined(waiting)
            waiting = []
    if waiting:
        yield _joined(waiting)


def _joined(batches: list[Batch]) -> Batch:
    times, values, places = (np.concatenate(column) for column in zip(*batches, strict=True))
    return times, values, places
