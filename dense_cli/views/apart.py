"""How far two blocks of outputs are apart: number by number, and row by row.

In: two blocks, (rows, classes). Out: what `views.compare` adds up.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.sources.source import Place

if TYPE_CHECKING:
    from dense_cli.views.compare import Limits


class Row(NamedTuple):
    """A row that changed; ``first`` and ``second`` are its classes in A and B, -1 for none."""

    place: Place
    first: int
    second: int
    difference: float
    kl: float
    variation: float
    moved: int


class NumbersApart(NamedTuple):
    """How the numbers of two blocks differ, each (rows, classes)."""

    difference: NDArray[np.float64]  # -1 where it is not known
    unknown: NDArray[np.bool_]
    beyond: NDArray[np.bool_]  # the tolerance
    same: NDArray[np.bool_]  # NaN in both is

    @classmethod
    def of(cls, a: NDArray[np.float64], b: NDArray[np.float64], limits: Limits) -> NumbersApart:
        difference = np.abs(a - b)
        difference[a == b] = 0  # infinities that agree
        unknown = np.isnan(difference)
        nan = np.isnan(a) & np.isnan(b)
        beyond = unknown & ~nan if limits.equal_nan else unknown
        # An infinite number has an infinite tolerance: it is within it only where both are the same.
        allowed = np.where(np.isinf(b), 0, (limits.atol or 0) + (limits.rtol or 0) * np.abs(b))
        beyond = beyond | (difference > allowed)
        return cls(np.where(unknown, -1, difference), unknown, beyond, (a == b) | nan)


class ComparedRows(NamedTuple):
    """How the rows of two blocks differ: classes, largest differences, and measures (4, rows)."""

    places: NDArray[np.int64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    largest: NDArray[np.float64]
    measures: NDArray[np.float64]  # KL, Jensen-Shannon, total variation, how far moved

    @property
    def variation(self) -> NDArray[np.float64]:
        """The total variation of each row, NaN where it is not known."""
        return np.asarray(self.measures[2])

    def at(self, i: int) -> Row:
        """Return one of them."""
        kl, _, variation, moved = self.measures[:, i].tolist()
        return Row(
            tuple(self.places[i].tolist()),
            int(self.first[i]),
            int(self.second[i]),
            float(self.largest[i]),
            kl,
            variation,
            0 if math.isnan(moved) else int(moved),
        )
