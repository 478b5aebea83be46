"""CSV: one sample per line, features in columns, an optional header; parsed by NumPy's loadtxt.

In: a stream of text. Out: a `StreamSource`, some thousand rows at a time. Lines become rows here, blank ones
and the header are left out; the `csv` module only splits the header and rows that are wrong.
"""

from __future__ import annotations

import csv
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from dense_cli.errors import ConfigError, DenseCliError, DtypeError, FileFormatError, ShapeError
from dense_cli.files.stream import ByteStream
from dense_cli.sources.choose import only_likeliest, outputs_of
from dense_cli.sources.open import Request
from dense_cli.sources.source import Chunk, Places, Source
from dense_cli.sources.streamed import StreamSource
from dense_cli.text import axis_names, listed

_INFINITY = re.compile(r"inf", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d_]")
# The columns of densecli's own CSV that hold numbers: p0, p1, …
_VALUES = {"probabilities": "p", "log_probabilities": "logp", "logits": "logit", "scores": "score"}


class _Columns(NamedTuple):
    """Where densecli's own CSV has its places and its numbers."""

    places: int
    values: tuple[int, ...]


def read(stream: ByteStream, request: Request) -> Source:
    """Read a table of numbers, a batch of samples; ``nan`` and ``inf`` are read as such.

    A table whose header is densecli's own (``sample,t,class,p0,p1,…``) is read as what it says: `sample` and
    `t` are places, and only the numbers are numbers.
    """
    if request.key is not None:
        raise ConfigError(f"{stream.name}: --key picks one of several arrays; a CSV has one")
    return StreamSource(stream.name, np.dtype(np.float64), _chunks(stream, request), memory=stream.memory)


def _chunks(stream: ByteStream, request: Request) -> Iterator[Chunk]:
    table = _Table(stream.name, request)
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
    if not table.samples:
        raise FileFormatError(f"{stream.name}: no data: expected rows of numbers, found none")


class _Table:
    """Rows of text → chunks; keeps what the first row says of the columns."""

    def __init__(self, name: str, request: Request) -> None:
        self.name = name
        self.request = request
        self.samples = 0
        self._width: int | None = None  # columns; None before the first row that is not blank
        self._columns: _Columns | None = None  # those of densecli's own CSV

    def chunk(self, rows: list[str], starts: Sequence[int], pause: bool) -> Chunk | None:
        """Return the numbers of further rows and where they stand; None where all are blank or the header.

        Args:
            rows: a row each.
            starts: the line that each begins on.
            pause: whether the next row may have to be waited for.
        """
        rows, lines = self._without_header(rows, starts)
        if not rows:
            return None
        x = self._parsed(rows, lines)
        start, self.samples = self.samples, self.samples + len(x)
        if self._columns is None:
            return Chunk(x, np.arange(start, self.samples)[:, None], pause, whole=True)
        count = self._columns.places
        places = _places(x[:, :count], lines, self.name)
        return Chunk(np.ascontiguousarray(x[:, count:]), places, pause, stated=True)

    def _without_header(self, rows: list[str], starts: Sequence[int]) -> tuple[list[str], list[int]]:
        """Return the rows that hold numbers and the lines they begin on."""
        if starts and starts[0] == 1:
            rows[0] = rows[0].removeprefix("\ufeff")
        lines = [at for text, at in zip(rows, starts, strict=True) if text.strip()]
        rows = [text for text in rows if text.strip()]
        if rows and self._width is None and self._is_header(rows[0]):
            return rows[1:], lines[1:]
        return rows, lines

    def _is_header(self, row: str) -> bool:
        """Take the columns of the first row, and return whether they are names."""
        cells = _cells(row)
        self._width = len(cells)
        if cells[0] == "sample" and (self.request.outputs or _is_own(cells)):
            self._columns = _own(cells, self.request, self.name)
        return not any(map(_is_number, cells)) and any(map(_LETTER.search, cells))

    def _parsed(self, rows: list[str], lines: list[int]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        width = self._width or 0
        try:
            x = _parse(rows, self._columns)
        except (ValueError, OverflowError, Warning):
            raise _explain(rows, lines, width, self._columns, self.name) from None
        if self._columns is None and x.shape[1] != width:
            raise ShapeError(_ragged(self.name, lines[0], x.shape[1], width))
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


def _is_own(cells: list[str]) -> bool:
    """Whether a header is one that densecli prints."""
    places = cells[: cells.index("class")] if "class" in cells else []
    return places != [] and places == axis_names(len(places))


def _own(cells: list[str], request: Request, name: str) -> _Columns:
    """Return where a header of densecli's own has what."""
    places = cells.index("class") if "class" in cells else 1
    if "top1" in cells:
        raise only_likeliest(name)
    if request.values == "classes":
        raise ConfigError(
            f"{name}: holds the class of one row a line, expected an array of classes",
            hint="print it with -f json, npy or npz",
        )
    expected = [_VALUES[values] for values in outputs_of(request)]
    for prefix in expected:
        values = [i for i, cell in enumerate(cells) if re.fullmatch(rf"{prefix}\d+", cell)]
        if values:
            return _Columns(places, (*range(places), *values))
    others = listed(cells[1:], 8)
    raise ConfigError(
        f"{name}: expected columns {expected[0]}0, {expected[0]}1, … beside sample, found {others}"
    )


def _parse(lines: list[str], columns: _Columns | None) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return np.loadtxt(
            lines,
            delimiter=",",
            comments=None,
            quotechar='"',
            ndmin=2,
            usecols=None if columns is None else columns.values,
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
    lines: list[str], numbers: list[int], width: int, columns: _Columns | None, name: str
) -> DenseCliError:
    """Return the error that names the first line, and cell, that is not like the rest."""
    for text, number in zip(lines, numbers, strict=True):
        cells = _cells(text)
        if len(cells) != width:
            return ShapeError(_ragged(name, number, len(cells), width))
        for i in range(width) if columns is None else columns.values:
            if not _is_number(cells[i]):
                split = ";" in cells[i] or len(cells[i].split()) > 1
                return DtypeError(
                    f"{name}: line {number}, column {i + 1}: expected a number, found {cells[i][:20]!r}",
                    hint="columns are separated by commas" if split else None,
                )
    return FileFormatError(f"{name}: not a table of numbers near line {numbers[0]}")


def _ragged(name: str, line: int, found: int, width: int) -> str:
    return f"{name}: ragged: line {line} has {_count(found)}, the first line has {_count(width)}"


def _count(columns: int) -> str:
    return f"{columns} column{'s' * (columns != 1)}"


def _cells(text: str) -> list[str]:
    try:
        return next(csv.reader([text]), [])
    except csv.Error:  # a cell without end, or a line break of its own
        return text.split(",")


def _is_number(cell: str) -> bool:
    try:
        float(cell.strip())
    except ValueError:
        return False
    return "_" not in cell
