"""Sources of rows → the arrays that a model takes: whole samples, in blocks.

In: one `Source` for each input of a model. Out: `Samples`, blocks of samples of one shape with their numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ShapeError
from dense_cli.layers.keras_tensor import Shape
from dense_cli.sources.source import Source
from dense_cli.text import shape_text


class Samples(NamedTuple):
    """A block of samples.

    Attributes:
        numbers: (n,), which samples they are.
        arrays: an array (n, …) for each input.
        start: how many samples came before them.
        pause: whether the next block may take long.
    """

    numbers: NDArray[np.int64]
    arrays: list[NDArray[Any]]
    start: int
    pause: bool = False


def require_fit(sources: Sequence[Source], inputs: Sequence[Any]) -> None:
    """Hold the shapes of the sources against those of a model's inputs.

    Raises:
        ShapeError: the message has both shapes and the input's name.
    """
    for source, own in zip(sources, inputs, strict=True):
        if not fits(source.shape, own.shape):
            hint = None
            if fits((None, *source.shape), own.shape):
                hint = "one sample stands in brackets of its own: a batch of one"
            raise ShapeError(
                f"{source.name}: shape {shape_text(source.shape)} does not fit the model's input "
                f"'{own.name}': expected {_with_names(own.shape)}",
                hint=hint,
            )


def fits(shape: Shape, own: Shape) -> bool:
    """Whether an array fits an input; a last axis of 1 that the input does not have is left out by models."""
    if len(shape) == len(own) + 1 and shape[-1] == 1:
        shape = shape[:-1]
    return len(shape) == len(own) and all(
        a is None or b is None or a == b for a, b in zip(shape[1:], own[1:], strict=True)
    )


def _with_names(shape: Shape) -> str:
    inner = ["?" if n is None else str(n) for n in shape[1:]]
    return f"({', '.join(['batch', *inner])})"


def blocks_of(sources: Sequence[Source], size: int) -> Iterator[Samples]:
    """Give the samples of all sources side by side; no block crosses a multiple of ``size``.

    Raises:
        ShapeError: one source has other samples than the first, or fewer.
    """
    if len(sources) > 1:
        yield from _side_by_side(sources, size)
        return
    start = 0
    for numbers, array, pause in _samples(sources[0], size):
        yield Samples(numbers, [array], start, pause)
        start += len(numbers)


def _side_by_side(sources: Sequence[Source], size: int) -> Iterator[Samples]:
    start = 0
    streams = [_Cut(_samples(source, size)) for source in sources]
    while True:
        room = [stream.ready() for stream in streams]
        if not any(room):
            return
        if not all(room):
            ended = sources[room.index(0)].name
            raise ShapeError(f"{ended}: ends where {sources[room.index(max(room))].name} has further samples")
        parts = [stream.take(min(room)) for stream in streams]
        numbers = parts[0][0]
        for source, part in zip(sources[1:], parts[1:], strict=True):
            if not np.array_equal(part[0], numbers):
                raise ShapeError(
                    f"{source.name}: expected the samples of {sources[0].name}, from {numbers[0]} on, "
                    f"found them from {part[0][0]} on"
                )
        yield Samples(numbers, [array for _, array in parts], start)
        start += len(numbers)


class _Cut:
    """Blocks of samples that are taken in parts."""

    def __init__(self, blocks: Iterator[tuple[NDArray[np.int64], NDArray[Any], bool]]) -> None:
        self._blocks = blocks
        self._numbers: NDArray[np.int64] = np.empty(0, np.int64)
        self._array: NDArray[Any] = np.empty(0)

    def ready(self) -> int:
        """Return how many samples can be taken at once, 0 at the end."""
        if not len(self._numbers):
            self._numbers, self._array, _ = next(self._blocks, (self._numbers, self._array, False))
        return len(self._numbers)

    def take(self, count: int) -> tuple[NDArray[np.int64], NDArray[Any]]:
        part = self._numbers[:count], self._array[:count]
        self._numbers, self._array = self._numbers[count:], self._array[count:]
        return part


def _samples(source: Source, size: int) -> Iterator[tuple[NDArray[np.int64], NDArray[Any], bool]]:
    """Give blocks of whole samples of one shape: numbers (n,), array (n, …), whether to wait for more.

    Where samples differ in time steps, those that follow each other with as many stand in one block.
    """
    inner = source.shape[1:]
    rows = int(np.prod([n or 1 for n in inner[:-1]], dtype=np.int64))
    x: NDArray[Any] = np.empty((0, inner[-1] or 0), source.dtype)
    places: NDArray[np.int64] = np.empty((0, len(inner)), np.int64)
    start = 0
    for block in source.blocks(size * max(rows, 1)):
        x, places = np.concatenate([x, block.x]), np.concatenate([places, block.places()])
        ended = len(x)
        if None in inner and not block.whole:  # whether the last sample goes on shows with the next row
            others = np.flatnonzero(places[:, 0] != places[-1, 0])
            ended = int(others[-1]) + 1 if len(others) else 0
        elif None not in inner:
            ended -= ended % max(rows, 1)
        for part in _grouped(x[:ended], places[:ended], inner, size, start):
            start += len(part[0])
            yield (*part, block.pause)
        x, places = x[ended:], places[ended:]
    for part in _grouped(x, places, inner, size, start):
        yield (*part, False)


def _grouped(
    x: NDArray[Any], places: NDArray[np.int64], inner: Shape, size: int, before: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[Any]]]:
    """Give whole samples, those of one shape that follow each other together; ``before`` came earlier."""
    if not len(x):
        return
    starts = np.flatnonzero(np.diff(places[:, 0], prepend=places[0, 0] - 1))
    counts = np.diff(starts, append=len(x))
    runs = np.flatnonzero(np.diff(counts, prepend=-1))
    for first, last in zip(runs, [*runs[1:], len(starts)], strict=True):
        at = int(first)
        while at < last:
            stop = min(at + size - (before + at) % size, int(last))
            rows = slice(starts[at], starts[stop] if stop < len(starts) else len(x))
            shape = _shape(places[rows], int(counts[first]), inner)
            array = x[rows].reshape(stop - at, *shape)
            yield places[starts[at:stop], 0], array
            at = stop


def _shape(places: NDArray[np.int64], count: int, inner: Shape) -> tuple[int, ...]:
    """Return the shape of samples of ``count`` rows each."""
    features = inner[-1] or 0
    if None not in inner:
        return (*(n or 0 for n in inner[:-1]), features)
    sizes = tuple(int(n) for n in places[count - 1, 1:] + 1)
    return (*sizes, features)
