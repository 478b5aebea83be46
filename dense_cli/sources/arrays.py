"""Sources of which any row can be had at any time.

In: an array in memory, or a tensor in a file. Out: an `ArraySource`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dense_cli.sources.source import (
    Block,
    Cut,
    GridPlaces,
    Held,
    Numbers,
    check_shape,
    check_steps,
    cuts_of,
)

if TYPE_CHECKING:
    from dense_cli.files.tensor import Tensor
    from dense_cli.sources.pieces import Pieces


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

    def mask(self, rows: slice | NDArray[np.int64]) -> NDArray[np.bool_] | None:
        """Return which of those rows count; None where none is known to be padding."""


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

    def mask(self, rows: slice | NDArray[np.int64]) -> None:
        return None


@dataclass(eq=False, repr=False)
class TensorStore:
    """Rows of a tensor in a file, read when asked for; ``counts`` (rows,) is False for padding."""

    tensor: Tensor
    features: int
    counts: NDArray[np.bool_] | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.tensor.numbers

    def take(self, rows: slice | NDArray[np.int64]) -> NDArray[Any]:
        assert self.tensor.rows is not None
        return self.tensor.rows(rows)

    def mask(self, rows: slice | NDArray[np.int64]) -> NDArray[np.bool_] | None:
        return None if self.counts is None else self.counts[rows]


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

    def mask(self, rows: slice | NDArray[np.int64]) -> NDArray[np.bool_] | None:
        return self.store.mask(self.order[rows])


@dataclass(eq=False, repr=False)
class ArraySource:
    """An array of which any row can be had.

    ``axes`` are the positions kept of each axis before the last. ``numbers`` say what samples, steps and so
    on are called: by default by their positions. ``pieces`` are the files that it is in, where these are
    several. ``part`` are the rows that blocks are given of, counted in their order; None: all.
    """

    name: str
    store: Store
    lead: tuple[int, ...]
    axes: tuple[range | tuple[int, ...], ...]
    numbers: tuple[Numbers, ...]
    pieces: Pieces | None = None
    part: range | None = None

    @classmethod
    def of(cls, name: str, array: NDArray[Any], steps: NDArray[np.int64] | None = None) -> ArraySource:
        """Return the source of an array in memory; a 1-D array is one sample; ``steps`` number axis 1."""
        array = array[None] if array.ndim == 1 else array
        check_shape(array.shape, name)
        rows = ArrayStore(array.reshape(-1, array.shape[-1]))
        numbers: list[Numbers] = [range(n) for n in array.shape[:-1]]
        if steps is not None:
            numbers[1] = evenly(steps)
        return cls.over(name, rows, array.shape[:-1], tuple(numbers))

    @classmethod
    def over(
        cls, name: str, store: Store, lead: tuple[int, ...], numbers: tuple[Numbers, ...] | None = None
    ) -> ArraySource:
        """Return the source of all rows of ``store``, which stand in C order in ``lead``."""
        axes = tuple(range(n) for n in lead)
        return cls(name, store, lead, axes, axes if numbers is None else numbers)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.store.dtype

    @cached_property
    def shape(self) -> tuple[int | None, ...]:
        return (*map(len, self.axes), self.store.features)

    @property
    def extent(self) -> tuple[int | None, ...]:
        """The shape of what the rows were picked from: None on an axis whose numbers do not count from 0."""
        counted = map(_counted, self.numbers)
        sizes = zip(self.shape, counted, strict=False)
        return (*(size if whole else None for size, whole in sizes), self.store.features)

    @property
    def steps(self) -> Numbers:
        """The numbers of the time steps.

        Raises:
            ShapeError: there is no such axis.
        """
        check_steps(self.shape, self.name)
        return self.numbers[1]

    @property
    def samples(self) -> Numbers:
        """The numbers of all samples, also of those that are not picked."""
        return self.numbers[0]

    def select(self, batch: slice) -> ArraySource:
        """Return the source of some samples, by their numbers."""
        return self.chosen(kept_of(self.samples, batch))

    def chosen(self, kept: Numbers) -> ArraySource:
        """Return the source of the samples at these positions among `samples`, in this order."""
        axis = kept if isinstance(kept, range) else tuple(kept.tolist())
        return replace(self, axes=(axis, *self.axes[1:]))

    def take(self, samples: Sequence[int], steps: range | None = None) -> ArraySource:
        """Return the source of samples, and of their time steps, by their positions, in this order."""
        axes = [_positions(self.axes[0], samples), *self.axes[1:]]
        if steps is not None:
            axes[1] = _positions(axes[1], steps)
        return replace(self, axes=tuple(axes))

    def at(self, steps: Sequence[int]) -> ArraySource:
        """Return the source of these time steps, in this order; all of them are among `steps`."""
        own = self.numbers[1]
        kept: range | tuple[int, ...]
        if not _counted(own):
            kept = tuple(np.searchsorted(np.asarray(own), np.asarray(steps, np.int64)).tolist())
        else:
            kept = steps if isinstance(steps, range) else tuple(steps)
        return replace(self, axes=(self.axes[0], kept, *self.axes[2:]))

    def parts(self, rows: int, most: int) -> Iterator[Cut]:
        """Give the rows at which parts begin and end, of up to ``most`` blocks of ``rows``."""
        total = int(np.prod(tuple(map(len, self.axes)), dtype=np.int64))
        for start in range(0, total, rows * most):
            yield Cut(start, min(start + rows * most, total))

    def between(self, cut: Cut) -> ArraySource:
        """Return the source whose blocks are those of a part."""
        return replace(self, part=range(*cut))

    def held(self, cut: Cut, rows: int) -> Held:
        """Return the blocks of a part, read."""
        return Held(list(self.between(cut).blocks(rows)))

    def blocks(self, rows: int) -> Iterator[Block]:
        shape = tuple(map(len, self.axes))
        total = int(np.prod(shape, dtype=np.int64))
        whole = all(axis == range(n) for axis, n in zip(self.axes, self.lead, strict=True))
        part = range(total) if self.part is None else self.part
        for start, stop in cuts_of(part, rows):
            places = GridPlaces(self.axes, self.numbers, start, stop)
            at: slice | NDArray[np.int64] = slice(start, stop)
            if not whole:
                at = np.ravel_multi_index(tuple(places.positions()), self.lead)
            yield Block(self.store.take(at), start, places, mask=self.store.mask(at))


def _positions(axis: range | tuple[int, ...], at: Sequence[int]) -> range | tuple[int, ...]:
    """Return some of the positions that are kept of an axis."""
    if isinstance(at, range) and at.step == 1:
        return axis[at.start : at.stop]
    return tuple(axis[i] for i in at)


def in_memory(source: object) -> bool:
    """Whether a source is an array in memory, of which each row is best sent where it is wanted."""
    store = getattr(source, "store", None)
    while isinstance(store, OrderedStore):
        store = store.store
    return isinstance(store, ArrayStore)


def evenly(numbers: NDArray[np.int64]) -> Numbers:
    """Return numbers as a range where they are evenly spaced, as is usual."""
    if len(numbers) < 2:
        return range(int(numbers[0]), int(numbers[0]) + 1) if len(numbers) else range(0)
    step = int(numbers[1]) - int(numbers[0])
    if step and (np.diff(numbers) == step).all():
        return range(int(numbers[0]), int(numbers[-1]) + step, step)
    return numbers


def kept_of(numbers: Numbers, batch: slice) -> Numbers:
    """Return the positions of the numbers that a slice keeps of 0, 1, … up to the highest of them.

    >>> kept_of(range(4), slice(None, None, -1)), kept_of(np.array([2, 5, 9]), slice(5, -1))
    (range(3, -1, -1), array([1]))
    """
    if _counted(numbers):
        return range(len(numbers))[batch]
    own = np.asarray(numbers, np.int64)
    wanted = range(int(own.max()) + 1)[batch]
    least, most = sorted((wanted[0], wanted[-1])) if wanted else (0, -1)
    kept = np.flatnonzero((own >= least) & (own <= most) & ((own - least) % wanted.step == 0))
    return kept[::-1] if wanted.step < 0 else kept


def _counted(numbers: Numbers) -> bool:
    """Whether numbers are 0, 1, 2, …, which are positions."""
    return isinstance(numbers, range) and numbers == range(len(numbers))
