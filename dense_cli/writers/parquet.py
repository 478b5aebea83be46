"""Parquet: one row of the table per row of the output, with the columns of a CSV; values stand in lists."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from dense_cli.files.arrow import pyarrow
from dense_cli.text import axis_names, encodable
from dense_cli.views.evaluate import Result
from dense_cli.writers.npy import kind_of
from dense_cli.writers.writer import Writer

_GROUP = 16 << 20  # bytes of the rows that wait for their row group


class _Sink:
    """An output that pyarrow writes forwards, be it a file, a pipe or a device."""

    closed = False

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._at = 0

    def write(self, data: Any) -> int:
        """Write bytes; a writer that is given up after an error has nothing more to say."""
        if not self._out.closed:
            self._out.write(data)
        self._at += len(data)
        return len(data)

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self._at

    def flush(self) -> None:
        """Wait for the end."""


class Parquet(Writer):
    """``sample, t, class, label, mask``, measures, and ``probabilities``, or those of the likeliest."""

    def begin(self) -> None:
        """Make pyarrow's writer of a table with these columns."""
        pa, parquet = pyarrow("writing Parquet", ""), pyarrow("writing Parquet", "parquet")
        self.pa = pa
        self.labels: Any = None
        if self.run.labels is not None:
            self.labels = pa.array([*map(encodable, self.run.labels)], pa.string())
        self.schema = pa.schema(self._fields())
        self.waiting: list[Any] = []
        self.bytes = 0
        self.sink = parquet.ParquetWriter(
            _Sink(self.out), self.schema, use_dictionary=["label"], write_page_checksum=True
        )

    def _fields(self) -> list[tuple[str, Any]]:
        pa, run = self.pa, self.run
        fields = [(name, pa.int64()) for name in axis_names(len(run.shape) - 1)]
        fields += [("class", pa.int64())] * (not run.shows_values)
        fields += [("label", pa.string())] * (self.labels is not None) + [("mask", pa.bool_())] * run.masked
        fields += [(name, pa.from_numpy_dtype(kind_of(run, name)[0])) for name in run.measures]
        values, shown = pa.from_numpy_dtype(run.dtype), self.view.values
        if self.view.top:
            fields.append(("top_classes", pa.list_(pa.int64(), self.view.top)))
            if self.labels is not None:
                fields.append(("top_labels", pa.list_(pa.string(), self.view.top)))
            if shown != "classes":
                fields.append((f"top_{shown}", pa.list_(values, self.view.top)))
        elif shown != "classes":
            fields.append((shown, pa.list_(values, run.classes)))
        return fields

    def write(self, result: Result) -> None:
        """Take rows, and write a row group when there are enough of them."""
        pa = self.pa
        arrays = [self._column(field.name, result, field.type) for field in self.schema]
        batch = pa.record_batch(arrays, schema=self.schema)
        self.waiting.append(batch)
        self.bytes += batch.nbytes
        if self.bytes > _GROUP:
            self._write()

    def _column(self, name: str, result: Result, type: Any) -> Any:
        """Return a column of the table; no class, label and rank are null."""
        pa, axes = self.pa, axis_names(len(self.run.shape) - 1)
        if name in axes:
            return _own(pa, result.places[:, axes.index(name)])
        if name == "mask" and result.mask is not None:
            return _own(pa, result.mask)
        if name in result.measures:
            values = result.measures[name]
            return _own(pa, values, values == 0 if name == "rank" else None, type)
        if name == "class":
            return _known(pa, result.classes)
        if name == "label":
            return self.labels.take(_known(pa, result.classes))
        return pa.FixedSizeListArray.from_arrays(self._values(name, result), type=type)

    def _values(self, name: str, result: Result) -> Any:
        """Return the numbers, or labels, of all lists of a column."""
        if result.top_classes is None or result.top_values is None:
            return _own(self.pa, result.arrays[name].reshape(-1))
        classes = _known(self.pa, result.top_classes.reshape(-1))
        if name == "top_classes":
            return classes
        if name == "top_labels":
            return self.labels.take(classes)
        return _own(self.pa, result.top_values.reshape(-1))

    def _write(self) -> None:
        if self.waiting:
            self.sink.write_table(self.pa.Table.from_batches(self.waiting, self.schema))
        self.waiting, self.bytes = [], 0

    def end(self) -> None:
        """Write the rows that have waited, and the footer."""
        self._write()
        self.sink.close()


def _known(pa: Any, classes: NDArray[np.int64]) -> Any:
    return _own(pa, classes, classes < 0)


def _own(pa: Any, values: NDArray[Any], missing: NDArray[np.bool_] | None = None, type: Any = None) -> Any:
    """Return a column that keeps its numbers: the rows wait, and the memory of a block is used again."""
    return pa.array(values.copy(), type, mask=missing)
