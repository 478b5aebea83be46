"""Sources of which any row can be had at any time: arrays in memory, in a file, of differing lengths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dense_cli.files.tensor import Tensor
from dense_cli.sources.source import Block, Places, check_shape, check_steps


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
class TensorStore:
    """Rows of a tensor in a file, read when asked for."""

    tensor: Tensor
    features: int

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.tensor.numbers

    def take(self, rows: slice | NDArray[np.int64]) -> NDArray[Any]:
        assert self.tensor.rows is not None
        return self.tensor.rows(rows)


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
        kept = steps if isinstance(steps, range) else tuple(steps)
        return replace(self, axes=(self.axes[0], kept, *self.axes[2:]))

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


def _numbers(axis: range | tuple[int, ...], at: NDArray[np.int64]) -> NDArray[np.int64]:
    if isinstance(axis, range):
        return at * axis.step + axis.start
    return np.asarray(axis, dtype=np.int64)[at]
