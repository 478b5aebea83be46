"""Two sources side by side, row by row.

In: two sources, whose blocks need not end at the same rows. Out: equal runs of rows of both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ShapeError
from dense_cli.sources.arrays import ArraySource, in_memory
from dense_cli.sources.source import Block, Cut, Held, KnownPlaces, Source, may_agree
from dense_cli.text import shape_text


def pairs(
    a: Source, b: Source, rows: int, *, numbered: bool = True
) -> Iterator[tuple[Block, NDArray[Any], NDArray[Any]]]:
    """Give the rows of two sources side by side: a block of ``a``'s, with its mask, and both blocks' numbers.

    Without ``numbered`` one of them does not say which samples it holds: their order is what counts.

    Raises:
        ShapeError: they differ in shape, or in which rows they hold.
    """
    _require_same_shape(a, b)
    of_a, of_b = a.blocks(rows), b.blocks(rows)
    orders = () if numbered else (_Order(a), _Order(b))
    left: Block | None = None
    right: Block | None = None
    while True:
        left = left if left is not None and len(left.x) else next(of_a, None)
        right = right if right is not None and len(right.x) else next(of_b, None)
        if left is None or right is None:
            _require_both_end(a, left, b, right)
            return
        count = min(len(left.x), len(right.x))
        first, left = _split(left, count)
        second, right = _split(right, count)
        _require_same_places(a, first, b, second, numbered)
        for order, block in zip(orders, (first, second), strict=False):
            order.add(block)
        yield first, first.x, second.x


class Pairs:
    """Two arrays of the same shape, of which any rows can be had: their pairs can be had in parts."""

    def __init__(self, a: ArraySource, b: ArraySource, *, numbered: bool) -> None:
        _require_same_shape(a, b)
        self.a, self.b = a, b
        self.numbered = numbered
        self.shape, self.dtype = a.shape, a.dtype

    def __getstate__(self) -> dict[str, Any]:
        """What goes to another process: sources of files."""
        if in_memory(self.a) or in_memory(self.b):
            raise TypeError(f"cannot pickle {self.a.name} and {self.b.name}: their rows travel")
        return self.__dict__

    def parts(self, rows: int, most: int) -> Iterator[Cut]:
        """Give the rows at which parts begin and end."""
        return self.a.parts(rows, most)

    def between(self, cut: Cut) -> Pairs:
        """Return the pairs of a part."""
        return Pairs(self.a.between(cut), self.b.between(cut), numbered=self.numbered)

    def held(self, cut: Cut, rows: int) -> Held:
        """Return the pairs of a part, read."""
        return Held(list(self.between(cut).blocks(rows)))

    def blocks(self, rows: int) -> Iterator[tuple[Block, NDArray[Any], NDArray[Any]]]:
        """Give the pairs."""
        return pairs(self.a, self.b, rows, numbered=self.numbered)


class _Order:
    """Holds the numbers of samples against each other: where the order counts, they only go up, or only down.

    Samples in any other order are not those of an array that has no numbers.
    """

    def __init__(self, source: Source) -> None:
        self._name = source.name
        self._last = np.empty(0, np.int64)
        self._direction = 0

    def add(self, block: Block) -> None:
        """Take the next rows.

        Raises:
            ShapeError: their samples go back.
        """
        samples = np.append(self._last, block.places()[:, 0])
        steps = np.sign(np.diff(samples))
        moves = steps[steps != 0]
        if len(moves):
            self._direction = self._direction or int(moves[0])
        back = np.flatnonzero((steps != 0) & (steps != self._direction))
        if len(back):
            before, after = samples[back[0] : back[0] + 2].tolist()
            raise ShapeError(
                f"{self._name}: sample {after} follows sample {before}: expected samples in order beside "
                "rows that do not say which samples they are",
                hint="sort its lines by sample, or compare it with outputs in JSON Lines, which say it too",
            )
        self._last = samples[-1:]


def _require_same_shape(a: Source, b: Source) -> None:
    if not may_agree(a.shape, b.shape):
        raise ShapeError(
            f"{b.name}: expected the shape of {a.name}, {shape_text(a.shape)}, found {shape_text(b.shape)}"
        )


def _require_both_end(a: Source, left: Block | None, b: Source, right: Block | None) -> None:
    further = left or right
    if further is not None:
        longer, shorter = (a, b) if right is None else (b, a)
        place = further.places()[0].tolist()
        raise ShapeError(f"{shorter.name}: ends where {longer.name} has further rows, from {place} on")


def _require_same_places(a: Source, first: Block, b: Source, second: Block, numbered: bool) -> None:
    """Refuse rows that do not stand at the same places; of sources without numbers, whose axes step apart."""
    here, there = first.places(), second.places()
    apart = here != there if numbered else (np.diff(here, axis=0) != 0) != (np.diff(there, axis=0) != 0)
    if apart.any():
        at = int(apart.any(axis=1).argmax()) + (not numbered)
        raise ShapeError(
            f"{b.name}: expected the rows of {a.name} in their order: "
            f"found {there[at].tolist()} beside {here[at].tolist()}"
        )


def _split(block: Block, count: int) -> tuple[Block, Block]:
    """Return the first ``count`` rows of a block and the others."""
    places = block.places()
    masks = (None, None) if block.mask is None else (block.mask[:count], block.mask[count:])
    first = Block(block.x[:count], block.start, KnownPlaces(places[:count]), mask=masks[0])
    return first, Block(block.x[count:], block.start + count, KnownPlaces(places[count:]), mask=masks[1])
