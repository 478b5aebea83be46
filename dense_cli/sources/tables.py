"""Parquet and Arrow: tables of typed columns.

In: a stream. Out: a `StreamSource`, one record batch after another. Columns of numbers are the features of
one sample a row; a column of lists has a sample in each row: a vector, or steps, whose number may differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import DtypeError, FileFormatError, ShapeError
from dense_cli.files.stream import ByteStream
from dense_cli.sources.open import Request
from dense_cli.sources.row_numbers import RowNumbers
from dense_cli.sources.schema import PICK, TableColumns, kind_of, read_columns
from dense_cli.sources.source import Chunk, Places, Source
from dense_cli.sources.streamed import StreamSource

_CHUNK = 4 << 20  # bytes of a record batch that are worked on at once


def read_parquet(stream: ByteStream, request: Request) -> Source:
    """Read a Parquet file, in place or by way of a temporary file.

    Raises:
        MissingExtraError: pyarrow is not installed.
        FileFormatError, DtypeError, ShapeError, ConfigError: it is not what it should be.
    """
    from dense_cli.files.parquet import batches, open_parquet

    _require_data(stream)
    file = stream.whole()
    opened = open_parquet(file)
    table = _Table(read_columns(opened.schema_arrow, request, stream.name), stream, request)
    rows = batches(opened, table.names, file, stream.memory, lists=table.asked.lists)
    return table.source(rows, opened.metadata.num_rows)


def read_arrow(stream: ByteStream, request: Request) -> Source:
    """Read Arrow's IPC format, as a file or as a stream, which flows; errors are those of `read_parquet`."""
    from dense_cli.files.arrow import ArrowStream

    _require_data(stream)
    opened = ArrowStream(stream)
    table = _Table(read_columns(opened.schema, request, stream.name), stream, request)
    return table.source(opened.batches(table.names), None)


def _require_data(stream: ByteStream) -> None:
    if not stream.start(1):
        raise FileFormatError(f"{stream.name}: no data: the input is empty")


