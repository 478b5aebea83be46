"""The one loop: its block sizes, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from dense_cli.dense import DenseArrays
from dense_cli.errors import DtypeError, ShapeError, SizeError
from dense_cli.pipeline import block_rows, run
from dense_cli.sources.arrays import ArraySource
from dense_cli.sources.masks import Mask, as_lengths, as_steps
from dense_cli.views.evaluate import View

PROBABILITIES = View("probabilities", None, ("probabilities",))
F4 = np.dtype(np.float32)


def all_of(
    x: np.ndarray, layer: DenseArrays | None, mask: Mask | None = None, memory: int = 64 << 20
) -> np.ndarray:
    parts = run(ArraySource.of("x", x), layer, PROBABILITIES, F4, mask, memory=memory)
    return np.concatenate([part.arrays["probabilities"].copy() for part in parts])


@pytest.mark.parametrize("features", [1, 384, 4096])
@pytest.mark.parametrize("units", [1, 10, 30522])
@pytest.mark.parametrize("memory", [1, 1 << 20, 64 << 20])
def test_a_block_fits_the_memory_and_is_a_multiple_of_32_rows_or_small(
    features: int, units: int, memory: int
) -> None:
    rows = block_rows(features, units, 4, memory)
    assert 1 <= rows <= 4096
    assert rows == 1 or rows * max(features, units) * 4 * 3 <= memory
    assert rows < 32 or rows % 32 == 0


def test_features_that_are_not_the_kernels_are_refused() -> None:
    layer = DenseArrays.of(np.ones((3, 2), "f4"), None)
    with pytest.raises(ShapeError) as caught:
        all_of(np.ones((5, 2, 4)), layer)
    assert str(caught.value) == "x: last axis is 4, the kernel expects 3 (shape (5, 2, 4), kernel (3, 2))"


def test_a_value_beyond_the_dtype_is_named_with_its_place_in_the_whole_input() -> None:
    x = np.zeros((40, 5, 2))
    x[33, 4, 1] = -2e39
    with pytest.raises(DtypeError) as caught:
        all_of(x, DenseArrays.of(np.ones((2, 2), "f4"), None), memory=200)
    assert str(caught.value) == "x: -2e+39 does not fit float32, at [33, 4, 1]"


@pytest.mark.parametrize(
    ("row", "found"),
    [([0.5, 0.4], "a sum of 0.9"), ([1.5, -0.5], "a negative value -0.5"), ([0.6, 0.6], "a sum of 1.2")],
)
def test_a_row_that_is_no_distribution_is_named(row: list[float], found: str) -> None:
    x = np.full((2, 3, 2), 0.5)
    x[1, 2] = row
    with pytest.raises(ShapeError) as caught:
        all_of(x, None)
    assert str(caught.value) == (
        f"x: not distributions: expected rows of the last axis that sum to 1, found {found} at [1][2]"
    )


def test_finished_distributions_pass_unchanged_and_nan_with_them() -> None:
    x = np.array([[[0.25, 0.75], [np.nan, np.nan]]], "f4")
    np.testing.assert_array_equal(all_of(x, None), x.reshape(2, 2))


def test_masked_steps_are_zeroed_only_by_a_mask_value() -> None:
    x = np.array([[[1.0, 1.0], [7.0, 7.0]]], "f4")
    layer = DenseArrays.of(np.eye(2, dtype="f4"), None)
    np.testing.assert_array_equal(all_of(x, layer, Mask(value=7.0)), [[1, 1], [0, 0]])
    np.testing.assert_array_equal(all_of(x, layer, Mask(lengths=np.array([1]))), [[1, 1], [7, 7]])
    np.testing.assert_array_equal(all_of(x, layer, Mask(steps=np.array([[True, False]]))), [[1, 1], [7, 7]])


def test_lengths_and_masks_are_read_from_arrays_of_any_dtype() -> None:
    assert as_lengths(np.array([2.0, 0.0]), "n").tolist() == [2, 0]
    assert as_lengths(np.array([[2], [0]], "u1"), "n").tolist() == [2, 0]
    assert as_steps(np.array([[1, 0]], "f2"), "m").tolist() == [[True, False]]
    assert as_steps(np.array([True, False]), "m").tolist() == [[True, False]]
    with pytest.raises(ShapeError, match=r"^n: expected one whole number per sample, found shape \(2, 2\)$"):
        as_lengths(np.ones((2, 2)), "n")
    with pytest.raises(DtypeError, match=r"^n: expected whole numbers of time steps, found nan at \[1\]$"):
        as_lengths(np.array([1, np.nan]), "n")
    with pytest.raises(ShapeError, match=r"^m: expected shape \(batch, time\), found \(1, 1, 1\)$"):
        as_steps(np.ones((1, 1, 1)), "m")
    with pytest.raises(DtypeError, match=r"^m: expected true and false, or 1 and 0, found 0.5$"):
        as_steps(np.array([[0.5]]), "m")


def test_an_empty_input_takes_no_buffer_however_wide_its_rows_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dense_cli.pipeline._Worker.buffer", lambda worker: pytest.fail("a buffer was made"))
    empty = ArraySource.of("empty.npy", np.empty((0, 2**26)))
    assert list(run(empty, None, View(), np.dtype(np.float64))) == []


def test_a_row_of_classes_too_wide_to_be_held_is_refused_before_memory_is_taken() -> None:
    zero = np.zeros((), np.float32)
    layer = DenseArrays.of(np.broadcast_to(zero, (1, 10**9)), None, "softmax")
    source = ArraySource.of("x.npy", np.ones((2, 1), np.float32))
    message = (
        r"^x.npy: a row of 1000000000 classes would take 64000000000 bytes \(59.6 GiB\), more than 4 GiB$"
    )
    with pytest.raises(SizeError, match=message):
        next(run(source, layer, View(), np.dtype(np.float32)))
