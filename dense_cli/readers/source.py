"""What every reader gives: rows of features in blocks, each row with its place in the array.

An input is seen as rows: the last axis is features, everything before it (batch, time, …) says
where a row stands. A block is a run of rows, `start` counts them from 0 in the order of the run, and
no block crosses a multiple of the block size: row i is always row ``i % size`` of its block, however
the bytes came. That is what lets a file, a pipe and an array print the same digits.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import IO, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import DenseCliError, FileFormatError, ShapeError, naming
from dense_cli.readers.stream import TemporaryFile

Places = NDArray[np.int64]


class Block(NamedTuple):
    """Consecutive rows: ``x`` is (rows, features), ``places()`` (rows, axes): batch, time, …

    ``pause`` says that the source may wait for its next row: show what there is. ``whole`` says that the
    last sample has ended with this block.
    """

    x: NDArray[Any]
    start: int
    places: Callable[[], Places]
    pause: bool = False
    whole: bool = False


class Source(Protocol):
    """An input of known or unknown length. A size that is not known (before the end) is None."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of its numbers as stored."""

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The whole shape, features last."""

    def blocks(self, rows: int) -> Iterator[Block]:
        """Give all rows in blocks that end at multiples of ``rows``."""

    def select(self, batch: slice) -> Source:
        """Give only some samples."""


# --- arrays: any row at any time -----------------------------------------------------------------


class Store(Protocol):
    """Rows of features that can be read in any order."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the numbers as stored."""

    @property
    def features(self) -> int:
        """How many numbers a row has."""

    def take(self, rows: slice | NDArray[np.int64]) -> NDArray[Any]:
        """Return those rows, (rows, features)."""


@dataclass(eq=False, repr=False)
class ArrayStore:
    """Rows of an array in memory, (rows, features)."""

    array: NDArray[Any]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype

    @property
    def features(self) -> int:
        return int(self.array.shape[1])

    def take(self, rows: slice | NDArray[np.int64]) -> NDArray[Any]:
        return self.array[rows]


@dataclass(eq=False, repr=False)
class FileStore:
    """Rows of a C-order array inside a file, read when asked for.

    Reads rather than a memory map: a mapped file that shrinks kills the process with SIGBUS, and
    its pages count as this process's memory.
    """

    file: IO[bytes]
    name: str
    offset: int
    dtype: np.dtype[Any]
    features: int

    def take(self, rows: slice | NDArray[np.int64]) -> NDArray[Any]:
        size = self.features * self.dtype.itemsize
        if isinstance(rows, slice):
            out = np.empty((rows.stop - rows.start, self.features), self.dtype)
            self._read(self.offset + rows.start * size, out)
            return out
        # One read for each run of rows that follow each other in the file: a loop that must be lean.
        begins = np.flatnonzero(np.diff(rows, prepend=-2) != 1)
        lengths = np.diff(begins, append=len(rows)) * size
        places = self.offset + rows[begins] * size
        file = self.file.fileno()
        with naming(self.name):
            runs = zip(lengths.tolist(), places.tolist(), strict=True)
            data = b"".join([os.pread(file, *run) for run in runs])
        if len(data) < len(rows) * size:
            raise FileFormatError(f"{self.name}: the file ended while it was read")
        return np.frombuffer(data, self.dtype).reshape(len(rows), self.features)

    def _read(self, at: int, out: NDArray[Any]) -> None:
        view = out.view(np.uint8).reshape(-1).data
        while view:
            with naming(self.name):
                got = os.preadv(self.file.fileno(), [view], at)
            if not got:
                raise FileFormatError(f"{self.name}: the file ended at byte {at} while it was read")
            view, at = view[got:], at + got


@dataclass(eq=False, repr=False)
class OrderedStore:
    """Rows of another store in another order."""

    store: Store
    order: NDArray[np.int64]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.store.dtype

    @property
    def features(self) -> int:
        return self.store.features

    def take(self, rows: slice | NDArray[np.int64]) -> NDArray[Any]:
        return self.store.take(self.order[rows])