class _Table:
    """Record batches → chunks; keeps what the first says that the others must be like.

    Attributes:
        names: the columns that are read.
    """

    def __init__(self, asked: TableColumns, stream: ByteStream, request: Request) -> None:
        self.asked = asked
        self.name = stream.name
        self.stream = stream
        self.request = request
        fields = [asked.schema.field(at) for at in asked.columns]
        self.names: list[str] = [field.name for field in fields]
        self._kinds = [kind_of(field, stream.name) for field in fields]
        self._dtype = np.result_type(*[kind.dtype for kind in self._kinds[asked.places + asked.numbered :]])
        if request.names is not None and not asked.lists:
            request.names.extend(self.names[int(asked.numbered) :])
        self._rows = 0
        self._sizes: tuple[int, ...] | None = None  # of a sample after its time steps, features last
        self._index = RowNumbers(self.name, PICK)

    def source(self, batches: Iterator[Any], rows: int | None) -> Source:
        """Return the source of record batches, of which there are ``rows`` rows where that is known."""
        made = self._chunks(batches, rows)
        shape: tuple[int | None, ...] | None = None
        if rows is not None and not self._ragged and not self.asked.places:
            first = next(made)
            made = chain([first], made)
            shape = (rows, *(self._sizes or first.x.shape[1:]))
        return StreamSource(self.name, self._dtype, made, shape, memory=self.stream.memory)

    @property
    def _ragged(self) -> bool:
        """Whether samples may differ in their time steps."""
        sizes = self._kinds[-1].sizes
        return len(sizes) > 1 and sizes[0] is None

    def _chunks(self, batches: Iterator[Any], rows: int | None) -> Iterator[Chunk]:
        for batch in batches:
            step = max(1, _CHUNK * batch.num_rows // max(batch.nbytes, 1))
            for start in range(0, batch.num_rows, step):
                yield self._chunk(batch.slice(start, step))
        if rows is not None and self._rows != rows:
            raise FileFormatError(f"{self.name}: truncated: {self._rows} of {rows} rows are there")
        if not self._rows:
            raise FileFormatError(f"{self.name}: no data: the table has no rows")

    def _chunk(self, batch: Any) -> Chunk:
        """Return some rows of the table as rows of features."""
        start, self._rows = self._rows, self._rows + batch.num_rows
        if not start and self.asked.remark is not None:
            self.request.note(f"{self.name}: {self.asked.remark}")
        pause = not self.stream.regular
        if not self.asked.lists:
            x = self._features(batch, start)
            return Chunk(x, np.arange(start, self._rows)[:, None], pause, whole=True)
        x, places = self._samples(batch.column(len(self.names) - 1), start)
        if not self.asked.places:
            return Chunk(x, places, pause, whole=True)
        if len(x) != batch.num_rows:
            raise ShapeError(f"{self.name}: column {self.names[-1]!r}: expected one list of numbers in a row")
        stated = [self._numbers(batch.column(at), at, start) for at in range(self.asked.places)]
        return Chunk(x, self._places(stated), pause, stated=True)

    def _features(self, batch: Any, start: int) -> NDArray[Any]:
        """Return columns of numbers side by side."""
        columns = [self._numbers(column, at, start) for at, column in enumerate(batch.columns)]
        if self.asked.numbered:
            self._index.check(columns.pop(0), lambda row: f"row {start + row}")
        return np.stack(columns, axis=1, dtype=self._dtype, casting="unsafe")

    def _numbers(self, column: Any, at: int, start: int) -> NDArray[Any]:
        """Return a column of numbers."""
        self._require_no_null(column, at, start)
        numbers: NDArray[Any] = column.to_numpy(zero_copy_only=False)
        return numbers

    def _require_no_null(self, column: Any, at: int, start: int) -> None:
        if column.null_count:
            row = start + int(column.is_null().to_numpy(zero_copy_only=False).argmax())
            raise DtypeError(f"{self.name}: column {self.names[at]!r}: row {row} is null: expected a number")

    def _places(self, stated: list[NDArray[Any]]) -> Places:
        if any(axis.dtype.kind not in "iu" or (axis < 0).any() or (axis >= 2**53).any() for axis in stated):
            raise DtypeError(f"{self.name}: expected whole numbers for {' and '.join(self.names[:-1])}")
        return np.stack(stated, axis=1, dtype=np.int64, casting="unsafe")

    def _samples(self, column: Any, start: int) -> tuple[NDArray[Any], Places]:
        """Return the rows of a column of lists, and their places."""
        where = f"{self.name}: column {self.names[-1]!r}"
        count = len(column)
        self._require_no_null(column, -1, start)
        values, steps, sizes = self._flattened(column, start, where)
        if values.null_count:
            raise DtypeError(f"{where}: a number in rows {start} to {start + count - 1} is null")
        if sizes[-1] == 0:
            raise ShapeError(f"{where}: expected features, found an empty list in row {start}")
        self._sizes = sizes
        x = values.to_numpy(zero_copy_only=False).reshape(-1, sizes[-1])
        return x, _grid(start, count, steps, sizes[:-1])

    def _flattened(
        self, column: Any, start: int, where: str
    ) -> tuple[Any, NDArray[np.int64] | None, tuple[int, ...]]:
        """Return all numbers of nested lists, the steps of each row where these may differ, other sizes."""
        sizes = self._kinds[-1].sizes
        if hasattr(column, "storage"):  # arrow.fixed_shape_tensor: all numbers of a sample in one list
            return column.storage.flatten(), None, cast("tuple[int, ...]", sizes)
        steps: NDArray[np.int64] | None = None
        inner: list[int] = []
        for level, size in enumerate(sizes):
            if column.null_count:
                raise DtypeError(f"{where}: a list in rows from {start} on is null")
            if size is not None:
                inner.append(size)
            elif level == 0 and self._ragged:
                steps = _lengths(column)
                if not steps.all():
                    raise ShapeError(f"{where}: row {start + int(steps.argmin())} has no time steps")
            else:
                known = None if self._sizes is None else self._sizes[len(inner)]
                inner.append(_one_length(_lengths(column), known, None if level else start, where))
            column = column.flatten()
        return column, steps, tuple(inner)


def _lengths(column: Any) -> NDArray[np.int64]:
    lengths: NDArray[np.int64] = column.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
    return lengths


def _one_length(lengths: NDArray[np.int64], known: int | None, start: int | None, where: str) -> int:
    """Return the one length of all lists, that of those before where it is ``known``.

    ``start`` is the row of the first, where each is a row's.
    """
    expected = int(lengths[0]) if known is None else known
    wrong = np.flatnonzero(lengths != expected)
    if len(wrong):
        row = "a list inside" if start is None else f"row {start + int(wrong[0])}"
        raise ShapeError(
            f"{where}: ragged: {row} has length {lengths[wrong[0]]}, those before have {expected}"
        )
    return expected


def _grid(start: int, count: int, steps: NDArray[np.int64] | None, sizes: tuple[int, ...]) -> Places:
    """Return where rows stand: samples from ``start``, ``steps`` of each where these differ, other axes."""
    if steps is None:
        places: Places = np.indices((count, *sizes), np.int64).reshape(1 + len(sizes), -1).T
        places[:, 0] += start
        return places
    total, inner = int(steps.sum()), int(np.prod(sizes, dtype=np.int64))
    samples = np.repeat(np.arange(start, start + count), steps)
    times = np.arange(total) - np.repeat(np.cumsum(steps) - steps, steps)
    further = np.indices(sizes, np.int64).reshape(len(sizes), inner).T
    leading = np.stack([samples, times], axis=1)
    return np.concatenate([np.repeat(leading, inner, axis=0), np.tile(further, (total, 1))], axis=1)
