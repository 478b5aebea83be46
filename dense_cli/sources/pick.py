"""Which samples of a source are wanted.

In: a source, and indices and slices. Out: the source of those samples, in the order in which they are named.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ShapeError
from dense_cli.sources.arrays import ArraySource, kept_of
from dense_cli.sources.placed import PlacedSource
from dense_cli.sources.source import Numbers, Source
from dense_cli.sources.streamed import StreamSource, spool

Batch = Sequence[int | slice]


def pick(source: Source, batch: Batch) -> Source:
    """Return the source of some samples; of a stream, where several are named, by way of a temporary file.

    Raises:
        ShapeError: there is no sample of a number, or one is named twice.
    """
    if len(batch) > 1:
        if isinstance(source, StreamSource):
            source = spool(source)
        assert isinstance(source, ArraySource | PlacedSource)
        return source.chosen(_positions(source.samples, batch, source.name))
    [one] = batch
    if isinstance(one, slice):
        return source.select(one)
    size = source.shape[0]
    message = _out_of_range(one, source.name)
    if size is not None and not -size <= one < size:
        raise ShapeError(f"{message}: there are {size} (0 to {size - 1})")
    if abs(one) < 2**62:  # NumPy counts no further
        selected = source.select(slice(one, one + 1 or None))
        if size is None and isinstance(selected, StreamSource):
            return selected.required(message)
        if selected.shape[0] != 0:
            return selected
    raise ShapeError(message)


def wanted(numbers: range, batch: Batch, name: str) -> Numbers:
    """Return the numbers of the samples that are picked, of 0, 1, …; all where none is named.

    Raises:
        ShapeError: as `pick`.
    """
    if len(batch) > 1:
        return _positions(numbers, batch, name)
    for one in batch:
        return numbers[one] if isinstance(one, slice) else _positions(numbers, batch, name)
    return numbers


def _positions(numbers: Numbers, batch: Batch, name: str) -> NDArray[np.int64]:
    """Return where the samples that are named stand among ``numbers``."""
    kept = [_at(numbers, one, name) for one in batch]
    positions = np.concatenate([np.asarray(part, np.int64) for part in kept])
    each, count = np.unique(positions, return_counts=True)
    if len(each) < len(positions):
        twice = numbers[int(each[count > 1][0])]
        raise ShapeError(f"{name}: --batch: expected each sample once, found sample {twice} twice")
    return positions


def _at(numbers: Numbers, one: int | slice, name: str) -> Numbers:
    if isinstance(one, slice):
        return kept_of(numbers, one)
    ends = numbers if len(numbers) < 2 or not isinstance(numbers, range) else (numbers[0], numbers[-1])
    size = int(max(ends, default=-1)) + 1
    number = one if one >= 0 else size + one
    if number not in numbers:
        known = f": there are {size} (0 to {size - 1})" if len(numbers) == size else ""
        raise ShapeError(_out_of_range(one, name) + known)
    if isinstance(numbers, range):
        at = numbers.index(number)
        return range(at, at + 1)
    return np.flatnonzero(numbers == number)


def _out_of_range(index: int, name: str) -> str:
    return f"{name}: sample {index} is out of range"
