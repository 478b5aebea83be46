"""What every reader gives: rows of features in blocks, each row with its place in the array.

An input is seen as rows: the last axis is features, the axes before it (batch, time, …) are where a
row stands. A block is a run of rows, `start` counts them from 0 in the order of the run, and
no block crosses a multiple of the block size: row i is always row ``i % size`` of its block, however
the bytes came. That is what lets a file, a pipe and an array print the same digits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ShapeError
from dense_cli.limits import ROW_COST, require_bytes
from dense_cli.text import shape_text

if TYPE_CHECKING:
    from dense_cli.sources.pieces import Pieces

Place = tuple[int, ...]
Places = NDArray[np.int64]  # (rows, axes)
Numbers = range | NDArray[np.int64]


class GridPlaces(NamedTuple):
    """Where the rows ``start`` to ``stop`` of a grid in C order stand.

    ``axes`` are the positions kept of each axis; ``numbers`` say what each position is called.

    >>> GridPlaces((range(2), (1, 0)), (range(2), range(4, 6)), 1, 4)().tolist()
    [[0, 4], [1, 5], [1, 4]]
    """

    axes: tuple[range | tuple[int, ...], ...]
    numbers: tuple[Numbers, ...]
    start: int
    stop: int

    def positions(self) -> list[NDArray[np.int64]]:
        """Return where each row stands on each axis."""
        positions = np.unravel_index(np.arange(self.start, self.stop), tuple(map(len, self.axes)))
        return [_chosen(axis, at) for axis, at in zip(self.axes, positions, strict=True)]

    def __call__(self) -> Places:
        named = zip(self.numbers, self.positions(), strict=True)
        return np.stack([_chosen(numbers, at) for numbers, at in named], axis=1)


class KnownPlaces(NamedTuple):
    """Where rows stand, one by one: (rows, axes)."""

    at: Places

    def __call__(self) -> Places:
        return self.at


def _chosen(axis: Numbers | tuple[int, ...], at: NDArray[np.int64]) -> NDArray[np.int64]:
    if isinstance(axis, range):
        return at if axis == range(len(axis)) else at * axis.step + axis.start
    return np.asarray(axis, dtype=np.int64)[at]


class Block(NamedTuple):
    """Consecutive rows: ``x`` is (rows, features), ``places()`` (rows, axes): batch, time, …

    ``pause`` says that the source may wait for its next row: show what there is. ``whole`` says that the
    last sample has ended with this block. ``mask`` (rows,) is False for rows that the source knows to be
    padding; None where it knows of none.
    """

    x: NDArray[Any]
    start: int
    places: GridPlaces | KnownPlaces
    pause: bool = False
    whole: bool = False
    mask: NDArray[np.bool_] | None = None


class Cut(NamedTuple):
    """Where a part of a source begins and ends, in rows or in samples, as the source counts them."""

    start: int
    stop: int


def cuts_of(part: range, rows: int) -> Iterator[Cut]:
    """Give where blocks begin and end, of which none crosses a multiple of ``rows``.

    >>> [tuple(cut) for cut in cuts_of(range(3, 9), 4)]
    [(3, 4), (4, 8), (8, 9)]
    """
    start = part.start
    while start < part.stop:
        stop = min(start - start % rows + rows, part.stop)
        yield Cut(start, stop)
        start = stop


class Held(NamedTuple):
    """Blocks that were read, for who cannot read them; ``pause`` says that the next may take long."""

    read: list[Any]
    pause: bool = False

    def blocks(self, rows: int) -> Iterator[Any]:
        """Give the blocks, which are of ``rows``."""
        return iter(self.read)


class Chunk(NamedTuple):
    """Rows as a stream gives them; the fields are those of a `Block`.

    ``stated`` says that the rows say themselves where they stand, and may come step by step.
    """

    x: NDArray[Any]
    places: Places
    pause: bool = False
    whole: bool = False
    stated: bool = False
    mask: NDArray[np.bool_] | None = None

    def take(self, rows: slice | NDArray[np.bool_]) -> Chunk:
        """Return some of the rows."""
        mask = None if self.mask is None else self.mask[rows]
        return self._replace(x=self.x[rows], places=self.places[rows], mask=mask)


def number_place(flat: int | np.integer[Any], places: Places, columns: int) -> Place:
    """Return the place of a number, by its position in the flattened rows (rows, columns).

    >>> number_place(5, np.array([[0, 0], [0, 1]]), 3)
    (0, 1, 2)
    """
    row, column = divmod(int(flat), columns)
    return (*places[row].tolist(), column)


class Sizes:
    """How many samples have come, and how many numbers each further axis has, whatever these are.

    Samples come one after another.
    """

    def __init__(self, axes: int) -> None:
        self.samples = self._most = 0
        self._first = self._last = -1
        self._numbers = [np.empty(0, np.int64)] * (axes - 1)

    def add(self, places: Places) -> None:
        """Take the places of further rows."""
        if not len(places):
            return
        self.samples += int(np.count_nonzero(np.diff(places[:, 0], prepend=self._last)))
        self._first = int(places[0, 0]) if self._first < 0 else self._first
        self._last = int(places[-1, 0])
        self._numbers = [
            np.union1d(known, axis) for known, axis in zip(self._numbers, places.T[1:], strict=True)
        ]

    def merge(self, other: Sizes) -> None:
        """Take the places of another one's rows, which come next."""
        if other._last < 0:
            return
        self.samples += other.samples - (self._last == other._first)
        self._last = other._last
        self._numbers = [np.union1d(*both) for both in zip(self._numbers, other._numbers, strict=True)]

    def next_step(self) -> None:
        """Say that the same samples come again, with their next time step."""
        self._most = max(self._most, self.samples)
        self.samples, self._last = 0, -1

    def shape(self) -> list[int]:
        """Return the size of each axis."""
        return [max(self.samples, self._most), *map(len, self._numbers)]


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

    @property
    def pieces(self) -> Pieces | None:
        """The files that its rows are in, where these are several."""

    def blocks(self, rows: int) -> Iterator[Block]:
        """Give all rows in blocks that end at multiples of ``rows``."""

    def select(self, batch: slice) -> Source:
        """Give only some samples."""


