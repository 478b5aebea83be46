"""Keras' functions of tensors: on arrays held against NumPy, in graphs against themselves on arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dense_cli as keras
from dense_cli import layers, models, ops

X = np.random.default_rng(5).random((2, 3, 4)).astype("float32")

CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any], Any]] = [
    ("mean", (), {"axis": 1}, X.mean(axis=1)),
    ("mean", (-1, True), {}, X.mean(axis=-1, keepdims=True)),
    ("max", ((1, 2),), {}, X.max(axis=(1, 2))),
    ("argmax", (), {"axis": -1}, X.argmax(axis=-1)),
    ("expand_dims", (1,), {}, X[:, None]),
    ("transpose", ((0, 2, 1),), {}, X.transpose(0, 2, 1)),
    ("reshape", ((-1, 12),), {}, X.reshape(-1, 12)),
    ("repeat", (2,), {"axis": 1}, X.repeat(2, axis=1)),
    ("clip", (0.2, 0.5), {}, X.clip(0.2, 0.5)),
    ("cast", ("int32",), {}, np.zeros((2, 3, 4), "int32")),
    ("cumsum", (1,), {}, X.cumsum(axis=1)),
    ("log1p", (), {}, np.log1p(X)),
    ("softmax", (), {"axis": 1}, np.exp(X) / np.exp(X).sum(axis=1, keepdims=True)),
    ("multiply", (2.0,), {}, X * 2),
    ("maximum", (X[:1],), {}, np.maximum(X, X[:1])),
]


@pytest.mark.parametrize(("name", "args", "kwargs", "expected"), CALLS, ids=[row[0] for row in CALLS])
def test_functions_of_arrays_and_of_tensors_are_those_of_numpy(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any], expected: Any
) -> None:
    function = getattr(ops, name)
    y = function(X, *args, **kwargs)
    assert np.allclose(y, expected, rtol=1e-6)
    assert y.dtype.itemsize == 4
    x = keras.Input((3, 4))
    model = models.Model(x, function(x, *args, **kwargs))
    assert np.allclose(model.predict(X), expected, rtol=1e-6)


def test_lists_of_tensors_are_joined() -> None:
    x = keras.Input((3, 4))
    joined = models.Model(x, ops.concatenate([x, x], axis=-1))
    assert np.array_equal(joined.predict(X), np.concatenate([X, X], axis=-1))
    assert np.array_equal(ops.stack([X, X], 1), np.stack([X, X], 1))


def test_numbers_and_lists_have_32_bits_and_arrays_their_own() -> None:
    assert ops.convert_to_tensor([1.5]).dtype == np.float32
    assert ops.convert_to_tensor(1).dtype == np.int32
    assert ops.mean(X.astype("float64")).dtype == np.float64
    assert ops.sum([[1, 2], [3, 4]], axis=0).tolist() == [4, 6]
    assert (ops.arange(3).tolist(), ops.arange(0, 1, 0.5).tolist()) == ([0, 1, 2], [0.0, 0.5])
    assert (ops.zeros((2,)).tolist(), ops.ones((1,), dtype="int32").tolist()) == ([0.0, 0.0], [1])


def test_a_layer_of_ones_own_uses_them_in_a_graph() -> None:
    class Positions(layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs + ops.cast(ops.arange(ops.shape(inputs)[-1]), "float32")

    x = keras.Input((3, 4))
    model = models.Model(x, Positions()(x))
    assert np.allclose(model.predict(X), X + np.arange(4))


def test_an_unknown_function_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'meann'"):
        _ = ops.meann
