"""What an array looks like: distributions, logits, class ids, a mask, …; and the evidence for it.

In: its rows, block by block (`Rows`, `AxisSums`). Out: two texts.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_MOST_SUMS = 1 << 22  # sums along another axis than the last that are held

Guess = tuple[str, str]  # what the array seems to be, and why


class Rows:
    """Counts rows of the last axis: how many are distributions, log-distributions, one-hot.

    Attributes:
        rows: how many there are without NaN and infinity.
        not_finite: how many there are with them.
        distributions, log_distributions, one_hot: how many of ``rows`` are.
        off: how far from 1 the sum of a distribution is at most.
        least, most: the least and the largest sum of a row.
        integers: whether every finite number is one.
        within_1: whether every number of ``rows`` is from 0 to 1.
    """

    def __init__(self, tolerance: float) -> None:
        self._tolerance = tolerance
        self.rows = self.not_finite = self.distributions = self.one_hot = self.log_distributions = 0
        self.off = 0.0
        self.least, self.most = math.inf, -math.inf
        self.integers = self.within_1 = True

    def add(self, values: NDArray[np.float64], finite: NDArray[np.bool_]) -> None:
        """Count further rows; those that hold NaN or infinity are left out."""
        known = finite.all(axis=1)
        every = bool(known.all())
        if self.integers:
            numbers = values if every else values[finite]
            self.integers = bool((numbers == np.floor(numbers)).all())
        if not every:
            self.not_finite += int(np.count_nonzero(~known))
            values = values[known]
        if not len(values):
            return
        self.rows += len(values)
        with np.errstate(over="ignore", invalid="ignore"):
            sums = values.sum(axis=1)
            self.least, self.most = min(self.least, float(sums.min())), max(self.most, float(sums.max()))
            ones = (np.abs(sums - 1) <= self._tolerance) & (values.min(axis=1) >= 0)
            self.distributions += int(np.count_nonzero(ones))
            if ones.any():
                self.off = max(self.off, float(np.abs(sums[ones] - 1).max()))
            self.within_1 = self.within_1 and bool((values.min() >= 0) and (values.max() <= 1))
            if self.integers:
                self.one_hot += int(np.count_nonzero(ones & (values.max(axis=1) == 1)))
            if self.log_distributions == self.rows - len(values):  # whether all rows are is what is asked
                of_logs = np.abs(np.exp(values).sum(axis=1) - 1) <= self._tolerance
                self.log_distributions += int(np.count_nonzero(of_logs))

    def merge(self, other: Rows) -> None:
        """Count the rows of another one."""
        if self.log_distributions == self.rows:
            self.log_distributions += other.log_distributions
        self.rows += other.rows
        self.not_finite += other.not_finite
        self.distributions += other.distributions
        self.one_hot += other.one_hot
        self.off = max(self.off, other.off)
        self.least, self.most = min(self.least, other.least), max(self.most, other.most)
        self.integers &= other.integers
        self.within_1 &= other.within_1


class AxisSums:
    """Sums along every axis but the last, where they are few enough to hold and may all be 1.

    An axis is left out with the first negative number, or sum above 1: distributions have none.
    """

    def __init__(self, shape: tuple[int | None, ...], tolerance: float) -> None:
        self._tolerance = tolerance
        self._kept: dict[int, tuple[int, ...]] = {}  # axis → the shape of its sums
        self._only: dict[int, tuple[NDArray[np.intp], NDArray[np.float64]]] = {}  # the sums of a single block
        self._sums: dict[int, NDArray[np.float64]] = {}
        for axis in range(len(shape) - 1):
            kept = (*shape[:axis], *shape[axis + 1 :])
            if None not in kept and math.prod(n or 0 for n in kept) <= _MOST_SUMS and shape[axis] != 1:
                self._kept[axis] = tuple(n or 0 for n in kept)

    def add(self, values: NDArray[np.float64], places: NDArray[np.int64]) -> None:
        """Add further rows."""
        if not self._kept or not len(values):
            return
        with np.errstate(invalid="ignore", over="ignore"):
            negative = not values.min() >= -self._tolerance
            for axis, kept in [*self._kept.items()]:
                self._take(axis, None if negative else _along(axis, kept, values, places))

    def merge(self, other: AxisSums) -> None:
        """Take the rows of another one, which are those of a single block."""
        for axis in [*self._kept]:
            if axis not in other._kept:
                self._take(axis, None)
            elif axis in other._only:
                self._take(axis, other._only[axis])

    def _take(self, axis: int, sums: tuple[NDArray[np.intp], NDArray[np.float64]] | None) -> None:
        """Add sums of a block, by their numbers; None: not all of them can be 1."""
        if sums is not None and axis not in self._sums and axis not in self._only:
            found = sums[1]
            self._only[axis] = sums
        elif sums is not None:
            found = self._added(axis, *sums)
        if sums is None or not found.max(initial=0) <= 1 + 2 * self._tolerance:
            self._kept.pop(axis)
            self._only.pop(axis, None)
            self._sums.pop(axis, None)

    def _added(self, axis: int, index: NDArray[np.intp], sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add sums of a further block, and return those that they are added to."""
        whole = self._whole(axis)
        whole[index] += sums
        return whole[index]

    def _whole(self, axis: int) -> NDArray[np.float64]:
        """Return all sums along an axis, (sums, classes)."""
        if axis not in self._sums:
            kept = self._kept[axis]
            self._sums[axis] = np.zeros((math.prod(kept[:-1]), kept[-1]))
            if axis in self._only:
                index, sums = self._only.pop(axis)
                self._sums[axis][index] += sums
        return self._sums[axis]

    def ones(self) -> list[tuple[int, float]]:
        """Return the axes along which every sum is 1, and how far off the sums are."""
        axes = []
        for axis in sorted(self._kept):
            sums = self._whole(axis)
            off = float(np.abs(sums - 1).max(initial=0)) if sums.size else math.inf
            if off <= self._tolerance:
                axes.append((axis, off))
        return axes


