"""The largest values of each row, ties by lower column, without sorting or copying entire rows.

In: (rows, classes). Out: columns and values, (rows, k).

A wide row is seen as `_SIFT` interleaved runs, and the maximum is taken across the runs (column j of
every run): one pass of plain vector maxima. The k columns with the largest maxima hold the k largest
values, and only what stands in them is sorted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.views.rows import row_best

_SIFT = 32
_WIDE = 1024  # below this many columns a stable sort of the rows is faster


def maxima_width(classes: int) -> int:
    """Return how many columns `column_maxima` gives: 0 for narrow rows, which are sorted whole."""
    return classes // _SIFT + 1 if classes >= _WIDE else 0


def column_maxima(values: NDArray[Any], maxima: NDArray[Any]) -> None:
    """Put the maxima across the runs of each row into ``maxima``, (rows, `maxima_width`).

    What is left at the end of a row that does not divide stands in the last column.
    """
    width = maxima.shape[1] - 1
    if width < 0:
        return
    runs = values[:, : width * _SIFT].reshape(len(values), _SIFT, width)
    np.max(runs, axis=1, out=maxima[:, :width])
    tail = values[:, width * _SIFT :]
    maxima[:, width] = tail.max(axis=1) if tail.shape[1] else -np.inf


def top_k(
    values: NDArray[Any], k: int, maxima: NDArray[Any] | None = None, divisor: NDArray[Any] | None = None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the columns and values of the ``k`` largest of ``values / divisor`` in each row.

    Args:
        values: (rows, classes), without NaN in rows that matter.
        k: at most the number of classes.
        maxima: what `column_maxima` gives for ``values``, if it is at hand.
        divisor: (rows, 1); ties are judged after the division.

    Returns:
        columns (rows, k), int64, and values (rows, k), largest first, ties by lower column.

    >>> columns, values = top_k(np.array([[0.2, 0.4, 0.4]]), 2)
    >>> columns.tolist(), values.tolist()
    ([[1, 2]], [[0.4, 0.4]])
    """
    if maxima is None:
        maxima = np.empty((len(values), maxima_width(values.shape[1])), values.dtype)
        column_maxima(values, maxima)
    if 4 * k > maxima.shape[1]:
        ratios = values if divisor is None else values / divisor
        if k == 1:
            columns, highest = row_best(ratios)
            return columns[:, None], highest[:, None]
        order = np.argsort(-ratios, axis=1, kind="stable")[:, :k]
        return order, np.take_along_axis(ratios, order, axis=1)

    classes = values.shape[1]
    width = classes // _SIFT
    chosen = np.argpartition(maxima, -k, axis=1)[:, -k:]
    columns = (chosen[:, :, None] + np.arange(0, _SIFT * width, width)).reshape(len(values), -1)
    # The last "column" is the tail of the row, shorter than the others: what is not there is left out.
    tail = np.repeat(chosen == width, _SIFT, axis=1)
    columns[tail] = width * _SIFT + np.broadcast_to(np.tile(np.arange(_SIFT), k), columns.shape)[tail]
    absent = columns >= classes
    kept = np.take_along_axis(values, np.where(absent, 0, columns), axis=1)
    if divisor is not None:
        kept = kept / divisor
        maxima = maxima / divisor
    kept[absent] = -np.inf
    # Only what reaches the k-th value is sorted, unless ties in a row let more through, or NaN less.
    reach = kept >= np.partition(kept, -k, axis=1)[:, -k:][:, :1]
    if (np.count_nonzero(reach, axis=1) == k).all():
        columns, kept = columns[reach].reshape(-1, k), kept[reach].reshape(-1, k)
    order = np.lexsort((columns, -kept), axis=1)[:, :k]
    # A row of NaN, which has no likeliest class, may find what is not there.
    columns = np.minimum(np.take_along_axis(columns, order, axis=1), classes - 1)
    kept = np.take_along_axis(kept, order, axis=1)

    # Columns left out may still hold a value equal to the last one kept, at a lower class: rare, so by row.
    least = kept[:, -1:]
    tied = np.count_nonzero(maxima >= least, axis=1) > np.count_nonzero(
        np.take_along_axis(maxima, chosen, axis=1) >= least, axis=1
    )
    for row in np.flatnonzero(tied & ~np.isnan(maxima).any(axis=1)):
        ratios = values[row] if divisor is None else values[row] / divisor[row]
        above = np.flatnonzero(ratios > least[row])
        equal = np.flatnonzero(ratios == least[row])[: k - len(above)]
        both = np.concatenate([above, equal])
        columns[row] = both[np.argsort(-ratios[both], kind="stable")]
        kept[row] = ratios[columns[row]]
    return columns, kept


def among_top(values: NDArray[Any], k: int) -> NDArray[np.bool_]:
    """Return which classes of each row are among its k likeliest, ties by lower class number.

    >>> among_top(np.array([[0.1, 0.3, 0.3, 0.3]]), 2).tolist()
    [[False, True, True, False]]
    """
    least = np.partition(values, -k, axis=1)[:, -k, None]
    among: NDArray[np.bool_] = values >= least
    tied = np.flatnonzero(np.count_nonzero(among, axis=1) > k)
    if len(tied):
        above = values[tied] > least[tied]
        equal = values[tied] == least[tied]
        room = k - np.count_nonzero(above, axis=1)
        among[tied] = above | (equal & (np.cumsum(equal, axis=1) <= room[:, None]))
    return among