@dataclass(eq=False, repr=False)
class ArraySource:
    """An array of which any row can be had; `axes` are the numbers kept of each axis before the last."""

    name: str
    store: Store
    lead: tuple[int, ...]
    axes: tuple[range | tuple[int, ...], ...]

    @classmethod
    def of(cls, name: str, array: NDArray[Any]) -> ArraySource:
        """Return the source of an array in memory; a 1-D array is one sample."""
        array = array[None] if array.ndim == 1 else array
        check_shape(array.shape, name)
        rows = ArrayStore(array.reshape(-1, array.shape[-1]))
        return cls.over(name, rows, array.shape[:-1])

    @classmethod
    def over(cls, name: str, store: Store, lead: tuple[int, ...]) -> ArraySource:
        """Return the source of all rows of ``store``, which stand in C order in ``lead``."""
        return cls(name, store, lead, tuple(range(n) for n in lead))

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.store.dtype

    @property
    def shape(self) -> tuple[int | None, ...]:
        return (*map(len, self.axes), self.store.features)

    @property
    def steps(self) -> range | tuple[int, ...]:
        """The time steps, the numbers kept of axis 1.

        Raises:
            ShapeError: there is no such axis.
        """
        check_steps(self.shape, self.name)
        return self.axes[1]

    def select(self, batch: slice) -> ArraySource:
        """Return the source of some samples."""
        return replace(self, axes=(self.axes[0][batch], *self.axes[1:]))

    def at(self, steps: Sequence[int]) -> ArraySource:
        """Return the source of these time steps, in this order."""
        return replace(self, axes=(self.axes[0], tuple(steps), *self.axes[2:]))

    def blocks(self, rows: int) -> Iterator[Block]:
        shape = tuple(map(len, self.axes))
        total = int(np.prod(shape, dtype=np.int64))
        whole = all(axis == range(n) for axis, n in zip(self.axes, self.lead, strict=True))
        for start in range(0, total, rows):
            stop = min(start + rows, total)

            def places(start: int = start, stop: int = stop) -> Places:
                found = np.unravel_index(np.arange(start, stop), shape)
                return np.stack(
                    [_numbers(axis, at) for at, axis in zip(found, self.axes, strict=True)], axis=1
                )

            if whole:
                x = self.store.take(slice(start, stop))
            else:
                x = self.store.take(np.ravel_multi_index(tuple(places().T), self.lead))
            yield Block(x, start, places)


@dataclass(eq=False, repr=False)
class RaggedSource:
    """Samples whose number of time steps differs, of which any row can be had.

    ``lengths`` (samples,) and ``offsets``, the first row of each sample, hold for every sample read;
    ``samples`` are the numbers of those kept.
    """

    name: str
    store: Store
    lengths: NDArray[np.int64]
    offsets: NDArray[np.int64]
    samples: range

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.store.dtype

    @property
    def shape(self) -> tuple[int | None, ...]:
        return (len(self.samples), None, self.store.features)

    @property
    def steps(self) -> range:
        """The time steps of the longest sample."""
        return range(int(self.lengths[list(self.samples)].max(initial=0)))

    def select(self, batch: slice) -> RaggedSource:
        """Return the source of some samples."""
        return replace(self, samples=self.samples[batch])

    def at(self, steps: Sequence[int]) -> PlacedSource:
        """Return the source of these time steps of the samples that have them."""
        numbers = np.asarray(self.samples, dtype=np.int64)
        sample, t = np.repeat(numbers, len(steps)), np.tile(np.asarray(steps, dtype=np.int64), len(numbers))
        has = t < self.lengths[sample]
        places = np.stack([sample[has], t[has]], axis=1)
        return PlacedSource(self.name, self.store, places, self.offsets[places[:, 0]] + places[:, 1])

    def blocks(self, rows: int) -> Iterator[Block]:
        numbers = np.asarray(self.samples, dtype=np.int64)
        sample = np.repeat(numbers, self.lengths[numbers])
        first = np.repeat(np.cumsum(self.lengths[numbers]) - self.lengths[numbers], self.lengths[numbers])
        t = np.arange(len(sample)) - first
        placed = PlacedSource(self.name, self.store, np.stack([sample, t], axis=1), self.offsets[sample] + t)
        return placed.blocks(rows)