def _along(
    axis: int, kept: tuple[int, ...], values: NDArray[np.float64], places: NDArray[np.int64]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the sums of a block along an axis, and which of all sums of shape ``kept`` these are."""
    at = np.delete(places, axis, axis=1)
    if not at.shape[1]:  # all rows are of one sum, which is many times as fast
        return np.zeros(1, np.intp), values.sum(axis=0)[None]
    index = np.ravel_multi_index(tuple(at.T), kept[:-1])
    if (np.diff(index) > 0).all():  # each row is of a sum of its own
        return index, values
    numbers, inverse = np.unique(index, return_inverse=True)
    sums = np.zeros((len(numbers), values.shape[1]))
    np.add.at(sums, inverse, values)
    return numbers, sums


class Facts(NamedTuple):
    """What a guess goes by: the dtype, the classes, and of the finite numbers range and share of zeros."""

    dtype: np.dtype[Any]
    classes: int
    low: float
    high: float
    zeros: float
    rows: Rows
    sums: AxisSums

    @property
    def every(self) -> str:
        """The rows that are spoken of."""
        return "every row without NaN or infinity" if self.rows.not_finite else "every row"


def guess(facts: Facts) -> Guess:
    """Return what an array with a finite number seems to be, and why: the first of these that fits."""
    return (
        (_integers(facts) if facts.rows.integers else None)
        or _distributions(facts)
        or _log_probabilities(facts)
        or _values(facts)
    )


def _integers(facts: Facts) -> Guess | None:
    low, high, rows = facts.low, facts.high, facts.rows
    if 0 < rows.one_hot == rows.rows and facts.classes > 1:
        return "one-hot", f"{facts.every} of the last axis has a single 1 and 0 elsewhere"
    if facts.dtype.kind != "b" and low == high and low in (0, 1):
        return ("zeros", "ones")[int(low)], f"every number is {low:.0f}"
    if facts.dtype.kind == "b" or (low >= 0 and high <= 1):
        return "a mask", "only 0 and 1"
    what = "class ids" if low >= 0 else "integers" if facts.dtype.kind in "iu" else None
    return None if what is None else (what, f"whole numbers from {low:.0f} to {high:.0f}")


def _distributions(facts: Facts) -> Guess | None:
    rows = facts.rows
    if facts.low < 0 or facts.high > 1 + 1e-3:
        return None
    if 0 < rows.distributions == rows.rows:
        return (
            f"distributions along the last axis ({facts.classes} classes)",
            f"nothing negative, {facts.every} sums to 1{_within(rows.off)}",
        )
    for axis, off in facts.sums.ones():
        return (
            f"distributions along axis {axis}, not along the last",
            f"nothing negative, every sum along axis {axis} is 1{_within(off)}, "
            f"along the last axis sums run from {rows.least:.4g} to {rows.most:.4g}",
        )
    return None


def _log_probabilities(facts: Facts) -> Guess | None:
    if facts.high <= 1e-6 and 0 < facts.rows.log_distributions == facts.rows.rows:
        return "log-probabilities along the last axis", f"nothing positive, {facts.every} of exp sums to 1"
    return None


def _values(facts: Facts) -> Guess:
    """Return what numbers seem to be that are no distributions, by their range alone."""
    low, high, rows = facts.low, facts.high, facts.rows
    if low >= 0 and high <= 1:
        return (
            "values from 0 to 1, not distributions",
            f"rows of the last axis sum to {rows.least:.4g} … {rows.most:.4g}: sigmoids or features?",
        )
    if low >= -1 and high <= 1:
        return "hidden states of a tanh, or scaled features", f"from {low:.4g} to {high:.4g}, within -1 … 1"
    if low >= 0 and facts.zeros > 0.1:
        return "hidden states of a relu", f"nothing negative, {facts.zeros:.0%} zeros"
    if low >= 0:
        return "features", f"nothing negative, up to {high:.4g}"
    return (
        "logits or hidden states",
        f"both signs, from {low:.4g} to {high:.4g}, rows sum to {rows.least:.4g} … {rows.most:.4g}",
    )


def _within(off: float) -> str:
    return " exactly" if off == 0 else f" within {off:.0e}"
