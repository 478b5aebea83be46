"""Parquet: a table in groups of rows, read by pyarrow some rows at a time.

The format: https://parquet.apache.org/docs/file-format/
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from dense_cli.files.arrow import arrow_errors, pyarrow, readable, valid
from dense_cli.files.stream import File, Section
from dense_cli.files.tensor import require_inflated

_BATCH = 4 << 20  # bytes of the rows that are read together
_MOST_ROWS = 1 << 16
_MOST_LISTS = 1 << 10  # of which nobody knows how long they are


def open_parquet(file: File) -> Any:
    """Return pyarrow's reader of a Parquet file.

    Raises:
        MissingExtraError: pyarrow is not installed.
        FileFormatError: not Parquet, or damaged.
    """
    parquet = pyarrow(f"{file.label}: reading Parquet", "parquet")
    with arrow_errors(file.label, "Parquet"):
        opened = parquet.ParquetFile(
            io.BufferedReader(Section(file)),
            buffer_size=1 << 20,
            pre_buffer=False,
            page_checksum_verification=True,
        )
        readable(opened.schema_arrow)
        return opened


def batches(table: Any, columns: list[str], file: File, memory: int | None, *, lists: bool) -> Iterator[Any]:
    """Give the record batches of some columns, in this order, from the first row to the last.

    Raises:
        FileFormatError: damaged.
        SizeError: it looks like a decompression bomb.
    """
    metadata = table.metadata
    with arrow_errors(file.label, "Parquet"):
        # Not of each column, which pyarrow describes without looking for what is damaged in its description.
        claimed = sum(metadata.row_group(at).total_byte_size for at in range(metadata.num_row_groups))
        claimed = max(claimed, metadata.num_rows * len(columns) * 4)
        require_inflated(claimed, file.size, file.label, f"{metadata.num_rows} rows", memory)
        rows = _BATCH // max(claimed // max(metadata.num_rows, 1), 1)
        most = _MOST_LISTS if lists else _MOST_ROWS
        size = max(1, min(rows, most))
        for batch in table.iter_batches(batch_size=size, columns=[*set(columns)], use_threads=False):
            yield valid(batch.select(columns))
