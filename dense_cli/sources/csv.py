"""CSV and TSV: one sample per line, features in columns, an optional header; parsed by NumPy's loadtxt.

In: a stream of text. Out: a `StreamSource`, some thousand rows at a time. Lines become rows here, blank ones
and the header are left out; the `csv` module only splits the header and rows that are wrong.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from dense_cli.errors import ConfigError, DenseCliError, DtypeError, FileFormatError, ShapeError
from dense_cli.files.stream import ByteStream
from dense_cli.sources.columns import Columns, cells_of, columns_of, counts_up, is_number
from dense_cli.sources.open import Request
from dense_cli.sources.row_numbers import RowNumbers
from dense_cli.sources.source import Chunk, Places, Source
from dense_cli.sources.streamed import StreamSource

_PICK = "--columns picks the columns that are read, such as --columns 1:"
_NAMES = {",": "CSV", "\t": "TSV"}
_BETWEEN = {
    ",": "columns are separated by commas; --input-format tsv: by tabs",
    "\t": "columns are separated by tabs; --input-format csv: by commas",
}
_INFINITY = re.compile(r"inf", re.IGNORECASE)


def read(stream: ByteStream, request: Request) -> Source:
    """Read a table of numbers, a batch of samples; ``nan`` and ``inf`` are read as such.

    A table whose header is densecli's own (``sample,t,class,p0,p1,…``) is read as what it says: `sample` and
    `t` are places, and only the numbers are numbers.
    """
    return _read(stream, request, ",")


def read_tsv(stream: ByteStream, request: Request) -> Source:
    """Read a table as `read` does, with tabs in place of commas."""
    return _read(stream, request, "\t")


def _read(stream: ByteStream, request: Request, delimiter: str) -> Source:
    if request.key is not None:
        raise ConfigError(f"{stream.name}: --key picks one of several arrays; a {_NAMES[delimiter]} has one")
    chunks = _chunks(stream, request, delimiter)
    return StreamSource(stream.name, np.dtype(np.float64), chunks, memory=stream.memory)


def _chunks(stream: ByteStream, request: Request, delimiter: str) -> Iterator[Chunk]:
    table = _Table(stream.name, request, delimiter)
    for raw, starts, pause in _rows(stream):
        try:
            rows = [text.decode() for text in raw]
        except UnicodeDecodeError:
            raise FileFormatError(
                f"{stream.name}: expected UTF-8 text, found other bytes after line {starts[0] - 1}"
            ) from None
        chunk = table.chunk(rows, starts, pause)
        if chunk is not None:
            yield chunk
    chunk = table.end()
    if chunk is not None:
        yield chunk
    if not table.samples:
        raise FileFormatError(f"{stream.name}: no data: expected rows of numbers, found none")


class _Table:
    """Rows of text → chunks; keeps what the first row says of the columns."""

    def __init__(self, name: str, request: Request, delimiter: str) -> None:
        self.name = name
        self.delimiter = delimiter
        self.request = request
        self.samples = 0
        self._width = 0  # columns
        self._columns: Columns | None = None  # None before the first row that is not blank
        self._waiting: tuple[str, int] | None = None  # a first row that only the next tells a header
        self._index = RowNumbers(self.name, _PICK)

    def chunk(self, rows: list[str], starts: Sequence[int], pause: bool) -> Chunk | None:
        """Return the numbers of further rows and where they stand; None where there are none yet.

        Args:
            rows: a row each.
            starts: the line that each begins on.
            pause: whether the next row may have to be waited for.
        """
        if starts and starts[0] == 1:
            rows[0] = rows[0].removeprefix("\ufeff")
        numbered = [(text, at) for text, at in zip(rows, starts, strict=True) if self._holds_cells(text)]
        rows, lines = [text for text, _ in numbered], [at for _, at in numbered]
        if self._waits_for_next(rows):
            self._waiting = rows[0], lines[0]
            return None
        if self._waiting is not None and rows:
            rows, lines = [self._waiting[0], *rows], [self._waiting[1], *lines]
            self._waiting = None
        return self._numbers(rows, lines, pause)

    def _waits_for_next(self, rows: list[str]) -> bool:
        """Whether the rows are the first one alone, and only the next tells whether it is a header."""
        first = self._columns is None and self._waiting is None and len(rows) == 1
        return first and counts_up(self._cells(rows[0]))

    def _holds_cells(self, text: str) -> bool:
        """Whether a line is not blank; a tab that separates is a cell on both sides, if an empty one."""
        return bool(text.strip()) or self.delimiter in text

    def _cells(self, row: str) -> list[str]:
        return cells_of(row, self.delimiter)

    def end(self) -> Chunk | None:
        """Return the numbers of a first row that no other follows."""
        if self._waiting is None:
            return None
        row, line = self._waiting
        return self._numbers([row], [line], False)

    def _numbers(self, rows: list[str], lines: list[int], pause: bool) -> Chunk | None:
        """Return the numbers of rows that are not blank, less those of the header."""
        if rows and self._columns is None:
            cells = self._cells(rows[0])
            self._width = len(cells)
            self._columns = columns_of(cells, self.request, self.name, alone=len(rows) == 1)
            if self._columns.header:
                rows, lines = rows[1:], lines[1:]
                if self.request.names is not None:
                    self.request.names.extend(self._columns.names(cells))
        if not rows or self._columns is None:
            return None
        x = self._parsed(rows, lines, self._columns)
        start, self.samples = self.samples, self.samples + len(x)
        count = self._columns.places
        if count:
            places = _places(x[:, :count], lines, self.name)
            return Chunk(np.ascontiguousarray(x[:, count:]), places, pause, stated=True)
        if self._columns.numbered:
            self._index.check(x[:, 0], lambda row: f"line {lines[row]}")
            x = np.ascontiguousarray(x[:, 1:])
        if start == 0 and self._columns.remark is not None:
            self.request.note(f"{self.name}: {self._columns.remark}")
        return Chunk(x, np.arange(start, self.samples)[:, None], pause, whole=True)

    def _parsed(
        self, rows: list[str], lines: list[int], columns: Columns
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        try:
            x = _parse(rows, columns, self.delimiter)
        except (ValueError, OverflowError, Warning):
            cells = map(self._cells, rows)
            raise _explain(cells, lines, self._width, columns, self.name, self.delimiter) from None
        if columns.values is None and x.shape[1] != self._width:
            raise ShapeError(_ragged(self.name, lines[0], x.shape[1], self._width))
        if columns.values is not None:  # loadtxt looks no further than the last of them
            for text, line in zip(rows, lines, strict=True):
                same = text.count(self.delimiter) == self._width - 1
                if not same and (found := len(self._cells(text))) != self._width:
                    raise ShapeError(_ragged(self.name, line, found, self._width))
        # loadtxt reads a number beyond float64 as infinity: only a text that says so may be infinite.
        for row in np.flatnonzero(np.isinf(x).any(axis=1)):
            if not _INFINITY.search(rows[row]):
                raise DtypeError(f"{self.name}: line {lines[row]}: a number is beyond the range of float64")
        return x


def _rows(stream: ByteStream) -> Iterator[tuple[list[bytes], Sequence[int], bool]]:
    """Give rows as they come, the line that each begins on, and whether the next may have to be waited for.

    A row goes on over lines where a quote is open: a label may hold a line break.
    """
    line = size = 0
    parts: list[bytes] = []  # of a row whose quote is open
    while True:
        lines, pause = stream.lines()
        if not lines:
            if parts:
                yield [b"\n".join(parts)], [line - len(parts) + 1], False
            return
        if not parts and not any(b'"' in text for text in lines):
            yield lines, range(line + 1, line + len(lines) + 1), pause
            line += len(lines)
            continue
        rows, starts = [], []
        for text in lines:
            line += 1
            parts.append(text)
            size += len(text)
            # An odd number of quotes opens or closes: a row is done where none is open after this line.
            if (text.count(b'"') % 2 == 1) == (len(parts) == 1):
                stream.bound(size, "a row that is open")
                continue
            rows.append(b"\n".join(parts))
            starts.append(line - len(parts) + 1)
            parts, size = [], 0
        yield rows, starts, pause


def _parse(
    lines: list[str], columns: Columns, delimiter: str
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return np.loadtxt(
            lines,
            delimiter=delimiter,
            comments=None,
            quotechar='"',
            ndmin=2,
            usecols=columns.values,
        )


def _places(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], lines: list[int], name: str) -> Places:
    wrong = np.flatnonzero(~((values >= 0) & (values < 2**53) & (values == np.floor(values))).all(axis=1))
    if len(wrong):
        row = int(wrong[0])
        found = ", ".join(f"{v:g}" for v in values[row])
        raise DtypeError(
            f"{name}: line {lines[min(row, len(lines) - 1)]}: "
            f"expected whole numbers for sample and t, found {found}"
        )
    return values.astype(np.int64)


def _explain(
    rows: Iterable[list[str]], numbers: list[int], width: int, columns: Columns, name: str, delimiter: str
) -> DenseCliError:
    """Return the error that names the first line, and cell, that is not like the rest."""
    for cells, number in zip(rows, numbers, strict=True):
        if len(cells) != width:
            return ShapeError(_ragged(name, number, len(cells), width))
        for i in range(width) if columns.values is None else columns.values:
            if not is_number(cells[i]):
                split = any(other in cells[i] for other in ";,\t") or len(cells[i].split()) > 1
                between = _BETWEEN[delimiter]
                return DtypeError(
                    f"{name}: line {number}, column {i + 1}: expected a number, found {cells[i][:20]!r}",
                    hint=between if split else _PICK if columns.header else None,
                )
    return FileFormatError(f"{name}: not a table of numbers near line {numbers[0]}")


def _ragged(name: str, line: int, found: int, width: int) -> str:
    return f"{name}: ragged: line {line} has {_count(found)}, the first line has {_count(width)}"


def _count(columns: int) -> str:
    return f"{columns} column{'s' * (columns != 1)}"
