"""What pictures show: numbers with the names of their axes, no drawing.

In: results of a run. Out: one of `Grid`, `Bars`, `Lines`, `Ranges`, which `pictures` draws in a terminal or
into a file.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Grid(NamedTuple):
    """Cells of numbers: rows from the top, columns from the left.

    Attributes:
        title: what is shown.
        x_axis, y_axis: what columns and rows are.
        columns, rows: their names.
        values: (rows, columns), NaN where there is none.
        most: the value of the strongest colour; the weakest is that of 0, or of ``least``.
        marks: (rows, columns), True for the chosen class.
        value: what the numbers are.
        least: the value of the weakest colour.
        note: what is left out, None for nothing.
        padding: (columns,), True where a column is padding; None: none is.
    """

    title: str
    x_axis: str
    y_axis: str
    columns: list[str]
    rows: list[str]
    values: NDArray[np.float64]
    most: float
    marks: NDArray[np.bool_]
    value: str = "probability"
    least: float = 0.0
    note: str | None = None
    padding: NDArray[np.bool_] | None = None


class Bars(NamedTuple):
    """A number for each name.

    Attributes:
        title, axis: what is shown, what the numbers are.
        names, values: one for each bar.
        most: where the axis ends.
        marked: the number of a bar that stands out, None for none.
        note: what is left out.
        least: where the axis begins.
    """

    title: str
    axis: str
    names: list[str]
    values: NDArray[np.float64]
    most: float
    marked: int | None = None
    note: str | None = None
    least: float = 0.0


class Lines(NamedTuple):
    """Numbers over an axis, a line each.

    Attributes:
        title, x_axis, y_axis: what is shown, over what, and what the numbers are.
        x: (points,), where the points stand.
        lines: the name of each line and its numbers (points,), NaN where there is none.
        least, most: where the axis of the numbers begins and ends.
        diagonal: whether the line of equal numbers is drawn for comparison.
        note: what is left out.
        right: the last line has its own axis, on the right, from 0: what its numbers are, and where it ends.
    """

    title: str
    x_axis: str
    y_axis: str
    x: NDArray[np.float64]
    lines: list[tuple[str, NDArray[np.float64]]]
    least: float
    most: float
    diagonal: bool = False
    note: str | None = None
    right: tuple[str, float] | None = None


class Ranges(NamedTuple):
    """The spread of numbers under each name: minimum, mean ± standard deviation, maximum.

    Attributes:
        title, axis: what is shown, what the numbers are.
        names: one for each range.
        low, high, mean, deviation: (names,), NaN where there is none.
        marks: what is wrong with some of them, empty for nothing.
        note: what is left out.
    """

    title: str
    axis: str
    names: list[str]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    marks: list[str]
    note: str | None = None


Picture = Grid | Bars | Lines | Ranges


def likeliest(values: NDArray[Any], most: int) -> NDArray[np.int64]:
    """Return which classes of (points, classes) reach the highest values, in order of their numbers.

    >>> likeliest(np.array([[0.1, 0.7, 0.2], [0.3, 0.1, 0.6]]), 2).tolist()
    [1, 2]
    """
    if values.shape[1] <= most:
        return np.arange(values.shape[1])
    reached = np.nan_to_num(np.fmax.reduce(values, axis=0), nan=-np.inf)
    return np.sort(np.argsort(-reached, kind="stable")[:most])


def calibration_lines(bins: NDArray[np.float64], title: str) -> Lines:
    """Return accuracy over confidence.

    Args:
        bins: (3, bins): of each how many rows it has, the sum of their confidences, and how many are right.
        title: of the picture.

    >>> lines = calibration_lines(np.array([[0.0, 4.0], [0.0, 3.0], [0.0, 2.0]]), "")
    >>> lines.x.tolist(), lines.lines[0][1].tolist()
    ([0.75], [0.5])
    """
    rows, confidence, right = bins[:, bins[0] > 0]
    lines = [("accuracy", right / rows)]
    return Lines(title, "mean confidence of the bin", "accuracy", confidence / rows, lines, 0.0, 1.0, True)
