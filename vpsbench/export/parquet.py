"""All readings as Parquet, where pyarrow is installed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vpsbench.errors import VpsbenchError
from vpsbench.export import Export, Source
from vpsbench.export.plain_tables.rows import COLUMNS, label_text

if TYPE_CHECKING:
    import numpy as np

    from vpsbench.store.reader import Stream

    Batch = tuple[np.ndarray, np.ndarray, np.ndarray]

_ROWS: Final = 500_000  # of a row group: 10 MB, and small beside what readers of Parquet expect


def write_parquet(stream: Stream, path: Path) -> None:
    """One row group for each batch that is large enough; metric, labels and unit as dictionaries.

    Raises:
        VpsbenchError: pyarrow is not installed.
    """
    import numpy as np

    try:
        import pyarrow as pa  # an optional extra
        import pyarrow.parquet as pq
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


def _large(batches: Iterable[Batch]) -> Iterable[Batch]:
    """The same readings in fewer batches."""
    kept: list[Batch] = []
    for batch in batches:
        kept.append(batch)
        if sum(times.size for times, _, _ in kept) >= _ROWS:
            yield _joined(kept)
            kept = []
    if kept:
        yield _joined(kept)


def _joined(batches: list[Batch]) -> Batch:
    import numpy as np

    times, values, places = (np.concatenate(column) for column in zip(*batches, strict=True))
    return times, values, places


def _write(source: Source, path: Path) -> None:
    from vpsbench.store.reader import stream

    with stream(source.database, source.run_id) as found:
        write_parquet(found, path)


EXPORT: Final = Export(
    name="parquet", help="all readings as Parquet (pip install 'vpsbench[parquet]')", file=_write
)
