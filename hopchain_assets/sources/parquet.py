"""Parquet files with image bytes in a column, one picture a row.

A file is read a few rows at a time, so that memory does not grow with it, nor with its row groups.
What is not covered: a single page of a column is decompressed as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hopchain_assets.sources.arrow_rows import BROKEN, Columns, Table, choose, pictures
from hopchain_assets.sources.incoming import LeftOut, Picture, UnusableSource

ROWS_AT_ONCE = 16
# with a buffer a column chunk is read by the piece, not as a whole
BUFFER_BYTES = 1 << 20


def count_parquet(files: Sequence[Path]) -> int:
    """How many rows the files have, by their footers; a broken file counts none."""
    return sum(pq.read_metadata(path).num_rows for path in files if _schema(path) is not None)


def read_parquet(files: Sequence[Path], root: Path, column: str | None = None) -> Iterator[Picture | LeftOut]:
    """The rows of the files, in order.

    A row that holds no bytes but a path is read from below `root`. The column is chosen by the first file that can be
    read, and of a file in which it is missing or that is broken, a reason is told.

    Raises:
        UnusableSource: when no column can be told to hold pictures, or there are several.
    """
    columns: Columns | None = None
    for path in files:
        schema = _schema(path)
        if schema is None:
            yield LeftOut(path.as_uri(), "it is no whole Parquet file: write or download it again")
            continue
        try:
            columns = choose(schema, columns.image if columns else column, path)
        except UnusableSource as error:
            if columns is None:
                raise
            yield LeftOut(path.as_uri(), str(error))
            continue
        yield from pictures(_batches(path, columns), columns, Table(path, root))


def _batches(path: Path, columns: Columns) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path, buffer_size=BUFFER_BYTES, pre_buffer=False) as file:
        yield from file.iter_batches(ROWS_AT_ONCE, columns=columns.names)


def _schema(path: Path) -> pa.Schema | None:
    try:
        schema = pq.read_schema(path)
        # names are decoded when somebody asks for them, and may be no text
        return schema if schema.names else None
    except BROKEN:
        return None
