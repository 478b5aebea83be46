"""dense_cli.views.rows: what short rows reduce to is what NumPy reduces them to, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from dense_cli.views.rows import row_best, row_max, row_min, row_sum

WIDTHS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 31, 32, 33, 100]
DTYPES = [np.float16, np.float32, np.float64]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", WIDTHS)
def test_rows_of_any_width_reduce_to_what_numpy_gives(width, dtype):
    values = np.random.default_rng(width).normal(0, 9, (500, width)).astype(dtype)
    kept = values.copy()
    assert np.array_equal(row_max(values), values.max(axis=1))
    assert np.array_equal(row_min(values), values.min(axis=1))
    assert np.array_equal(row_sum(values), values.sum(axis=1))
    assert {a.dtype for a in (row_max(values), row_min(values), row_sum(values))} == {np.dtype(dtype)}
    columns, maxima = row_best(values)
    assert np.array_equal(columns, values.argmax(axis=1))
    assert np.array_equal(maxima, values.max(axis=1))
    assert columns.dtype == np.int64
    assert np.array_equal(values, kept)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", WIDTHS)
def test_of_equal_values_the_first_column_is_the_best(width, dtype):
    values = np.random.default_rng(width).integers(0, 3, (500, width)).astype(dtype)
    assert np.array_equal(row_best(values)[0], values.argmax(axis=1))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", WIDTHS)
def test_nan_and_infinity_show_in_maximum_minimum_and_sum(width, dtype):
    values = np.random.default_rng(width).normal(size=(60, width)).astype(dtype)
    each = np.arange(60)
    values[each, each % width] = np.resize(np.array([np.nan, np.inf, -np.inf], dtype), 60)
    _, maxima = row_best(values)
    for ours, numpy in (
        (row_max(values), values.max(axis=1)),
        (maxima, values.max(axis=1)),
        (row_min(values), values.min(axis=1)),
        (row_sum(values), values.sum(axis=1)),
    ):
        assert np.array_equal(ours, numpy, equal_nan=True)


def test_no_rows_reduce_to_nothing():
    for width in (3, 100):
        none = np.empty((0, width), np.float32)
        columns, maxima = row_best(none)
        assert [len(a) for a in (row_max(none), row_min(none), row_sum(none), columns, maxima)] == [0] * 5
