"""CSV: one sample per line, features in columns, an optional header; parsed by NumPy's loadtxt."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator

import numpy as np

from dense_cli.errors import ConfigError, DtypeError, FileFormatError, ShapeError
from dense_cli.readers.formats import Request
from dense_cli.readers.source import Chunk, Source, StreamSource
from dense_cli.readers.stream import ByteStream

_SAID_INFINITE = re.compile(r"inf", re.IGNORECASE)


def read(stream: ByteStream, request: Request) -> Source:
    """Read a table of numbers, a batch of samples; ``nan`` and ``inf`` are read as such."""
    if request.key is not None:
        raise ConfigError(f"{stream.name}: --key picks a member of NPZ and JSON; a CSV has none")
    return StreamSource(stream.name, np.dtype(np.float64), _chunks(stream))


def _chunks(stream: ByteStream) -> Iterator[Chunk]:
    line = sample = 0
    features: int | None = None
    while True:
        raw, pause = stream.lines()
        if not raw:
            if not sample:
                raise FileFormatError(f"{stream.name}: no data: expected rows of numbers, found none")
            return
        try:
            lines = [text.decode("utf-8-sig" if not line else "utf-8") for text in raw]
        except UnicodeDecodeError:
            raise FileFormatError(
                f"{stream.name}: expected UTF-8 text, found other bytes after line {line}"
            ) from None
        numbers = [line + i for i, text in enumerate(lines, 1) if text.strip()]
        kept = [text for text in lines if text.strip()]
        if kept and features is None and _is_header(kept[0]):
            kept, numbers = kept[1:], numbers[1:]
        line += len(lines)
        if not kept:
            continue
        x = _parse(kept, numbers, stream.name)
        features = features or x.shape[1]
        if x.shape[1] != features:
            raise ShapeError(
                f"{stream.name}: line {numbers[0]}: expected {features} columns, found {x.shape[1]}"
            )
        yield Chunk(x, np.arange(sample, sample + len(x))[:, None], pause)
        sample += len(x)


def _parse(
    lines: list[str], numbers: list[int], name: str
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            x = np.loadtxt(lines, delimiter=",", comments=None, quotechar='"', ndmin=2)
    except (ValueError, OverflowError, Warning):
        raise _explain(lines, numbers, name) from None
    for row in np.flatnonzero(np.isinf(x).any(axis=1)):
        if not _SAID_INFINITE.search(lines[row]):
            raise DtypeError(f"{name}: line {numbers[row]}: a number is beyond the range of float64")
    return x


def _explain(lines: list[str], numbers: list[int], name: str) -> DtypeError | ShapeError | FileFormatError:
    """Return the error that names the first line, and cell, that is not like the rest."""
    columns = lines[0].count(",") + 1
    for text, number in zip(lines, numbers, strict=True):
        cells = text.split(",")
        if len(cells) != columns:
            return ShapeError(
                f"{name}: ragged: line {number} has {len(cells)} columns, line {numbers[0]} has {columns}"
            )
        for i, cell in enumerate(cells, 1):
            if not _is_number(cell):
                return DtypeError(
                    f"{name}: line {number}, column {i}: expected a number, found {cell[:20]!r}"
                )
    return FileFormatError(f"{name}: not a table of numbers near line {numbers[0]}")


def _is_header(text: str) -> bool:
    return not any(_is_number(cell) for cell in text.split(","))


def _is_number(cell: str) -> bool:
    try:
        float(cell.strip().strip('"'))
    except ValueError:
        return False
    return "_" not in cell
