"""What an array holds, in one pass: range, moments, what is not finite, a histogram, what it looks like.

In: rows with their places, block by block. Out: a `Described`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.sources.source import Place, Sizes, number_place
from dense_cli.views.evaluate import tolerance
from dense_cli.views.histogram import Histogram
from dense_cli.views.looks import AxisSums, Facts, Guess, Rows, guess
from dense_cli.views.moments import Moments


class Occurrence(NamedTuple):
    """How many numbers are of a kind, and where the first is."""

    number: int
    first: Place | None


class Described(NamedTuple):
    """What an array holds. The numbers are of its finite values; None where there are none."""

    shape: tuple[int | None, ...]
    dtype: np.dtype[Any]
    size: int
    minimum: float | None
    minimum_at: Place | None
    maximum: float | None
    maximum_at: Place | None
    mean: float | None
    std: float | None
    zeros: int
    nan: Occurrence
    plus_inf: Occurrence
    minus_inf: Occurrence
    histogram: list[tuple[float, float, int]]
    looks: str
    evidence: str


class Description:
    """Adds up what an array holds, block by block.

    Args:
        shape: its shape; None for a size that is not known before the end.
        dtype: the dtype of its numbers as stored.
    """

    def __init__(self, shape: tuple[int | None, ...], dtype: np.dtype[Any]) -> None:
        self.shape = shape
        self.dtype = dtype
        self._size = self._zeros = self._all_rows = 0
        self._sizes = Sizes(len(shape) - 1)
        self._low: tuple[float, Place | None] = (math.inf, None)
        self._high: tuple[float, Place | None] = (-math.inf, None)
        self._moments = Moments()
        self._not_finite = {name: Occurrence(0, None) for name in ("nan", "inf", "-inf")}
        self._histogram = Histogram()
        self._rows = Rows(tolerance(dtype))
        self._sums = AxisSums(shape, tolerance(dtype))

    def add(self, x: NDArray[Any], places: NDArray[np.int64]) -> None:
        """Take further rows, (rows, features), and their places."""
        with np.errstate(invalid="ignore"):  # a signalling NaN is as good as any
            values = x.astype(np.float64)
        self._size += values.size
        self._all_rows += len(values)
        if None in self.shape:
            self._sizes.add(places)
        finite = np.isfinite(values)
        numbers = values.reshape(-1)
        if not finite.all():
            self._count_not_finite(values, places)
            numbers = values[finite]
        if numbers.size:
            self._zeros += int(np.count_nonzero(numbers == 0))
            self._extremes(values, finite, places)
            self._moments.add(numbers)
            self._histogram.add(numbers)
        self._rows.add(values, finite)
        self._sums.add(values, places)

    def merge(self, other: Description) -> None:
        """Take the rows of another one, the next block's: the same, digit by digit, as adding that block."""
        if None in self.shape:
            self._sizes.merge(other._sizes)
        self._size += other._size
        self._all_rows += other._all_rows
        self._zeros += other._zeros
        for kind, (number, first) in other._not_finite.items():
            before = self._not_finite[kind]
            self._not_finite[kind] = Occurrence(before.number + number, before.first or first)
        self._low = other._low if other._low[0] < self._low[0] else self._low
        self._high = other._high if other._high[0] > self._high[0] else self._high
        self._moments.join(other._moments)
        self._histogram.merge(other._histogram)
        self._rows.merge(other._rows)
        self._sums.merge(other._sums)

    def _count_not_finite(self, values: NDArray[np.float64], places: NDArray[np.int64]) -> None:
        kinds = {"nan": np.isnan(values), "inf": values == np.inf, "-inf": values == -np.inf}
        for kind, where in kinds.items():
            if where.any():
                number, first = self._not_finite[kind]
                first = first or number_place(where.argmax(), places, values.shape[1])
                self._not_finite[kind] = Occurrence(number + int(np.count_nonzero(where)), first)

    def _extremes(
        self, values: NDArray[np.float64], finite: NDArray[np.bool_], places: NDArray[np.int64]
    ) -> None:
        columns, every = values.shape[1], bool(finite.all())
        at = (values if every else np.where(finite, values, np.inf)).argmin()
        if values.flat[at] < self._low[0]:
            self._low = (float(values.flat[at]), number_place(at, places, columns))
        at = (values if every else np.where(finite, values, -np.inf)).argmax()
        if values.flat[at] > self._high[0]:
            self._high = (float(values.flat[at]), number_place(at, places, columns))

    def result(self) -> Described:
        """Return the description of all rows so far."""
        some = bool(self._moments.count)
        looks, evidence = self._looks()
        return Described(
            shape=self._final_shape(),
            dtype=self.dtype,
            size=self._size,
            minimum=self._low[0] if some else None,
            minimum_at=self._low[1],
            maximum=self._high[0] if some else None,
            maximum_at=self._high[1],
            mean=self._moments.mean if some else None,
            std=self._moments.std if some else None,
            zeros=self._zeros,
            nan=self._not_finite["nan"],
            plus_inf=self._not_finite["inf"],
            minus_inf=self._not_finite["-inf"],
            histogram=self._histogram.bins(self._rows.integers),
            looks=looks,
            evidence=evidence,
        )

    def _final_shape(self) -> tuple[int | None, ...]:
        """Return the shape, of which a stream tells the sizes only now; None where samples differ."""
        if None not in self.shape:
            return self.shape
        lead: list[int | None] = [*self._sizes.shape()]
        if math.prod(self._sizes.shape()) != self._all_rows:
            lead = [self._sizes.samples, *self.shape[1:-1]]
        return (*lead, self.shape[-1])

    def _looks(self) -> Guess:
        if not self._moments.count:
            return "nothing", "no finite number"
        zeros = self._zeros / self._moments.count
        low, high = self._low[0], self._high[0]
        return guess(Facts(self.dtype, self.shape[-1] or 0, low, high, zeros, self._rows, self._sums))


def describe(array: NDArray[Any]) -> Described:
    """Return what an array of rank 2 in memory holds."""
    description = Description(array.shape, array.dtype)
    rows = max((1 << 17) // array.shape[1], 1)
    for start in range(0, len(array), rows):
        block = array[start : start + rows]
        description.add(block, np.arange(start, start + len(block))[:, None])
    return description.result()