class Named(NamedTuple):
    """What messages need of a source, which goes to workers without it.

    Thousands of paths stay here, too: what a worker says of a file is said again here, by its name here.
    """

    name: str
    pieces: Pieces | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return Named, (self.name,)


def named(source: Source | Named, place: Place) -> tuple[str, Place]:
    """Return what a message calls the file of a row, and the row's place in it."""
    return (source.name, place) if source.pieces is None else source.pieces.named(place)


def may_agree(a: tuple[int | None, ...], b: tuple[int | None, ...]) -> bool:
    """Whether two shapes may be the same: a size that is not known agrees with any.

    >>> may_agree((2, None), (2, 3)), may_agree((2, 3), (2, 4)), may_agree((2,), (2, 3))
    (True, False, False)
    """
    return len(a) == len(b) and all(
        x == y for x, y in zip(a, b, strict=True) if x is not None and y is not None
    )


def check_steps(shape: tuple[int | None, ...], name: str) -> None:
    """Refuse a shape without a time axis."""
    if len(shape) < 3:
        raise ShapeError(
            f"{name}: expected rank 3 or more (batch, time, …, features), found shape {shape_text(shape)}",
            hint="a (batch, features) array has no time steps: use densecli predict",
        )


def check_shape(shape: tuple[int, ...], name: str, memory: int | None = None) -> None:
    """Refuse a shape that holds no features, or rows too wide to be held.

    Raises:
        ShapeError: no features.
        SizeError: a row takes more than ``memory`` and more than 4 GiB while it is worked on.
    """
    if not shape:
        raise ShapeError(f"{name}: expected rank 1 or more, found a single number (shape ())")
    if shape[-1] == 0:
        raise ShapeError(f"{name}: expected features on the last axis, found none (shape {shape})")
    require_bytes(shape[-1] * ROW_COST, name, f"a row of {shape[-1]} numbers", memory)
