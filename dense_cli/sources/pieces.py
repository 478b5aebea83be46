"""Several files that are one array along the batch axis.

In: paths, and how one of them is opened. Out: an `ArraySource` where any row of every file can be had, else a
`StreamSource`. The samples are numbered through. A file is opened when its rows are read and closed with the
last of them; before that, once, to see its shape.
"""

from __future__ import annotations

import os
import stat
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.addresses import is_address, without_secrets
from dense_cli.errors import FileFormatError, ShapeError
from dense_cli.files.stamps import require_stamp, stamp_of
from dense_cli.limits import require_bytes
from dense_cli.sources.arrays import ArraySource, Store, TensorStore
from dense_cli.sources.open import Request, no_note
from dense_cli.sources.source import Chunk, Place, Places, Source, may_agree
from dense_cli.sources.streamed import StreamSource, in_order, joined
from dense_cli.text import shape_text

_CHUNK = 1 << 20  # bytes of rows that are read at once where they become a stream

Open = Callable[[str, Request], Source]
Shape = tuple[int | None, ...]


@dataclass
class Pieces:
    """The files of a source, and how many samples there are up to the end of each, as far as is known."""

    paths: Sequence[str]
    ends: list[int] = field(default_factory=list)

    def start(self, at: int) -> int:
        """Return how many samples there are before a piece."""
        return self.ends[at - 1] if at else 0

    def named(self, place: Place) -> tuple[str, Place]:
        """Return the file that a row is in, and its place there.

        >>> Pieces(["a.npy", "b.npy"], [10, 14]).named((12, 3))
        ('b.npy', (2, 3))
        """
        at = min(bisect_right(self.ends, place[0]), len(self.paths) - 1)
        return without_secrets(self.paths[at]), (place[0] - self.start(at), *place[1:])


class _Header(NamedTuple):
    """What is known of a piece before its rows are read; of lines of text the dtype alone."""

    name: str
    dtype: np.dtype[Any]
    shape: Shape | None
    in_place: bool

    @property
    def samples(self) -> int | None:
        """How many samples it has; None where a size is not known."""
        return None if self.shape is None or None in self.shape else self.shape[0]


