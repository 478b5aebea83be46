"""Rows that state their places, in any order.

In: rows and their places. Out: an `ArraySource` where they fill an array, else a `PlacedSource`; of a stream,
whole samples one after another.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ShapeError
from dense_cli.limits import require_bytes
from dense_cli.sources.arrays import ArraySource, OrderedStore, Store, evenly, kept_of
from dense_cli.sources.source import Block, Chunk, KnownPlaces, Numbers, Places
from dense_cli.text import place_text

if TYPE_CHECKING:
    from dense_cli.sources.pieces import Pieces


@dataclass(eq=False, repr=False)
class PlacedSource:
    """Rows of a store with a place each: samples whose time steps differ, of which any row can be had.

    ``at`` (rows, axes) has the rows of a sample together, its steps in the order they are given; ``rows`` are
    their numbers in the store. ``whole`` says that every sample has all its steps, from 0 on. ``pieces`` are
    the files that the rows are in, where these are several.
    """

    name: str
    store: Store
    places: Places
    rows: NDArray[np.int64]
    whole: bool = False
    pieces: Pieces | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.store.dtype

    @property
    def shape(self) -> tuple[int | None, ...]:
        samples = int(self._sample[-1]) + 1 if len(self.rows) else 0
        return (samples, *[None] * (self.places.shape[1] - 1), self.store.features)

    @property
    def steps(self) -> Numbers:
        """The numbers of the time steps that any sample has."""
        return evenly(np.unique(self.places[:, 1]))

    @cached_property
    def _sample(self) -> NDArray[np.int64]:
        """The position among the samples of each row's."""
        sample: NDArray[np.int64] = np.cumsum(np.diff(self.places[:, 0], prepend=self.places[:1, 0]) != 0)
        return sample

    @cached_property
    def _by_step(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The rows in the order of their time steps, and these."""
        order = np.argsort(self.places[:, 1], kind="stable")
        return order, self.places[order, 1]

    @cached_property
    def _from_end(self) -> NDArray[np.int64]:
        """Each row's time step counted from its sample's last: -1, -2, …"""
        step = np.cumsum((np.diff(self.places[:, :2], axis=0, prepend=self.places[:1, :2]) != 0).any(axis=1))
        last = np.append(np.flatnonzero(np.diff(self._sample)), len(step) - 1)
        own: NDArray[np.int64] = step - step[last][self._sample] - 1
        return own

    @property
    def _first(self) -> NDArray[np.intp]:
        """The first row of each sample."""
        return np.flatnonzero(np.diff(self._sample, prepend=-1))

    @property
    def samples(self) -> Numbers:
        """The numbers of the samples."""
        return evenly(self.places[self._first, 0])

    def select(self, batch: slice) -> ArraySource | PlacedSource:
        """Return the source of some samples, by their numbers; what is left may be an array."""
        return self.chosen(kept_of(self.samples, batch))

    def chosen(self, kept: Numbers) -> ArraySource | PlacedSource:
        """Return the source of the samples at these positions, in this order; it may be an array."""
        first = self._first
        runs = np.split(np.arange(len(self.rows)), first[1:])
        chosen = self._of([runs[i] for i in kept])
        if not len(chosen.rows):  # of these no shape is known
            return chosen
        arranged = arrange(self.name, OrderedStore(self.store, chosen.rows), chosen.places)
        return replace(arranged, pieces=self.pieces)

    def take(self, samples: Sequence[int]) -> PlacedSource:
        """Return the source of samples, by their positions, in this order."""
        ends = [np.searchsorted(self._sample, [sample, sample + 1]).tolist() for sample in samples]
        return self._of([np.arange(*end) for end in ends])

    def at(self, steps: Sequence[int]) -> PlacedSource:
        """Return the source of these time steps of the samples that have them, in this order.

        Negative ones are counted from each sample's own last.
        """
        order, numbers = self._by_step
        of_steps = []
        for step in steps:
            first, stop = np.searchsorted(numbers, [step, step + 1])
            of_steps.append(order[first:stop] if step >= 0 else np.flatnonzero(self._from_end == step))
        rows = np.concatenate([np.empty(0, np.int64), *of_steps])
        return self._of([rows[np.argsort(self._sample[rows], kind="stable")]])

    def _of(self, rows: list[NDArray[np.int64]]) -> PlacedSource:
        kept = np.concatenate([np.empty(0, np.int64), *rows])
        return PlacedSource(self.name, self.store, self.places[kept], self.rows[kept], pieces=self.pieces)

    def blocks(self, rows: int) -> Iterator[Block]:
        for start in range(0, len(self.rows), rows):
            part = slice(start, start + rows)
            at = self.rows[part]
            places = KnownPlaces(self.places[part])
            yield Block(self.store.take(at), start, places, mask=self.store.mask(at))


def arrange(name: str, store: Store, places: Places) -> ArraySource | PlacedSource:
    """Return the rows of ``store``, each at its place, as a source.

    Samples keep the order in which they first come and their numbers; the steps of each are put in order.

    Raises:
        ShapeError: a place that two rows have.
    """
    if not len(places):
        return ArraySource.over(name, store, (0,) * places.shape[1])
    numbers, first, sample = np.unique(places[:, 0], return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    order = _in_order(rank[sample], places, name)
    placed = places[order]
    _check_gaps(placed, name)
    axes = [evenly(numbers[np.argsort(first)]), *(evenly(np.unique(axis)) for axis in placed.T[1:])]
    lead = tuple(map(len, axes))
    if math.prod(lead) == len(placed):
        rows = store if (order[:-1] < order[1:]).all() else OrderedStore(store, order)
        return ArraySource.over(name, rows, lead, tuple(axes))
    return PlacedSource(name, store, placed, order)


def _check_gaps(placed: Places, name: str) -> None:
    """Refuse a sample that lacks a step between two of its own which other samples have: a line is lost."""
    if placed.shape[1] < 2:
        return
    step = np.unique(placed[:, 1], return_inverse=True)[1]
    gaps = (np.diff(step) > 1) & (np.diff(placed[:, 0]) == 0)
    if gaps.any():
        place = place_text(placed[gaps.argmax() + 1].tolist())
        raise ShapeError(f"{name}: expected the steps that other samples have, found a gap before {place}")


def _in_order(sample: NDArray[np.int64], places: Places, name: str) -> NDArray[np.int64]:
    """Return the order of rows by ``sample`` (rows,), and in each by time step and further axes."""
    order = np.lexsort((*places.T[:0:-1], sample))
    placed = places[order]
    twice = np.flatnonzero((placed[1:] == placed[:-1]).all(axis=1) & (np.diff(sample[order]) == 0))
    if len(twice):
        raise ShapeError(
            f"{name}: expected each row once, found {place_text(placed[twice[0]].tolist())} twice"
        )
    return order


def by_sample(chunks: Iterator[Chunk], name: str, memory: int | None, *, single: bool) -> Iterator[Chunk]:
    """Give rows that say where they stand sample by sample, the steps of each in order.

    One sample is held at a time. ``single``: a sample has one row.

    Raises:
        ShapeError: a row comes twice, or a sample comes back after another.
        SizeError: a sample takes more memory than is allowed.
    """
    seen = _Seen()
    held: list[Chunk] = []
    for chunk in chunks:
        if not len(chunk.x):
            yield chunk
            continue
        numbers = chunk.places[:, 0]
        starts = np.append(0, np.flatnonzero(np.diff(numbers)) + 1) if not single else np.arange(len(numbers))
        goes_on = bool(held and numbers[0] == held[0].places[0, 0])
        again = seen.add(numbers[starts[int(goes_on) :]].tolist())
        if again is not None:
            raise _twice(chunk.places, again, name, single)
        last = len(numbers) if single else int(starts[-1])
        if last or (held and not goes_on):
            yield _joined([*held, chunk.take(slice(0, last))], chunk.pause, name)
            held = []
        if last < len(numbers):
            held.append(chunk.take(slice(last, None)))
            nbytes = sum(part.x.nbytes for part in held)
            require_bytes(2 * nbytes, name, f"sample {numbers[-1]}, which is held whole,", memory)
    if held:
        yield _joined(held, False, name)


def _twice(places: Places, sample: int, name: str, single: bool) -> ShapeError:
    """Return the error about a sample that has been there before."""
    if single:
        place = place_text(places[places[:, 0] == sample][-1].tolist())
        return ShapeError(f"{name}: expected each row once, found {place} twice")
    return ShapeError(
        f"{name}: sample {sample} comes back after another: expected the rows of a sample together",
        hint="sort the lines, sample after sample or step after step",
    )


def _joined(parts: list[Chunk], pause: bool, name: str) -> Chunk:
    """Return whole samples as one chunk, the rows of each in order."""
    x, places = (np.concatenate(columns) for columns in zip(*[part[:2] for part in parts], strict=True))
    order = _in_order(np.cumsum(np.diff(places[:, 0], prepend=places[:1, 0]) != 0), places, name)
    return Chunk(x[order], places[order], pause, whole=True, stated=True)


class _Seen:
    """The numbers of samples that have come: a run of even steps, as slices leave it, and others each."""

    def __init__(self) -> None:
        self._run = range(0)
        self._others: set[int] = set()

    def add(self, numbers: list[int]) -> int | None:
        """Take further numbers, and return the first that has been there before."""
        for number in numbers:
            if number in self._run or number in self._others:
                return number
            if not self._run:
                self._run = range(number, number + 1)
            elif len(self._run) == 1:
                step = number - self._run[0]
                self._run = range(self._run[0], number + step, step)
            elif number == self._run[-1] + self._run.step:
                self._run = range(self._run.start, number + self._run.step, self._run.step)
            else:
                self._others.add(number)
        return None
