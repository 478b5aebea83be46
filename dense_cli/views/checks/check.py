"""What every check has in common: the rows it is given, what it counts, and the finding it returns.

In: `CheckRows`, block by block. Out: a `Finding`, or None where nothing is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from dense_cli.sources.source import Place


class Finding(NamedTuple):
    """What a check found: evidence, advice, and the place of the first, where there is one."""

    check: str
    evidence: str
    advice: str
    first: Place | None = None


class CheckRows(NamedTuple):
    """Rows that count: outputs (rows, classes) in float64, their places and classes (-1 for none).

    ``x`` (rows, features) and ``logits`` (rows, classes) are there where a layer was run, ``targets`` (rows,)
    where there are some, -1 for none; ``near`` has those of neighbours, by axis and how far along it.
    """

    y: NDArray[np.float64]
    places: NDArray[np.int64]
    classes: NDArray[np.int64]
    x: NDArray[Any] | None = None
    logits: NDArray[Any] | None = None
    targets: NDArray[np.int64] | None = None
    near: Mapping[tuple[int, int], NDArray[np.int64]] = {}


class OutputInfo(NamedTuple):
    """What is known of the outputs before the first row.

    Attributes:
        shape: their shape.
        dtype: their dtype.
        ran: whether a layer gives them.
        distributions: whether their rows are distributions; None where only the rows can tell.
        labels: the names of the classes, where they are known.
    """

    shape: tuple[int | None, ...]
    dtype: np.dtype[Any]
    ran: bool = False
    distributions: bool | None = None
    labels: list[str] | None = None

    @property
    def n(self) -> int:
        """How many classes there are."""
        return self.shape[-1] or 0


class Check(Protocol):
    """One check."""

    name: str

    def __init__(self, info: OutputInfo) -> None: ...

    def add(self, block: CheckRows) -> None:
        """Take further rows."""

    def merge(self, other: Any) -> None:
        """Take the rows of another one, the next block's: the same, digit by digit, as adding that block."""

    def finding(self) -> Finding | None:
        """Return what is wrong, or None."""


class Count:
    """Counts rows, keeps the first, and the extremes of a value over them."""

    def __init__(self) -> None:
        self.rows = self.number = 0
        self.first: Place | None = None
        self.least, self.most = math.inf, -math.inf

    def add(self, wrong: NDArray[np.bool_], places: NDArray[np.int64], values: NDArray[Any]) -> None:
        """Take further rows: which are wrong, where they stand, and the value of each; each (rows,)."""
        self.rows += len(wrong)
        if wrong.any():
            self.number += int(np.count_nonzero(wrong))
            self.first = self.first or tuple(places[wrong.argmax()].tolist())
            self.least = min(self.least, float(values[wrong].min()))
            self.most = max(self.most, float(values[wrong].max()))

    def merge(self, other: Count) -> None:
        """Count what another one has, of further rows."""
        self.rows += other.rows
        self.number += other.number
        self.first = self.first or other.first
        self.least, self.most = min(self.least, other.least), max(self.most, other.most)

    @property
    def text(self) -> str:
        """How many of the rows, in words."""
        return f"{self.number} of {self.rows} rows"


def not_finite(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which rows hold NaN or infinity."""
    return np.asarray(~np.isfinite(values).all(axis=1))
