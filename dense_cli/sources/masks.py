"""Which time steps count: by lengths, by a mask, or by a value that marks padding.

In: small arrays, and the places of rows. Out: True for each row that counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import DtypeError, ShapeError
from dense_cli.sources.source import Block

Given = str | Sequence[str] | NDArray[Any]  # a path, a folder, several paths, or the array itself


class Mask(NamedTuple):
    """A rule for rows of (batch, time, …): exactly one of the three is given.

    ``lengths`` (batch,) counts the steps before the padding, or after it where ``time`` (batch,) is given:
    the steps of each sample, padding included, which `front.find_time` fills in; ``steps`` (batch, time) is
    True where a step counts; steps whose features all equal ``value`` are padding, and are set to zero as
    Keras' Masking layer does.
    """

    lengths: NDArray[np.int64] | None = None
    steps: NDArray[np.bool_] | None = None
    value: float | None = None
    time: NDArray[np.int64] | None = None

    def check(self, shape: tuple[int | None, ...], name: str) -> None:
        """Hold the mask against an input's shape.

        Raises:
            ShapeError: there is no time axis, or the sizes differ.
            DtypeError: a length is negative or beyond the time steps.
        """
        if len(shape) < 3:
            raise ShapeError(f"{name}: a mask needs (batch, time, …, features), found rank {len(shape)}")
        batch, time = shape[:2]
        if self.lengths is not None:
            if batch is not None and len(self.lengths) != batch:
                raise ShapeError(f"lengths: expected shape ({batch},), found {self.lengths.shape}")
            wrong = np.flatnonzero((self.lengths < 0) | (self.lengths > (2**62 if time is None else time)))
            if len(wrong):
                at = int(wrong[0])
                raise DtypeError(
                    f"lengths: expected 0 to {time} time steps, found {self.lengths[at]} at [{at}]"
                )
        if self.steps is not None:
            expected = (batch, time)
            if any(want not in (None, have) for want, have in zip(expected, self.steps.shape, strict=True)):
                raise ShapeError(f"mask: expected shape (batch, time) = {expected}, found {self.steps.shape}")

    def counting(self, block: Block, x: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which rows of a block count, by the source too where it says it."""
        own = self.rows(block.places(), x)
        return own if block.mask is None else block.mask & own

    def rows(self, places: NDArray[np.int64], x: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which rows count, (rows,).

        Raises:
            ShapeError: a row stands beyond the mask.
        """
        if self.value is not None:
            with np.errstate(over="ignore"):  # a value beyond the dtype equals no finite number
                counts: NDArray[np.bool_] = np.any(x != self.value, axis=-1)
            return counts
        known = self.lengths if self.lengths is not None else self.steps
        assert known is not None
        beyond = (places[:, : known.ndim] >= known.shape).any(axis=1)
        if beyond.any():
            at = places[np.flatnonzero(beyond)[0]].tolist()
            raise ShapeError(
                f"{'lengths' if self.steps is None else 'mask'}: shape {known.shape} ends before row {at}"
            )
        if self.lengths is not None and self.time is not None:
            return (self.time - self.lengths)[places[:, 0]] <= places[:, 1]
        if self.lengths is not None:
            return self.lengths[places[:, 0]] > places[:, 1]
        assert self.steps is not None
        return self.steps[places[:, 0], places[:, 1]]


def open_mask(
    lengths: Given | None, steps: Given | None, value: float | None, dtype: np.dtype[Any], *, before: bool
) -> Mask:
    """Return the mask that one of these asks for: lengths, a mask, a value of ``dtype``.

    ``before``: padding stands before the steps that lengths count.

    Raises:
        DenseCliError, OSError: a file is not what it should be.
    """
    if value is not None:
        with np.errstate(over="ignore"):
            return Mask(value=float(dtype.type(value)))
    if lengths is not None:
        counts = np.concatenate([as_lengths(array, name) for array, name in _arrays(lengths, "lengths")])
        return Mask(counts, time=np.zeros_like(counts) if before else None)
    assert steps is not None
    masks = [(as_steps(array, name), name) for array, name in _arrays(steps, "mask")]
    for mask, name in masks:
        if mask.shape[1] != masks[0][0].shape[1]:
            time = masks[0][0].shape[1]
            raise ShapeError(f"{name}: expected the {time} steps of {masks[0][1]}, found {mask.shape[1]}")
    return Mask(steps=np.concatenate([mask for mask, _ in masks]))


def _arrays(given: Given, what: str) -> Iterator[tuple[NDArray[Any], str]]:
    """Give what belongs to one run of samples after another: an array, and what messages call it."""
    if isinstance(given, np.ndarray):
        yield given, what
        return
    from dense_cli.sources.open import open_source
    from dense_cli.sources.paths import files_of
    from dense_cli.sources.whole import read_array

    for path in files_of(given):
        yield read_array(open_source(path)), path


@np.errstate(over="ignore", invalid="ignore")  # float16 has no 2**62; a signalling NaN is as good as any
def as_lengths(array: NDArray[Any], name: str) -> NDArray[np.int64]:
    """Return lengths (batch,) from whole numbers of any dtype."""
    array = array.reshape(-1) if array.ndim == 2 and 1 in array.shape else array
    if array.ndim != 1:
        raise ShapeError(f"{name}: expected one whole number per sample, found shape {array.shape}")
    wrong = np.flatnonzero(~((array == np.floor(array)) & (array > -(2**62)) & (array < 2**62)))
    if len(wrong):
        at = int(wrong[0])
        raise DtypeError(f"{name}: expected whole numbers of time steps, found {array[at]} at [{at}]")
    return array.astype(np.int64)


@np.errstate(over="ignore", invalid="ignore")
def as_steps(array: NDArray[Any], name: str) -> NDArray[np.bool_]:
    """Return a mask (batch, time) from booleans or from 0 and 1; a 1-D array is one sample's."""
    array = array[None] if array.ndim == 1 else array
    if array.ndim != 2:
        raise ShapeError(f"{name}: expected shape (batch, time), found {array.shape}")
    if not np.isin(array, (0, 1)).all():
        raise DtypeError(
            f"{name}: expected true and false, or 1 and 0, found {array[~np.isin(array, (0, 1))][0]}"
        )
    return array.astype(bool)
