"""Sources whose rows come once, in order.

In: chunks, as a parser or a pipe gives them. Out: a `StreamSource`; with `spool`, which keeps all rows in a
temporary file, a source of which any row can be had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import DenseCliError, ShapeError
from dense_cli.files.temporary import TemporaryFile
from dense_cli.files.tensor import Extent
from dense_cli.sources.arrays import ArraySource, TensorStore
from dense_cli.sources.placed import PlacedSource, arrange, by_sample
from dense_cli.sources.source import Block, Chunk, KnownPlaces, Numbers, Places, Source, check_steps

if TYPE_CHECKING:
    from dense_cli.sources.pieces import Pieces


class StreamSource:
    """Rows that come once, in order: a pipe, or a file that is parsed as it is read.

    Without a ``shape`` the first chunk is waited for to tell the rank and the features. ``samples`` are the
    numbers of the samples that come, where these are known; ``memory`` is what may be held whole; ``pieces``
    are the files that the rows are in, where these are several.
    """

    def __init__(
        self,
        name: str,
        dtype: np.dtype[Any],
        chunks: Iterator[Chunk],
        shape: tuple[int | None, ...] | None = None,
        *,
        samples: Numbers | None = None,
        memory: int | None = None,
        pieces: Pieces | None = None,
    ) -> None:
        self.name = name
        self.dtype = dtype
        self.chunks = chunks
        self.memory = memory
        self.pieces = pieces
        self._shape = shape
        self._samples = samples
        self._stated: bool | None = None

    def _first(self) -> Chunk:
        first = next(self.chunks)
        self.chunks = chain([first], self.chunks)
        return first

    @property
    def declared(self) -> tuple[int | None, ...] | None:
        """The shape; None where only the rows can tell it."""
        return self._shape

    @property
    def shape(self) -> tuple[int | None, ...]:
        if self._shape is None:
            first = self._first()
            self._shape = (*[None] * first.places.shape[1], first.x.shape[1])
        return self._shape

    @property
    def samples(self) -> Numbers | None:
        """The numbers of the samples, where their number is known."""
        return range(self.shape[0]) if self._samples is None and self.shape[0] is not None else self._samples

    @property
    def stated(self) -> bool:
        """Whether the rows say themselves where they stand, as densecli prints them."""
        if self._stated is None:
            self._stated = self.shape[0] is None and self._first().stated
        return self._stated

    @property
    def by_step(self) -> bool:
        """Whether the rows come one time step after another, as `slice` prints them."""
        if not self.stated or len(self.shape) < 3:
            return False
        # Rows of one step may differ in further axes: look on to where the sample or the step changes.
        held: list[Chunk] = []
        places: Places = np.empty((0, 2), np.int64)
        other = places
        while not len(other) and (chunk := next(self.chunks, None)):
            held.append(chunk)
            places = np.concatenate([places[:1], chunk.places[:, :2]])
            other = places[(places != places[:1]).any(axis=1)]
        self.chunks = chain(held, self.chunks)
        return bool(len(other) and other[0, 0] != places[0, 0] and other[0, 1] == places[0, 1])

    def _of(
        self, chunks: Iterator[Chunk], shape: tuple[int | None, ...], samples: Numbers | None
    ) -> StreamSource:
        source = StreamSource(
            self.name, self.dtype, chunks, shape, samples=samples, memory=self.memory, pieces=self.pieces
        )
        source._stated = self._stated
        return source

    def select(self, batch: slice) -> Source:
        """Give only some samples; without negative numbers the stream is read no further than needed."""
        start, stop, step = batch.start or 0, 2**62 if batch.stop is None else batch.stop, batch.step or 1
        if min(start, stop, step) < 0:
            return spool(self).select(batch)
        stated = self.stated  # then samples may come in any order

        def some() -> Iterator[Chunk]:
            for chunk in self.chunks:
                sample = chunk.places[:, 0]
                keep = (sample >= start) & (sample < stop) & ((sample - start) % step == 0)
                yield chunk.take(keep)
                if not stated and len(sample) and sample[-1] + chunk.whole >= stop:
                    return

        samples = None if self.samples is None else self.samples[batch]
        return self._of(some(), (None if samples is None else len(samples), *self.shape[1:]), samples)

    def through(self, watch: Callable[[Iterator[Chunk]], Iterator[Chunk]]) -> StreamSource:
        """Return the same source, whose chunks go through ``watch``."""
        return self._of(watch(self.chunks), self.shape, self._samples)

    def required(self, message: str) -> StreamSource:
        """Return the same source, which is an error with ``message`` where no row comes."""

        def some(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
            rows = 0
            for chunk in chunks:
                rows += len(chunk.x)
                yield chunk
            if not rows:
                raise ShapeError(message)

        return self.through(some)

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
                yield chunk.take(keep)
            if not seen and self.shape[1] is None:
                raise ShapeError(f"{self.name}: no sample has a time step {step}")

        return self._of(some(), (self.shape[0], 1, *self.shape[2:]), self._samples)

    def blocks(self, rows: int) -> Iterator[Block]:
        start = held = 0
        parts: list[Chunk] = []

        def block(pause: bool, whole: bool = False) -> Block:
            x, places, *_, mask = joined(parts)
            return Block(x, start, KnownPlaces(places), pause, whole, mask)

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
            while len(chunk.x):
                room = rows - (start + held) % rows
                parts.append(chunk.take(slice(room)))
                held += len(parts[-1].x)
                chunk = chunk.take(slice(room, None))
                if (start + held) % rows == 0:
                    ended = not len(chunk.x)
                    yield block(chunk.pause and ended, chunk.whole and ended)
                    start, held, parts = start + held, 0, []
            if chunk.pause and held:
                yield block(True, chunk.whole)
                start, held, parts = start + held, 0, []
        if held:
            yield block(False)


def joined(parts: list[Chunk]) -> Chunk:
    """Return chunks one after another as one of whole samples."""
    if len(parts) == 1:
        return parts[0]._replace(whole=True)
    masks = [part.mask for part in parts if part.mask is not None]
    mask = np.concatenate(masks) if len(masks) == len(parts) else None
    x = np.concatenate([part.x for part in parts])
    return Chunk(x, np.concatenate([part.places for part in parts]), whole=True, mask=mask)


def spool(stream: StreamSource) -> ArraySource | PlacedSource:
    """Return the whole of ``stream`` as a source of which any row can be had, by way of a temporary file."""
    shape = stream.shape
    features = shape[-1] or 0
    file = TemporaryFile(stream.name)
    runs: list[Places | range] = []
    masks: list[NDArray[np.bool_]] = []
    rows = 0
    for chunk in stream.chunks:
        rows += len(chunk.x)
        file.write(np.ascontiguousarray(chunk.x, dtype=stream.dtype).view(np.uint8).data)
        if None in shape:
            _extend(runs, chunk.places)
        if chunk.mask is not None:
            masks.append(chunk.mask)
    tensor = Extent.of(file.reopened(stream.name), 0, (rows, features), stream.dtype).tensor(stream.name)
    store = TensorStore(tensor, features, np.concatenate(masks) if masks else None)
    if None in shape:
        return replace(_placed(stream.name, store, runs, rows, len(shape) - 1), pieces=stream.pieces)
    lead = tuple(n or 0 for n in shape[:-1])
    samples = range(lead[0]) if stream.samples is None else stream.samples
    numbers = (samples, *map(range, lead[1:]))
    return replace(ArraySource.over(stream.name, store, lead, numbers), pieces=stream.pieces)


def _placed(
    name: str, store: TensorStore, runs: list[Places | range], rows: int, axes: int
) -> ArraySource | PlacedSource:
    """Return the source of rows that stand at the places that the stream gave."""
    if len(runs) == 1 and isinstance(runs[0], range):
        return ArraySource.over(name, store, (rows,), (runs[0],))
    none = np.empty((0, axes), np.int64)
    places = [np.arange(run.start, run.stop)[:, None] if isinstance(run, range) else run for run in runs]
    return arrange(name, store, np.concatenate([none, *places]))


def _extend(runs: list[Places | range], places: Places) -> None:
    """Add the places of further rows; samples of one row that are numbered through are a range."""
    if places.shape[1] > 1 or not len(places) or (np.diff(places[:, 0]) != 1).any():
        runs.append(places)
        return
    run = range(int(places[0, 0]), int(places[-1, 0]) + 1)
    last = runs[-1] if runs else None
    if isinstance(last, range) and last.stop == run.start:
        runs[-1] = range(last.start, run.stop)
    else:
        runs.append(run)


def in_order(source: Source) -> Source:
    """Return a source whose samples follow each other, the steps of each in order.

    Outputs that say where they stand may come step by step, and then wait for the last; else one sample at
    a time is put in order.
    """
    if not isinstance(source, StreamSource) or not source.stated:
        return source
    if source.by_step:
        return spool(source)
    chunks = by_sample(source.chunks, source.name, source.memory, single=len(source.shape) == 2)
    return source._of(chunks, source.shape, None)