@dataclass(eq=False, repr=False)
class PlacedSource:
    """Chosen rows of a store with a place each: a time step of samples of differing lengths."""

    name: str
    store: Store
    at: Places
    rows: NDArray[np.int64]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.store.dtype

    @property
    def shape(self) -> tuple[int | None, ...]:
        return (len(np.unique(self.at[:, 0])), None, self.store.features)

    def select(self, batch: slice) -> PlacedSource:
        """Return the source of some samples."""
        keep = np.isin(self.at[:, 0], np.unique(self.at[:, 0])[batch])
        return replace(self, at=self.at[keep], rows=self.rows[keep])

    def blocks(self, rows: int) -> Iterator[Block]:
        for start in range(0, len(self.rows), rows):
            part = slice(start, start + rows)
            yield Block(self.store.take(self.rows[part]), start, lambda part=part: self.at[part])  # type: ignore[misc]


# --- streams: each row once, in order ------------------------------------------------------------


class Chunk(NamedTuple):
    """Rows as a stream gives them; the fields are those of a `Block`."""

    x: NDArray[Any]
    places: Places
    pause: bool = False
    whole: bool = False


class StreamSource:
    """Rows that come once, in order: a pipe, or a file that is parsed as it is read.

    Without a ``shape`` the first chunk is waited for to tell the rank and the features. With ``placed``
    the rows say themselves where they stand, and may come step by step.
    """

    def __init__(
        self,
        name: str,
        dtype: np.dtype[Any],
        chunks: Iterator[Chunk],
        shape: tuple[int | None, ...] | None = None,
        *,
        placed: bool = False,
    ) -> None:
        self.name = name
        self.dtype = dtype
        self.chunks = chunks
        self.placed = placed
        self._shape = shape

    @property
    def shape(self) -> tuple[int | None, ...]:
        if self._shape is None:
            first = next(self.chunks)
            self.chunks = chain([first], self.chunks)
            self._shape = (*[None] * first.places.shape[1], first.x.shape[1])
        return self._shape

    @property
    def by_step(self) -> bool:
        """Whether the rows come one time step after another, as `slice` prints them."""
        if not self.placed or len(self.shape) < 3:
            return False
        # Rows of one step may differ in further axes: look on to where the sample or the step changes.
        held: list[Chunk] = []
        other: Places = np.empty((0, 2), np.int64)
        while not len(other) and (chunk := next(self.chunks, None)):
            held.append(chunk)
            place = held[0].places[0, :2]
            other = chunk.places[(chunk.places[:, :2] != place).any(axis=1), :2]
        self.chunks = chain(held, self.chunks)
        return bool(len(other) and other[0, 0] != place[0] and other[0, 1] == place[1])

    def select(self, batch: slice) -> Source:
        """Give only some samples; without negative numbers the stream is read no further than needed."""
        start, stop, step = batch.start or 0, batch.stop, batch.step or 1
        if self.placed or start < 0 or step < 0 or (stop is not None and stop < 0):
            return spool(self).select(batch)
        wanted = range(start, 2**62 if stop is None else stop, step)

        def some() -> Iterator[Chunk]:
            for chunk in self.chunks:
                sample = chunk.places[:, 0]
                keep = (sample >= start) & (sample < wanted.stop) & ((sample - start) % step == 0)
                yield Chunk(chunk.x[keep], chunk.places[keep], chunk.pause, chunk.whole)
                if len(sample) and sample[-1] + chunk.whole >= wanted.stop:
                    return

        size = None if self.shape[0] is None else len(range(self.shape[0])[batch])
        return StreamSource(self.name, self.dtype, some(), (size, *self.shape[1:]))

    @property
    def steps(self) -> range | None:
        """The time steps; None where their number is known only at the end."""
        check_steps(self.shape, self.name)
        return None if self.shape[1] is None else range(self.shape[1])

    def at(self, steps: Sequence[int]) -> StreamSource:
        """Return the source of one time step of the samples that have it, as they come."""
        (step,) = steps

        def some() -> Iterator[Chunk]:
            seen = False
            for chunk in self.chunks:
                keep = chunk.places[:, 1] == step
                seen |= bool(keep.any())
                yield Chunk(chunk.x[keep], chunk.places[keep], chunk.pause, chunk.whole)
            if not seen and self.shape[1] is None:
                raise ShapeError(f"{self.name}: no sample has a time step {step}")

        return StreamSource(self.name, self.dtype, some(), (self.shape[0], 1, *self.shape[2:]))

    def blocks(self, rows: int) -> Iterator[Block]:
        start, held = 0, 0
        xs: list[NDArray[Any]] = []
        places: list[Places] = []

        def block(pause: bool, whole: bool = False) -> Block:
            at = places[0] if len(places) == 1 else np.concatenate(places)
            return Block(xs[0] if len(xs) == 1 else np.concatenate(xs), start, lambda: at, pause, whole)

        chunks = iter(self.chunks)
        while True:
            try:
                chunk = next(chunks, None)
            except DenseCliError:
                if held:  # what came before the fault is given first
                    yield block(True)
                raise
            if chunk is None:
                break
            x, at = chunk.x, chunk.places
            while len(x):
                room = rows - (start + held) % rows
                xs.append(x[:room])
                places.append(at[:room])
                held += len(xs[-1])
                x, at = x[room:], at[room:]
                if (start + held) % rows == 0:
                    yield block(chunk.pause and not len(x), chunk.whole and not len(x))
                    start, held, xs, places = start + held, 0, [], []
            if chunk.pause and held:
                yield block(True, chunk.whole)
                start, held, xs, places = start + held, 0, [], []
        if held:
            yield block(False)


