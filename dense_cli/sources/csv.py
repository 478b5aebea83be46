"""CSV: one sample per line, features in columns, an optional header; parsed by NumPy's loadtxt."""

from __future__ import annotations

import csv
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from dense_cli.errors import ConfigError, DenseCliError, DtypeError, FileFormatError, ShapeError
from dense_cli.files.stream import ByteStream
from dense_cli.sources.choose import outputs_of
from dense_cli.sources.open import Request
from dense_cli.sources.source import Chunk, Places, Source
from dense_cli.sources.streamed import StreamSource
from dense_cli.text import axis_names

_SAID_INFINITE = re.compile(r"inf", re.IGNORECASE)
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
    sample = 0
    width: int | None = None  # columns; None before the first row that is not blank
    columns: _Columns | None = None
    for raw, starts, pause in _rows(stream):
        try:
            lines = [text.decode() for text in raw]
        except UnicodeDecodeError:
            raise FileFormatError(
                f"{stream.name}: expected UTF-8 text, found other bytes after line {starts[0] - 1}"
            ) from None
        if starts and starts[0] == 1:
            lines[0] = lines[0].removeprefix("\ufeff")
        numbers = [at for text, at in zip(lines, starts, strict=True) if text.strip()]
        kept = [text for text in lines if text.strip()]
        if kept and width is None:
            cells = _cells(kept[0])
            width = len(cells)
            if cells[0] == "sample" and (request.outputs or _is_own(cells)):
                columns = _own(cells, request, stream.name)
            if _is_header(cells):
                kept, numbers = kept[1:], numbers[1:]
        if not kept:
            continue
        try:
            x = _parse(kept, columns)
        except (ValueError, OverflowError, Warning):
            raise _explain(kept, numbers, width or 0, columns, stream.name) from None
        if columns is None and x.shape[1] != width:
            raise ShapeError(_ragged(stream.name, numbers[0], x.shape[1], width or 0))
        for row in np.flatnonzero(np.isinf(x).any(axis=1)):
            if not _SAID_INFINITE.search(kept[row]):
                raise DtypeError(
                    f"{stream.name}: line {numbers[row]}: a number is beyond the range of float64"
                )
        if columns is None:
            yield Chunk(x, np.arange(sample, sample + len(x))[:, None], pause, whole=True)
        else:
            places = _places(x[:, : columns.places], numbers, stream.name)
            yield Chunk(np.ascontiguousarray(x[:, columns.places :]), places, pause, stated=True)
        sample += len(x)
    if not sample:
        raise FileFormatError(f"{stream.name}: no data: expected rows of numbers, found none")


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
        raise ConfigError(
            f"{name}: holds only the likeliest classes (-k), not all probabilities",
            hint="write it without -k",
        )
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
    found = ", ".join(cells[1:9]) or "none"
    raise ConfigError(
        f"{name}: expected columns {expected[0]}0, {expected[0]}1, … beside sample, found {found}"
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


def _is_header(cells: list[str]) -> bool:
    return not any(map(_is_number, cells)) and any(map(_LETTER.search, cells))


def _is_number(cell: str) -> bool:
    try:
        float(cell.strip())
    except ValueError:
        return False
    return "_" not in cell
