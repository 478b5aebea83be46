"""How far two arrays that should be the same are apart.

In: pairs of arrays, block by block. Out: a `Difference`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Tolerance(NamedTuple):
    """A number may differ from B's by ``atol + rtol * |B|``."""

    atol: float = 1e-6
    rtol: float = 1e-5


class Difference(NamedTuple):
    """How far A is from B.

    Attributes:
        size: how many numbers were compared.
        maximum, mean: of ``|A - B|``, where both are finite; None where there are none.
        cosine: of the angle between all numbers of A and all of B; None where one of them is all zeros.
        beyond: how many numbers are beyond the tolerance; NaN against a number is.
        first: the first sample that has one.
    """

    size: int
    maximum: float | None
    mean: float | None
    cosine: float | None
    beyond: int
    first: int | None


class Differences:
    """Adds up how far A is from B, block by block."""

    def __init__(self, tolerance: Tolerance) -> None:
        self._tolerance = tolerance
        self._size = self._finite = self._beyond = 0
        self._maximum = self._sum = 0.0
        self._dot = self._a = self._b = 0.0
        self._first: int | None = None

    def add(
        self, a: NDArray[Any], b: NDArray[Any], samples: NDArray[np.int64], mask: NDArray[Any] | None = None
    ) -> None:
        """Take further arrays (batch, …).

        Args:
            a, b: of one shape.
            samples: (batch,), the samples' numbers.
            mask: of fewer axes, False where a step does not count.
        """
        counts: NDArray[np.bool_] = np.ones(a.shape, bool)
        if mask is not None:
            counts &= np.asarray(mask, bool).reshape(*mask.shape, *(1,) * (a.ndim - mask.ndim))
        wide_a, wide_b = (x.astype(np.float64).reshape(len(a), -1) for x in (a, b))
        rows = counts.reshape(len(a), -1)
        with np.errstate(all="ignore"):
            apart = np.abs(wide_a - wide_b)
            beyond = ~(apart <= self._tolerance.atol + self._tolerance.rtol * np.abs(wide_b))
        same = (wide_a == wide_b) | (np.isnan(wide_a) & np.isnan(wide_b))  # infinity is infinity
        beyond &= ~same & rows
        finite = np.isfinite(wide_a) & np.isfinite(wide_b) & rows
        self._size += int(np.count_nonzero(rows))
        self._finite += int(np.count_nonzero(finite))
        self._beyond += int(np.count_nonzero(beyond))
        if self._first is None and beyond.any():
            self._first = int(samples[beyond.any(axis=1).argmax()])
        self._maximum = max(self._maximum, float(apart[finite].max(initial=0)))
        self._sum = _added(self._sum, apart, finite)
        with np.errstate(all="ignore"):
            self._dot = _added(self._dot, wide_a * wide_b, finite)
            self._a = _added(self._a, wide_a**2, finite)
            self._b = _added(self._b, wide_b**2, finite)

    def result(self) -> Difference:
        """Return the difference of all that came so far."""
        lengths = math.sqrt(self._a) * math.sqrt(self._b)
        known = bool(self._finite)
        return Difference(
            size=self._size,
            maximum=self._maximum if known else None,
            mean=self._sum / self._finite if known else None,
            cosine=self._dot / lengths if lengths and math.isfinite(lengths) else None,
            beyond=self._beyond,
            first=self._first,
        )


def _added(total: float, samples: NDArray[np.float64], counts: NDArray[np.bool_]) -> float:
    """Return ``total`` and what counts, sample by sample: the digits then do not depend on the blocks."""
    for value in np.where(counts, samples, 0).sum(axis=1).tolist():
        total += value
    return total
