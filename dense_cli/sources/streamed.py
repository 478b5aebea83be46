"""Sources whose rows come once, in order, and how to keep them all for going back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import DenseCliError, ShapeError, naming
from dense_cli.files.stream import TemporaryFile
from dense_cli.files.tensor import Extent
from dense_cli.sources.arrays import ArraySource, OrderedStore, RaggedSource, TensorStore
from dense_cli.sources.source import Block, Places, Source, check_steps


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
        whole = file.reopened(stream.name)
    count = sum(map(len, places))
    store = TensorStore(Extent.of(whole, 0, (count, features), stream.dtype).tensor(stream.name), features)
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
