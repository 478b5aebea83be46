"""Keras' modules by their names: layers, utilities, settings. Expected values are those that Keras 3.15.1
gives."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import dense_cli as keras
from dense_cli import layers
from dense_cli.errors import ConfigError, ShapeError
from dense_cli.utils import normalize, pad_sequences, set_random_seed, to_categorical

SEQUENCES = [[1], [2, 3], [4, 5, 6], []]


@pytest.mark.parametrize("name", layers.__all__)
def test_every_layer_of_the_table_can_be_imported(name: str) -> None:
    assert getattr(layers, name).__module__ == layers.PATHS[name]


def test_modules_have_the_names_that_code_for_keras_uses() -> None:
    assert keras.layers.Dense is keras.Dense
    assert keras.backend.backend() == "numpy"
    assert keras.config.floatx() == keras.backend.floatx() == "float32"
    assert keras.dtype_policies.get("mixed_float16").compute_dtype == "float16"
    assert keras.regularizers.get("l1_l2").get_config() == {"l1": 0.0, "l2": 0.0}
    assert keras.constraints.get("max_norm").get_config() == {"max_value": 2, "axis": 0}
    for module in ("layers", "models", "utils", "saving"):
        with pytest.raises(AttributeError, match="no attribute 'nothing'"):
            getattr(getattr(keras, module), "nothing")  # noqa: B009


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, [[0, 0, 1], [0, 2, 3], [4, 5, 6], [0, 0, 0]]),
        ({"maxlen": 2}, [[0, 1], [2, 3], [5, 6], [0, 0]]),
        ({"maxlen": 2, "truncating": "post"}, [[0, 1], [2, 3], [4, 5], [0, 0]]),
        ({"padding": "post", "value": -1}, [[1, -1, -1], [2, 3, -1], [4, 5, 6], [-1, -1, -1]]),
    ],
)
def test_sequences_are_padded_and_cut(arguments: dict[str, Any], expected: list[list[int]]) -> None:
    y = pad_sequences(SEQUENCES, **arguments)
    assert y.dtype == np.int32
    assert y.tolist() == expected


def test_sequences_that_cannot_be_padded_are_refused() -> None:
    with pytest.raises(ConfigError, match='padding: expected "pre" or "post"'):
        pad_sequences(SEQUENCES, padding="left")
    with pytest.raises(ShapeError, match="Found non-iterable: 3"):
        pad_sequences([3])
    with pytest.raises(ShapeError, match="is different from expected shape"):
        pad_sequences([[[1, 2]], [[1, 2, 3]]])


def test_classes_become_one_hot_rows() -> None:
    assert to_categorical([0, 2]).tolist() == [[1, 0, 0], [0, 0, 1]]
    assert to_categorical([[1], [0]], num_classes=3).tolist() == [[0, 1, 0], [1, 0, 0]]
    assert to_categorical(np.zeros((2, 3), int)).shape == (2, 3, 1)
    with pytest.raises(ShapeError, match="expected class numbers from 0 to 1, found 0 to 2"):
        to_categorical([0, 2], num_classes=2)


def test_rows_are_scaled_to_their_norm() -> None:
    np.testing.assert_allclose(normalize([[3.0, 4.0], [0.0, 0.0]]), [[0.6, 0.8], [0, 0]])
    np.testing.assert_allclose(normalize([[1.0, 3.0]], order=1), [[0.25, 0.75]])
    with pytest.raises(ConfigError, match="must be an int >= 1"):
        normalize([[1.0]], order=0)


def test_a_random_seed_is_that_of_python_and_numpy() -> None:
    set_random_seed(5)
    assert np.random.rand() == 0.22199317108973948
    set_random_seed(5)
    first = random.random()
    random.seed(5)
    assert random.random() == first


def test_regularizers_give_their_penalties() -> None:
    x = np.array([[1.0, -2.0]])
    l1_l2 = keras.regularizers.L1L2(l1=0.1, l2=0.01)
    assert keras.regularizers.L1(0.1)(x) == pytest.approx(0.3)
    assert keras.regularizers.L2(0.1)(x) == pytest.approx(0.5)
    assert l1_l2(x) == pytest.approx(0.35)
    assert keras.regularizers.deserialize(keras.regularizers.serialize(l1_l2)) == l1_l2
    with pytest.raises(ConfigError, match="Could not interpret regularizer identifier: l3"):
        keras.regularizers.get("l3")