class _Opener:
    """Opens pieces; a note is told of the first that it is about, and the names of features are the same."""

    def __init__(self, open_one: Open, request: Request) -> None:
        self._open = open_one
        self._request = request
        self._told: set[str] = set()
        self._names: tuple[str, list[str]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """What goes to another process: how a piece is opened, and nothing of what is told."""
        request = self._request._replace(note=no_note, names=None)
        return {**self.__dict__, "_request": request, "_told": set(), "_names": None}

    def __call__(self, path: str, *, note: bool = True) -> tuple[Source, list[str]]:
        """Return a piece, and the list that gets the names of its features."""

        def once(text: str) -> None:
            about = text.removeprefix(without_secrets(path))
            if about not in self._told:
                self._told.add(about)
                self._request.note(text)

        names: list[str] = []
        told = once if note else Request().note
        return self._open(path, self._request._replace(names=names, note=told)), names

    def header(self, path: str) -> _Header:
        """Look at a piece; a pipe is not opened before its turn."""
        if _is_pipe(path):
            return _Header(without_secrets(path), np.dtype(np.float64), None, False)
        source, _ = self(path, note=False)
        in_place = isinstance(source, ArraySource) and isinstance(source.store, TensorStore)
        shape = source.declared if isinstance(source, StreamSource) else source.shape
        return _Header(without_secrets(path), source.dtype, shape, in_place)

    def check_names(self, name: str, names: list[str]) -> None:
        """Refuse a piece whose header names other columns, or the same in another order."""
        if not names:
            return
        if self._names is None:
            self._names = name, names
            if self._request.names is not None:
                self._request.names.extend(names)
        first, known = self._names
        if names != known:
            at = next((i for i, pair in enumerate(zip(names, known, strict=False)) if pair[0] != pair[1]), -1)
            raise ShapeError(
                f"{name}: expected the columns of {first}, {known[at]!r} at {at + 1}, found {names[at]!r}"
            )


def _is_pipe(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode
    except OSError:  # opening it says why
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def open_pieces(paths: list[str], name: str, open_one: Open, request: Request, memory: int | None) -> Source:
    """Return the source of all samples of these files, one file after another.

    Args:
        paths: two or more files, or folders that are containers of arrays.
        name: what messages call the whole.
        open_one: opens one of them.
        request: what is asked of each.
        memory: bytes that what is held whole may take; 4 GiB always may.

    Raises:
        ShapeError: two files differ in more than their samples; the message has both.
        DenseCliError, OSError: a file cannot be opened.
    """
    opener = _Opener(open_one, request)
    headers = list(_alike(map(opener.header, paths)))
    first = next((header for header in headers if header.shape is not None), None)
    dtype = _common_dtype(headers)
    counts = [header.samples for header in headers if header.samples is not None]
    counted = len(counts) == len(headers)
    ends = np.cumsum(counts).tolist() if counted else []
    in_place = all(header.in_place for header in headers)
    if in_place and first is not None and first.shape is not None:
        inner = tuple(n or 0 for n in first.shape[1:])
        pieces = Pieces(paths, ends)
        store = PiecesStore(pieces, opener, inner, dtype)
        return replace(ArraySource.over(name, store, (ends[-1], *inner[:-1])), pieces=pieces)
    shape = first.shape if first is not None else None
    if shape is not None:
        shape = (ends[-1], *shape[1:]) if counted else (*[None] * (len(shape) - 1), shape[-1])
    stream = _Stream(paths, opener, first, memory)
    return StreamSource(name, dtype, stream.chunks(), shape, memory=memory, pieces=stream.pieces)


def _common_dtype(headers: list[_Header]) -> np.dtype[Any]:
    """Return the dtype of all pieces, or the one that holds the numbers of all."""
    dtypes = list(dict.fromkeys(header.dtype for header in headers))
    return dtypes[0] if len(dtypes) == 1 else np.result_type(*dtypes)


def _alike(headers: Iterator[_Header]) -> Iterator[_Header]:
    """Give headers, each held against the first whose shape is known."""
    first: _Header | None = None
    for header in headers:
        if header.shape is not None:
            first = first or header
            _require_alike(first.name, first.shape, header.name, header.shape)
        yield header


def _require_alike(first: str, known: Shape | None, name: str, shape: Shape) -> None:
    """Refuse a piece whose samples have another shape than those of the first."""
    if known is None or may_agree(known[1:], shape[1:]):
        return
    raise ShapeError(
        f"{name}: expected samples of the shape of {first}, {shape_text(known)}, found {shape_text(shape)}",
        hint="pieces are joined along the batch axis: all others must be the same",
    )


class PiecesStore:
    """Rows of several files, each of which is open while its rows are read; ``inner`` is a sample's shape."""

    def __init__(self, pieces: Pieces, opener: _Opener, inner: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.features = inner[-1]
        self._pieces = pieces
        self._opener = opener
        self._inner = inner
        self._ends: NDArray[np.int64] = np.array(pieces.ends, np.int64) * prod(inner[:-1])
        self._at = -1  # the piece that is open
        self._open: Store | None = None
        self._stamps: NDArray[np.int64] | None = None  # in another process: of the files that were meant

    def __getstate__(self) -> dict[str, Any]:
        """What goes to another process: the paths, and what tells a file from another one that is there."""
        paths = [path if is_address(path) else os.path.abspath(path) for path in self._pieces.paths]
        none = (-1, -1)  # a file elsewhere has its own
        stamps = np.array([none if is_address(path) else stamp_of(os.stat(path)) for path in paths], np.int64)
        pieces = Pieces(paths, self._pieces.ends)
        return {**self.__dict__, "_pieces": pieces, "_stamps": stamps, "_at": -1, "_open": None}

    def take(self, rows: slice | NDArray[np.int64]) -> NDArray[Any]:
        """Return those rows, (rows, features)."""
        if not isinstance(rows, slice):
            return self._picked(rows)
        parts = []
        start = rows.start
        while start < rows.stop:
            at = int(np.searchsorted(self._ends, start, "right"))
            stop = min(rows.stop, int(self._ends[at]))
            begin = int(self._ends[at - 1]) if at else 0
            parts.append(self._store(at).take(slice(start - begin, stop - begin)))
            start = stop
        return (parts[0] if len(parts) == 1 else np.concatenate(parts)).astype(self.dtype, copy=False)

    def _picked(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        pieces = np.searchsorted(self._ends, rows, "right")
        x = np.empty((len(rows), self.features), self.dtype)
        for at in np.unique(pieces).tolist():
            own = pieces == at
            x[own] = self._store(at).take(rows[own] - (self._ends[at - 1] if at else 0))
        return x

    def mask(self, rows: slice | NDArray[np.int64]) -> None:
        """Return that no row is known to be padding."""

    def _store(self, at: int) -> Store:
        """Return a piece, opened."""
        if self._at != at or self._open is None:
            self._open = None  # which closes the one before
            path = self._pieces.paths[at]
            if self._stamps is not None and not is_address(path):
                size, time = self._stamps[at].tolist()
                require_stamp((size, time), os.stat(path), path)
            source, _ = self._opener(path)
            samples = self._pieces.ends[at] - self._pieces.start(at)
            if not isinstance(source, ArraySource) or source.shape != (samples, *self._inner):
                raise _changed(without_secrets(path), (samples, *self._inner), source.shape)
            self._at, self._open = at, source.store
        return self._open


def _changed(name: str, known: Shape, found: Shape) -> FileFormatError:
    return FileFormatError(
        f"{name}: expected shape {shape_text(known)}, as when it was opened, found {shape_text(found)}: "
        "the file has changed"
    )


class _Stream:
    """The chunks of files one after another, of whole samples each, numbered through."""

    def __init__(self, paths: list[str], opener: _Opener, first: _Header | None, memory: int | None) -> None:
        self.pieces = Pieces(paths)
        self._opener = opener
        self._memory = memory
        self._first = None if first is None else (first.name, first.shape or ())

    def chunks(self) -> Iterator[Chunk]:
        """Give the rows of all pieces.

        Raises:
            ShapeError: pieces differ in more than their samples, or the samples of one are not 0, 1, 2, …
        """
        start = 0
        for path in self.pieces.paths:
            samples = 0
            name = without_secrets(path)
            source, features = self._opener(path)
            for chunk in whole_samples(_rows_of(in_order(source)), name, self._memory):
                if not len(chunk.x):
                    yield chunk
                    continue
                self._opener.check_names(name, features)
                self._check_shape(name, chunk)
                places = self._counted(name, chunk.places, start, samples)
                samples = int(places[-1, 0]) + 1 - start
                yield chunk._replace(places=places, stated=False)
            del source
            start += samples
            self.pieces.ends.append(start)

    def _check_shape(self, name: str, chunk: Chunk) -> None:
        shape = (*[None] * chunk.places.shape[1], chunk.x.shape[1])
        if self._first is None:
            self._first = name, shape
        _require_alike(*self._first, name, shape)

    def _counted(self, name: str, places: Places, start: int, samples: int) -> Places:
        """Return places with the samples numbered through, where ``samples`` have come of this piece.

        What densecli prints states the numbers: in a piece they count from 0, or go on from the piece before.
        """
        numbers = places[:, 0]
        if not samples:
            self._base = 0 if numbers[0] == 0 else start
        expected = self._base + samples + np.cumsum(np.diff(numbers, prepend=numbers[:1]) != 0)
        wrong = np.flatnonzero(numbers != expected)
        if len(wrong):
            row = int(wrong[0])
            raise ShapeError(
                f"{name}: expected the samples of a piece in order, {expected[row]} next, "
                f"found sample {numbers[row]}",
                hint="the samples of pieces are numbered through: none may be left out or sorted",
            )
        if self._base == start:
            return places
        moved = places.copy()
        moved[:, 0] += start - self._base
        return moved


def _rows_of(source: Source) -> Iterator[Chunk]:
    """Give the rows of a source as chunks."""
    if isinstance(source, StreamSource):
        yield from source.chunks
        return
    rows = max(1, _CHUNK // max((source.shape[-1] or 0) * source.dtype.itemsize, 8 * len(source.shape)))
    for block in source.blocks(rows):
        yield Chunk(block.x, block.places(), block.pause, block.whole, mask=block.mask)


def whole_samples(chunks: Iterator[Chunk], name: str, memory: int | None = None) -> Iterator[Chunk]:
    """Give chunks that hold whole samples each; ``memory`` is what a sample may take.

    Raises:
        SizeError: a sample takes more.
    """
    held: list[Chunk] = []
    for chunk in chunks:
        if not len(chunk.x):
            yield chunk
            continue
        last = len(chunk.x) if chunk.whole else _last_start(chunk.places[:, 0])
        if last or (held and held[0].places[0, 0] != chunk.places[0, 0]):
            yield joined([*held, chunk.take(slice(0, last))])._replace(pause=chunk.pause)
            held = []
        if last < len(chunk.x):
            held.append(chunk.take(slice(last, None)))
            nbytes = sum(part.x.nbytes for part in held)
            require_bytes(2 * nbytes, name, "a sample, which is held whole,", memory)
    if held:
        yield joined(held)


def _last_start(numbers: NDArray[np.int64]) -> int:
    """Return where the last sample of a chunk begins: 0 where it is one sample alone."""
    return int(np.flatnonzero(np.diff(numbers, prepend=numbers[:1]))[-1:].sum())