def spool(stream: StreamSource) -> ArraySource | RaggedSource:
    """Return the whole of ``stream`` as a source of which any row can be had, by way of a temporary file."""
    shape = stream.shape
    features = shape[-1] or 0
    file = TemporaryFile()
    places: list[Places] = [np.empty((0, len(shape) - 1), np.int64)]
    for chunk in stream.chunks:
        with naming(f"{stream.name} in the temporary folder"):
            file.write(np.ascontiguousarray(chunk.x, dtype=stream.dtype).data)
        places.append(chunk.places)
    with naming(f"{stream.name} in the temporary folder"):
        file.flush()
    store = FileStore(file, stream.name, 0, stream.dtype, features)
    if None not in shape:
        return ArraySource.over(stream.name, store, tuple(n or 0 for n in shape[:-1]))

    # Places are numbered anew from 0, and rows that came step by step are put in order.
    named = np.concatenate(places)
    if not len(named):
        return ArraySource.over(stream.name, store, (0,) * named.shape[1])
    at = np.stack([np.unique(column, return_inverse=True)[1] for column in named.T], axis=1)
    order = np.lexsort(at.T[::-1])
    twice = np.flatnonzero((at[order[1:]] == at[order[:-1]]).all(axis=1))
    if len(twice):
        place = named[order[twice[0]]].tolist()
        raise ShapeError(f"{stream.name}: expected each sample and step once, found {place} twice")
    lead = tuple(int(n) + 1 for n in at.max(axis=0))
    if int(np.prod(lead, dtype=np.int64)) == len(at):
        rows = store if (order[:-1] < order[1:]).all() else OrderedStore(store, order)
        return ArraySource.over(stream.name, rows, lead)
    if at.shape[1] != 2:
        raise ShapeError(
            f"{stream.name}: samples may differ in time steps only, found rank {at.shape[1] + 1}"
        )
    lengths = np.bincount(at[:, 0])
    offsets = np.cumsum(lengths) - lengths
    gaps = at[order, 1] != np.arange(len(at)) - np.repeat(offsets, lengths)
    if gaps.any():
        sample, t = named[order[gaps.argmax()]].tolist()
        raise ShapeError(
            f"{stream.name}: expected every time step up to t = {t} of sample {sample}, found a gap"
        )
    return RaggedSource(stream.name, OrderedStore(store, order), lengths, offsets, range(len(lengths)))


def check_steps(shape: tuple[int | None, ...], name: str) -> None:
    """Refuse a shape without a time axis."""
    if len(shape) < 3:
        shown = "(" + ", ".join("?" if n is None else str(n) for n in shape) + ")"
        raise ShapeError(
            f"{name}: expected rank 3 or more (batch, time, …, features), found shape {shown}",
            hint="a (batch, features) array has no time steps: use densecli predict",
        )


def check_shape(shape: tuple[int | None, ...], name: str) -> None:
    """Refuse a shape that holds no features."""
    if not shape:
        raise ShapeError(f"{name}: expected rank 1 or more, found a single number (shape ())")
    if shape[-1] == 0:
        raise ShapeError(f"{name}: expected features on the last axis, found none (shape {shape})")


def _numbers(axis: range | tuple[int, ...], at: NDArray[np.int64]) -> NDArray[np.int64]:
    if isinstance(axis, range):
        return at * axis.step + axis.start
    return np.asarray(axis, dtype=np.int64)[at]
