"""A histogram whose bins do not depend on the order in which the numbers come.

In: finite numbers, block by block. Out: at most 16 bins.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_FINE = 1024  # bins while counting
_BINS = 16  # bins that are shown


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
        if width > 1:
            index -= values < index * width  # the quotient of a tiny negative number is 0
        index = index.astype(np.int64) - self._first
        self._counts += np.bincount(index.reshape(-1), minlength=len(self._counts))

    def merge(self, other: Histogram) -> None:
        """Count the numbers of another one, which then is of no more use."""
        if other._power is None:
            return
        self._high = max(self._high, other._high)
        if self._power is None:
            self._power, self._first, self._counts = other._power, other._first, other._counts
            return
        power = max(self._power, other._power)
        while self._joined(other, power) > _FINE:
            power += 1
        first = min(self._first, other._first)
        counts = np.zeros(self._joined(other, power), np.int64)
        for bars in (self, other):
            at = bars._first - first
            counts[at : at + len(bars._counts)] += bars._counts
        self._counts, self._first = counts, first

    def _joined(self, other: Histogram, power: int) -> int:
        """Return how many bins both have together, once those of both are ``2**power`` wide."""
        for bars in (self, other):
            while bars._power is not None and bars._power < power:
                bars._halve()
        stop = max(bars._first + len(bars._counts) for bars in (self, other))
        return stop - min(self._first, other._first)

    def _halve(self) -> None:
        """Make the bins twice as wide."""
        assert self._power is not None
        if len(self._counts):
            padded = np.concatenate([np.zeros(self._first % 2, np.int64), self._counts])
            padded = np.concatenate([padded, np.zeros(len(padded) % 2, np.int64)])
            self._counts = padded.reshape(-1, 2).sum(axis=1)
        self._first //= 2
        self._power += 1

    def bins(self, integers: bool = False) -> list[tuple[float, float, int]]:
        """Return (from, to, count) of each bin; the last one holds its upper edge too.

        ``integers``: all numbers are, so that a bin holds at least one of them, and both its ends.
        """
        if self._power is None:
            return []
        coarse = Histogram()
        coarse._power, coarse._first, coarse._counts = self._power, self._first, self._counts
        coarse._high = self._high
        while (bins := coarse._integer_bins() if integers else coarse._bins()) is None:
            coarse._halve()
        return bins

    def _used(self) -> tuple[float, NDArray[np.int64], int]:
        """Return the width of a bin, the counts without empty ends, and the number of the first."""
        assert self._power is not None
        used = np.flatnonzero(self._counts)
        return (
            math.ldexp(1.0, self._power),
            self._counts[used[0] : used[-1] + 1],
            self._first + int(used[0]),
        )

    def _bins(self) -> list[tuple[float, float, int]] | None:
        """Return the bins, None where they are too many to be shown."""
        width, counts, first = self._used()
        if len(counts) > 1 and self._high == (first + len(counts) - 1) * width:
            counts = np.concatenate([counts[:-2], [counts[-2] + counts[-1]]])
        if len(counts) > _BINS:
            return None
        edges = [(first + i) * width for i in range(len(counts) + 1)]
        return list(zip(edges, edges[1:], counts.tolist(), strict=False))

    def _integer_bins(self) -> list[tuple[float, float, int]] | None:
        """Return the bins by their lowest and highest integer, None where they are too many or too narrow."""
        width, counts, first = self._used()
        if width < 1 or len(counts) > _BINS:
            return None
        starts = [(first + i) * width for i in range(len(counts))]
        return [(low, low + width - 1, count) for low, count in zip(starts, counts.tolist(), strict=True)]


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
