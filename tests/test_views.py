"""Views of logits whose results are known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from dense_cli import activations
from dense_cli.errors import ConfigError
from dense_cli.views.evaluate import Result, View, evaluate
from dense_cli.views.top import top_k

F4 = np.dtype(np.float32)
LOG = np.log(np.array([[1.0, 2.0, 5.0], [4.0, 4.0, 2.0]]))  # softmax: eighths, and 0.4 0.4 0.2


def seen(values: object, view: View, activation: str | None = "softmax", dtype: np.dtype = F4) -> Result:
    logits = np.array(values, np.float64 if dtype == np.float64 else np.float32)
    return evaluate(logits, None, None if activation is None else activations.find(activation), view, dtype)


def test_probabilities_are_the_softmax_and_the_lower_class_wins_a_tie() -> None:
    found = seen(LOG, View("probabilities", None, ("probabilities",)))
    np.testing.assert_allclose(
        found.arrays["probabilities"], [[0.125, 0.25, 0.625], [0.4, 0.4, 0.2]], rtol=1e-6
    )
    assert found.classes.tolist() == [2, 0]


def test_the_likeliest_are_in_order_with_their_values() -> None:
    found = seen(LOG, View("probabilities", 2))
    assert found.top_classes is not None
    assert found.top_classes.tolist() == [[2, 1], [0, 1]]
    np.testing.assert_allclose(found.top_values, [[0.625, 0.25], [0.4, 0.4]], rtol=1e-6)


@pytest.mark.parametrize("show", ["logits", "log-probabilities"])
def test_the_likeliest_show_the_values_asked_for(show: str) -> None:
    found = seen(LOG, View(show, 1))
    expected = [[np.log(5)], [np.log(4)]] if show == "logits" else [[np.log(0.625)], [np.log(0.4)]]
    np.testing.assert_allclose(found.top_values, expected, rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("view", [View("classes"), View("probabilities", 2), View(arrays=("probabilities",))])
def test_a_row_with_nan_or_infinity_has_no_class(bad: float, view: View) -> None:
    found = seen([[0.0, bad, 1.0], [0.0, 1.0, 2.0], [-np.inf] * 3, [-np.inf, 0.0, -np.inf]], view)
    assert found.classes.tolist() == [-1, 2, -1, 1]
    if found.top_classes is not None:
        assert found.top_classes.tolist() == [[-1, -1], [2, 1], [-1, -1], [1, 0]]


def test_logits_that_differ_by_less_than_a_probability_can_show_tie_to_the_lower_class() -> None:
    logits = [[1.0, 1.0 + 2.0**-23, 0.0]]
    y = seen(logits, View(arrays=("probabilities",))).arrays["probabilities"]
    assert seen(logits, View("classes")).classes.tolist() == y.argmax(axis=1).tolist()


def test_log_probabilities_do_not_underflow() -> None:
    found = seen([[0.0, -1000.0]], View("log-probabilities", None, ("log_probabilities",)))
    np.testing.assert_allclose(found.arrays["log_probabilities"], [[0.0, -1000.0]], atol=1e-6)
    found = seen([[0.0, -1000.0]], View("log-probabilities", None, ("log_probabilities",)), "sigmoid")
    np.testing.assert_allclose(found.arrays["log_probabilities"], [[-np.log(2), -1000.0]], rtol=1e-6)


def test_log_probabilities_need_an_activation_that_gives_probabilities() -> None:
    with pytest.raises(ConfigError) as caught:
        seen(LOG, View("log-probabilities", None, ("log_probabilities",)), "relu")
    assert str(caught.value) == "log-probabilities: expected activation softmax or sigmoid, found relu"


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_values_have_the_dtype_of_the_layer(dtype: type) -> None:
    found = seen(LOG, View(arrays=("probabilities",)), dtype=np.dtype(dtype))
    assert found.arrays["probabilities"].dtype == dtype


@pytest.mark.parametrize("classes", [3, 1023, 1024, 1025, 5000])
def test_top_k_of_equal_values_is_the_first_classes(classes: int) -> None:
    columns, values = top_k(np.full((2, classes), -np.inf, "f4"), 3)
    assert columns.tolist() == [[0, 1, 2]] * 2
    assert np.isneginf(values).all()


def test_top_k_may_be_all_classes() -> None:
    values = np.random.default_rng(0).permuted(np.tile(np.arange(2000.0), (3, 1)), axis=1)
    columns, found = top_k(values, 2000)
    np.testing.assert_array_equal(found, np.tile(np.arange(1999.0, -1, -1), (3, 1)))
    np.testing.assert_array_equal(np.take_along_axis(values, columns, axis=1), found)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("classes", [5, 1025, 4001])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_row_without_a_class_has_no_likeliest_classes_either(bad: float, classes: int, dtype: type) -> None:
    logits = np.zeros((2, classes))
    logits[0] = bad
    found = seen(logits, View("probabilities", 2), dtype=np.dtype(dtype))
    assert found.top_classes is not None
    assert found.top_classes.tolist() == [[-1, -1], [0, 1]]


def test_ties_and_nan_in_one_block_give_no_row_the_classes_of_another() -> None:
    # Row 0 reaches the k-th value nowhere and row 2 twice: together as often as three rows without a tie.
    values = np.zeros((3, 1024))
    values[0] = np.nan
    values[1, [5, 7]] = 9, 8
    values[2, [0, 32]] = 9
    columns, found = top_k(values, 1)
    assert (columns[1:].tolist(), found[1:].tolist()) == ([[5], [0]], [[9], [9]])
    assert seen(values, View(top=1)).classes.tolist() == [-1, 5, 0]


def test_a_row_without_a_class_has_no_confidence_whatever_the_activation() -> None:
    for activation in ("softmax", "sparsemax", "sigmoid", "relu", "linear"):
        found = seen([[np.inf, 1, 2], [3, 1, 2]], View(top=2), activation)
        assert found.classes.tolist() == [-1, 0]
        assert found.top_values is not None
        assert np.isnan(found.top_values).tolist() == [[True, True], [False, False]]


@pytest.mark.parametrize("classes", [1024, 1025, 1100])
@pytest.mark.parametrize("k", [1, 3, 8])
def test_a_wide_row_with_some_nan_disturbs_no_other(classes: int, k: int) -> None:
    rng = np.random.default_rng(7)
    for values in (rng.normal(size=(9, classes)), rng.choice([0.0, 1.0], (9, classes))):
        for row, count in ((1, 1), (4, classes // 2), (6, classes - 1)):
            values[row, rng.permutation(classes)[:count]] = np.nan
        columns, _ = top_k(values, k)
        assert ((columns >= 0) & (columns < classes)).all()
        rows = [0, 2, 3, 5, 7, 8]
        np.testing.assert_array_equal(columns[rows], np.argsort(-values[rows], kind="stable")[:, :k])
