"""What an array holds, in one pass: range, moments, what is not finite, a histogram, what it looks like."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.sources.source import Place, Sizes, number_place
from dense_cli.views.evaluate import tolerance

_FINE = 1024  # bins while counting
_BINS = 16  # bins that are shown
_MOST_SUMS = 1 << 22  # sums along another axis than the last that are held


class Histogram:
    """Counts in bins whose width is a power of two and whose edges are its multiples.

    The bins are the narrowest of which 16 cover the range, whatever the order the numbers come in.

    >>> bars = Histogram()
    >>> bars.add(np.array([0.0, 1.0, 2.0, 3.0, 8.0]))
    >>> bars.bins()[:3]
    [(0.0, 0.5, 1), (0.5, 1.0, 0), (1.0, 1.5, 1)]
    """

    def __init__(self) -> None:
        self._power: int | None = None  # bins are 2**power wide
        self._first = 0  # the number of the first bin: its lower edge is first · width
        self._counts = np.zeros(0, np.int64)
        self._high = -math.inf

    def add(self, values: NDArray[np.float64]) -> None:
        """Count finite numbers."""
        if not values.size:
            return
        low, high = float(values.min()), float(values.max())
        self._high = max(self._high, high)
        if self._power is not None:
            width = math.ldexp(1.0, self._power)
            low = min(low, self._first * width)
            high = max(high, (self._first + len(self._counts) - 1) * width)
        power = _power(low, high, _FINE)
        if self._power is None:
            self._power = power
        while self._power < power:
            self._halve()
        width = math.ldexp(1.0, self._power)
        first, last = _bin(low, width), _bin(high, width)
        if len(self._counts) < last - first + 1:
            counts = np.zeros(last - first + 1, np.int64)
            at = self._first - first if len(self._counts) else 0
            counts[at : at + len(self._counts)] = self._counts
            self._counts, self._first = counts, first
        index = np.floor(values / width)
        index -= values < index * width  # the quotient of a tiny negative number is 0
        index = index.astype(np.int64) - self._first
        self._counts += np.bincount(index.reshape(-1), minlength=len(self._counts))

    def _halve(self) -> None:
        """Make the bins twice as wide."""
        assert self._power is not None
        if len(self._counts):
            padded = np.concatenate([np.zeros(self._first % 2, np.int64), self._counts])
            padded = np.concatenate([padded, np.zeros(len(padded) % 2, np.int64)])
            self._counts = padded.reshape(-1, 2).sum(axis=1)
        self._first //= 2
        self._power += 1

    def bins(self, whole: bool = False) -> list[tuple[float, float, int]]:
        """Return (from, to, count) of each bin; the last one holds its upper edge too.

        ``whole``: the numbers are, so that a bin holds at least one of them, and both its ends.
        """
        if self._power is None:
            return []
        kept = Histogram()
        kept._power, kept._first, kept._counts = self._power, self._first, self._counts
        while True:
            assert kept._power is not None
            if whole and kept._power < 0:
                kept._halve()
                continue
            width = math.ldexp(1.0, kept._power)
            used = np.flatnonzero(kept._counts)
            counts, first = kept._counts[used[0] : used[-1] + 1], kept._first + int(used[0])
            if whole and len(counts) <= _BINS:
                starts = [(first + i) * width for i in range(len(counts))]
                return [(low, low + width - 1, n) for low, n in zip(starts, counts.tolist(), strict=True)]
            if not whole and len(counts) > 1 and self._high == (first + len(counts) - 1) * width:
                counts = np.concatenate([counts[:-2], [counts[-2] + counts[-1]]])
            if not whole and len(counts) <= _BINS:
                edges = [(first + i) * width for i in range(len(counts) + 1)]
                return list(zip(edges, edges[1:], counts.tolist(), strict=False))
            kept._halve()


def _power(low: float, high: float, bins: int) -> int:
    """Return the least power of two of which ``bins`` cover low … high, and float64 can tell apart."""
    size = max(abs(low), abs(high))
    least = math.frexp(size)[1] - 53 if size else -1074
    # frexp(x)[1] is the power that is above x.
    power = max(math.frexp(high / bins - low / bins)[1] if high / bins > low / bins else least, least, -1000)
    while _bin(high, math.ldexp(1.0, power)) - _bin(low, math.ldexp(1.0, power)) >= bins:
        power += 1
    return power


def _bin(value: float, width: float) -> int:
    number = math.floor(value / width)
    return number - (value < number * width)


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
    """Looks at an array block by block.

    Args:
        shape: its shape; None for a size that is not known before the end.
        dtype: the dtype of its numbers as stored.
    """

    def __init__(self, shape: tuple[int | None, ...], dtype: np.dtype[Any]) -> None:
        self.shape = shape
        self.dtype = dtype
        self._size = self._finite = self._zeros = self._all = 0
        self._sizes = Sizes(len(shape) - 1)
        self._low: tuple[float, Place | None] = (math.inf, None)
        self._high: tuple[float, Place | None] = (-math.inf, None)
        self._mean = self._squares = 0.0
        self._odd = {name: Occurrence(0, None) for name in ("nan", "inf", "-inf")}
        self._bars = Histogram()
        self._rows = Rows(tolerance(dtype))
        self.sums = AxisSums(shape, tolerance(dtype))

    def add(self, x: NDArray[Any], places: NDArray[np.int64]) -> None:
        """Take further rows, (rows, features), and their places."""
        with np.errstate(invalid="ignore"):  # a signalling NaN is as good as any
            values = x.astype(np.float64)
        columns = values.shape[1]
        self._size += values.size
        self._all += len(values)
        if None in self.shape:
            self._sizes.add(places)
        finite = np.isfinite(values)
        if not finite.all():
            for name, found in (
                ("nan", np.isnan(values)),
                ("inf", values == np.inf),
                ("-inf", values == -np.inf),
            ):
                count, first = self._odd[name]
                if found.any():
                    self._odd[name] = Occurrence(
                        count + int(np.count_nonzero(found)),
                        first or number_place(found.argmax(), places, columns),
                    )
        numbers = values[finite]
        if numbers.size:
            self._zeros += int(np.count_nonzero(numbers == 0))
            for place, extreme in (
                ("_low", np.where(finite, values, np.inf)),
                ("_high", np.where(finite, -values, np.inf)),
            ):
                at = extreme.argmin()
                least = float(extreme.reshape(-1)[at])
                sign = 1 if place == "_low" else -1
                if least < sign * getattr(self, place)[0]:
                    setattr(self, place, (sign * least, number_place(at, places, columns)))
            self._moments(numbers)
            self._bars.add(numbers)
        self._rows.add(values, finite)
        self.sums.add(values, places)

    def _moments(self, numbers: NDArray[np.float64]) -> None:
        # Chan, Golub and LeVeque's way of joining the mean and the sum of squares of two parts.
        count = self._finite + numbers.size
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(numbers.mean())
            if math.isinf(mean):  # the sum has overflowed
                mean = float((numbers / numbers.size).sum())
            squares = float(((numbers - mean) ** 2).sum())
            apart = mean - self._mean
            self._squares += squares + apart * apart * self._finite * numbers.size / count
            self._mean += apart * (numbers.size / count)
        self._finite = count

    def result(self) -> Described:
        """Return what was seen."""
        some = bool(self._finite)
        looks, evidence = self._looks()
        return Described(
            shape=self._whole_shape(),
            dtype=self.dtype,
            size=self._size,
            minimum=self._low[0] if some else None,
            minimum_at=self._low[1],
            maximum=self._high[0] if some else None,
            maximum_at=self._high[1],
            mean=self._mean if some else None,
            std=math.sqrt(self._squares / self._finite) if some else None,
            zeros=self._zeros,
            nan=self._odd["nan"],
            plus_inf=self._odd["inf"],
            minus_inf=self._odd["-inf"],
            histogram=self._bars.bins(self._rows.whole),
            looks=looks,
            evidence=evidence,
        )

    def _whole_shape(self) -> tuple[int | None, ...]:
        """Return the shape, of which a stream tells the sizes only now; None where samples differ."""
        if None not in self.shape:
            return self.shape
        lead: list[int | None] = [*self._sizes.shape()]
        if math.prod(self._sizes.shape()) != self._all:
            lead = [self._sizes.samples, *self.shape[1:-1]]
        return (*lead, self.shape[-1])

    def _looks(self) -> tuple[str, str]:
        """Return what the array seems to be, and why."""
        rows, low, high = self._rows, self._low[0], self._high[0]
        every = "every row without NaN or infinity" if rows.lost else "every row"
        if not self._finite:
            return "nothing", "no finite number"
        if rows.whole:
            if 0 < rows.hot == rows.rows and (self.shape[-1] or 0) > 1:
                return "one-hot", f"{every} of the last axis has a single 1 and 0 elsewhere"
            if self.dtype.kind == "b" or (low >= 0 and high <= 1):
                return "a mask", "only 0 and 1"
            if low >= 0:
                return "class ids", f"whole numbers from {low:.0f} to {high:.0f}"
            if self.dtype.kind in "iu":
                return "integers", f"whole numbers from {low:.0f} to {high:.0f}"
        if low >= 0 and high <= 1 + 1e-3:
            if 0 < rows.ones == rows.rows:
                return (
                    f"distributions along the last axis ({self.shape[-1]} classes)",
                    f"nothing negative, {every} sums to 1{_within(rows.off)}",
                )
            for axis, off in self.sums.ones():
                return (
                    f"distributions along axis {axis}, not along the last",
                    f"nothing negative, every sum along axis {axis} is 1{_within(off)}, "
                    f"along the last axis sums run from {rows.least:.4g} to {rows.most:.4g}",
                )
        if high <= 1e-6 and 0 < rows.log_ones == rows.rows:
            return "log-probabilities along the last axis", f"nothing positive, {every} of exp sums to 1"
        share = self._zeros / self._finite
        if low >= 0 and high <= 1:
            return (
                "values from 0 to 1, not distributions",
                f"rows of the last axis sum to {rows.least:.4g} … {rows.most:.4g}: sigmoids or features?",
            )
        if low >= -1 and high <= 1:
            return (
                "hidden states of a tanh, or scaled features",
                f"from {low:.4g} to {high:.4g}, within -1 … 1",
            )
        if low >= 0 and share > 0.1:
            return "hidden states of a relu", f"nothing negative, {share:.0%} zeros"
        if low >= 0:
            return "features", f"nothing negative, up to {high:.4g}"
        return (
            "logits or hidden states",
            f"both signs, from {low:.4g} to {high:.4g}, rows sum to {rows.least:.4g} … {rows.most:.4g}",
        )


class Rows:
    """What is said of rows of the last axis: how many are distributions, log-distributions, one-hot."""

    def __init__(self, tolerance: float) -> None:
        self._tolerance = tolerance
        self.rows = self.lost = self.ones = self.hot = self.log_ones = 0
        self.off = 0.0
        self.least, self.most = math.inf, -math.inf
        self.whole = self.within_1 = True

    def add(self, values: NDArray[np.float64], finite: NDArray[np.bool_]) -> None:
        """Count further rows; those that hold NaN or infinity are left out."""
        numbers = values[finite]
        self.whole = self.whole and bool((numbers == np.floor(numbers)).all())
        known = finite.all(axis=1)
        self.lost += int(np.count_nonzero(~known))
        values = values[known]
        if not len(values):
            return
        self.rows += len(values)
        with np.errstate(over="ignore", invalid="ignore"):
            sums = values.sum(axis=1)
            self.least, self.most = min(self.least, float(sums.min())), max(self.most, float(sums.max()))
            ones = (np.abs(sums - 1) <= self._tolerance) & (values.min(axis=1) >= 0)
            self.ones += int(np.count_nonzero(ones))
            if ones.any():
                self.off = max(self.off, float(np.abs(sums[ones] - 1).max()))
            self.within_1 = self.within_1 and bool((values.min() >= 0) and (values.max() <= 1))
            if self.whole:
                self.hot += int(np.count_nonzero(ones & (values.max(axis=1) == 1)))
            self.log_ones += int(np.count_nonzero(np.abs(np.exp(values).sum(axis=1) - 1) <= self._tolerance))


class AxisSums:
    """Sums along every axis but the last, where they are few enough to hold."""

    def __init__(self, shape: tuple[int | None, ...], tolerance: float) -> None:
        self._tolerance = tolerance
        self._sums: dict[int, NDArray[np.float64]] = {}
        for axis in range(len(shape) - 1):
            kept = (*shape[:axis], *shape[axis + 1 :])
            if None not in kept and math.prod(n or 0 for n in kept) <= _MOST_SUMS and shape[axis] != 1:
                self._sums[axis] = np.zeros(tuple(n or 0 for n in kept))

    def add(self, values: NDArray[np.float64], places: NDArray[np.int64]) -> None:
        """Add further rows."""
        for axis, sums in self._sums.items():
            at = np.delete(places, axis, axis=1)
            flat = sums.reshape(-1, sums.shape[-1])
            index = (
                np.ravel_multi_index(tuple(at.T), sums.shape[:-1])
                if at.shape[1]
                else np.zeros(len(places), np.int64)
            )
            with np.errstate(invalid="ignore", over="ignore"):
                np.add.at(flat, index, values)

    def ones(self) -> list[tuple[int, float]]:
        """Return the axes along which every sum is 1, and how far off the sums are."""
        found = []
        for axis, sums in self._sums.items():
            off = float(np.abs(sums - 1).max(initial=0)) if sums.size else math.inf
            if off <= self._tolerance:
                found.append((axis, off))
        return found


def _within(off: float) -> str:
    return " exactly" if off == 0 else f" within {off:.0e}"


def describe(array: NDArray[Any]) -> Described:
    """Return what an array of rank 2 in memory holds."""
    description = Description(array.shape, array.dtype)
    rows = max((1 << 17) // array.shape[1], 1)
    for start in range(0, len(array), rows):
        block = array[start : start + rows]
        description.add(block, np.arange(start, start + len(block))[:, None])
    return description.result()
