"""What a layer puts out, in numbers: range, moments, zeros, what is saturated, what is not finite.

In: the arrays of one output, block by block, and what is known of the activation. Out: `Statistics`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.views.moments import Moments

NEAR = 1e-3
"""What is this near to a bound of its activation is saturated."""


class OutputKind(NamedTuple):
    """What an activation makes of numbers.

    Attributes:
        low, high: its bounds, which it comes near to where it is saturated; None: it has none.
        rows: whether a row is saturated as a whole, where its largest number is: a softmax.
        fires: whether a unit that puts out 0 is silent: a ReLU.
        axis: the axis of the units.
    """

    low: float | None = None
    high: float | None = None
    rows: bool = False
    fires: bool = False
    axis: int = -1


PLAIN = OutputKind()
KINDS = {
    "tanh": OutputKind(-1, 1),
    "hard_tanh": OutputKind(-1, 1),
    "softsign": OutputKind(-1, 1),
    "sigmoid": OutputKind(0, 1),
    "hard_sigmoid": OutputKind(0, 1),
    "sparse_sigmoid": OutputKind(0, 1),
    "softmax": OutputKind(high=1, rows=True),
    "relu": OutputKind(fires=True),
    "relu6": OutputKind(fires=True),
}


class Statistics(NamedTuple):
    """What an output holds; masked steps do not count.

    Attributes:
        shape: the output's, of all samples; None for a size that differs from block to block.
        rows: how many rows of units count.
        size: how many numbers do.
        minimum, maximum, mean, std: of those that are finite; None where there are none.
        zeros: how many are 0.
        saturated: the share within `NEAR` of the activation's bounds; None where it has none. Of a softmax
            the share of rows whose largest number is that near to 1.
        silent: how many units of a ReLU are 0 in every row; None of another activation.
        units: the size of the axis of units.
        nan, inf: how many are NaN, and how many infinite.
    """

    shape: tuple[int | None, ...]
    rows: int
    size: int
    minimum: float | None
    maximum: float | None
    mean: float | None
    std: float | None
    zeros: int
    saturated: float | None
    silent: int | None
    units: int
    nan: int
    inf: int


class Tally:
    """Adds up what an output holds, block by block; ``samples`` counts those that came."""

    def __init__(self, kind: OutputKind = PLAIN) -> None:
        self._kind = kind
        self._inner: tuple[int | None, ...] | None = None
        self.samples = self._rows = self._size = self._zeros = self._near = self._nan = self._inf = 0
        self._low, self._high = math.inf, -math.inf
        self._moments = Moments()
        self._fired: NDArray[np.bool_] | None = None
        self._units = 1

    def add(self, y: NDArray[Any], mask: NDArray[Any] | None = None) -> None:
        """Take further outputs (batch, …), of which one axis is that of the units.

        Args:
            y: the outputs.
            mask: of fewer axes, those of the units left out; False where a step does not count.
        """
        values = np.asarray(y)
        self.samples += len(values)
        inner = values.shape[1:]
        if self._inner is None:
            self._inner = inner
        elif self._inner != inner:
            self._inner = tuple(a if a == b else None for a, b in zip(self._inner, inner, strict=True))
        values = (values[:, None] if values.ndim == 1 else values).astype(np.float64)
        values = np.moveaxis(values, self._kind.axis, -1)
        self._units = values.shape[-1]
        if not values.size:
            return
        if mask is None:
            rows, counts = values.reshape(-1, self._units), None
        else:
            wide = np.asarray(mask, bool).reshape(*mask.shape, *(1,) * (values.ndim - 1 - mask.ndim))
            counts = np.broadcast_to(wide, values.shape[:-1])
            rows = values[counts]
        self._count(rows)
        finite = np.isfinite(values) if counts is None else np.isfinite(values) & counts[..., None]
        self._moments_of(values.reshape(len(values), -1), finite.reshape(len(values), -1))

    def _count(self, rows: NDArray[np.float64]) -> None:
        """Count what is in rows, all of which count."""
        self._rows += len(rows)
        self._size += rows.size
        self._zeros += int(np.count_nonzero(rows == 0))
        numbers = rows[np.isfinite(rows)]
        if numbers.size < rows.size:
            nan = int(np.count_nonzero(np.isnan(rows)))
            self._nan += nan
            self._inf += rows.size - numbers.size - nan
        if numbers.size:
            self._low = min(self._low, float(numbers.min()))
            self._high = max(self._high, float(numbers.max()))
        self._near += int(np.count_nonzero(self._saturated(rows)))
        if self._kind.fires:
            fired = (rows != 0).any(axis=0)
            self._fired = fired if self._fired is None else self._fired | fired

    def _moments_of(self, samples: NDArray[np.float64], counts: NDArray[np.bool_]) -> None:
        """Merge the moments of one sample after another: the digits then do not depend on the blocks."""
        sizes = np.count_nonzero(counts, axis=1)
        with np.errstate(all="ignore"):
            means = np.where(counts, samples, 0).sum(axis=1) / sizes
            squares = np.where(counts, (samples - means[:, None]) ** 2, 0).sum(axis=1)
        for size, mean, square in zip(sizes.tolist(), means.tolist(), squares.tolist(), strict=True):
            self._moments.merge(size, mean, square)

    def _saturated(self, rows: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which numbers are near a bound; of a softmax, which rows."""
        numbers = rows.max(axis=-1) if self._kind.rows else rows
        near = np.zeros(numbers.shape, bool)
        if self._kind.low is not None:
            near |= numbers <= self._kind.low + NEAR
        if self._kind.high is not None:
            near |= numbers >= self._kind.high - NEAR
        return near

    def result(self) -> Statistics:
        """Return the statistics of all that came so far."""
        some = bool(self._moments.count)
        bounded = self._kind.high is not None and self._size > 0
        of = self._rows if self._kind.rows else self._size
        return Statistics(
            shape=(self.samples, *(self._inner or ())),
            rows=self._rows,
            size=self._size,
            minimum=self._low if some else None,
            maximum=self._high if some else None,
            mean=self._moments.mean if some else None,
            std=self._moments.std if some else None,
            zeros=self._zeros,
            saturated=self._near / of if bounded else None,
            silent=None if self._fired is None else int(np.count_nonzero(~self._fired)),
            units=self._units,
            nan=self._nan,
            inf=self._inf,
        )


class Fault(NamedTuple):
    """What goes wrong in a layer: the kind, the evidence, and how to mend it."""

    kind: str
    evidence: str
    advice: str


LEAST_ROWS = 16
"""Fewer rows do not prove that a unit never fires."""


def not_finite(numbers: Statistics) -> str | None:
    """Return the evidence of NaN or infinity."""
    if not numbers.nan + numbers.inf:
        return None
    parts = [f"{n} {what}" for n, what in ((numbers.nan, "NaN"), (numbers.inf, "infinite")) if n]
    return f"{' and '.join(parts)} of {numbers.size} numbers"


def silent_units(numbers: Statistics) -> str | None:
    """Return the evidence that most units of a ReLU never fire."""
    silent = numbers.silent or 0
    if numbers.rows < LEAST_ROWS or 2 * silent <= numbers.units:
        return None
    return f"{silent} of {numbers.units} units put out 0 in all {numbers.rows} rows"


def saturated(numbers: Statistics) -> str | None:
    """Return the evidence that most numbers are at their activation's bounds."""
    if numbers.rows < LEAST_ROWS or numbers.saturated is None or numbers.saturated <= 0.5:
        return None
    return f"{numbers.saturated:.0%} of the numbers are within {NEAR:g} of the activation's bounds"
