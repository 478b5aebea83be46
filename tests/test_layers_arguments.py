"""Layers where random cases do not reach: calls as in training, given masks, adapt, old configs, parts."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import dense_cli as keras
from dense_cli import layers
from dense_cli.errors import ConfigError, ShapeError
from dense_cli.layers import windows

RANDOM = np.random.default_rng(3)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Dropout(0.5),
        layers.SpatialDropout1D(0.5),
        layers.AlphaDropout(0.5),
        layers.GaussianDropout(0.5),
        layers.GaussianNoise(0.5),
        layers.BatchNormalization(),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_call_as_in_training_is_refused_by_name(layer: Any) -> None:
    with pytest.raises(ConfigError) as raised:
        layer(np.ones((2, 3, 4)), training=True)
    assert str(raised.value) == (
        f"{layer.name}: training=True is not supported: layers compute what they give in inference"
    )
    assert raised.value.hint == "leave `training` out"


def test_without_noise_a_call_as_in_training_changes_nothing() -> None:
    frozen = layers.BatchNormalization(trainable=False, epsilon=0)
    assert layers.Dropout(0)(np.array([1.0, 2.0]), training=True).tolist() == [1, 2]
    assert frozen(np.array([[1.0, 2.0]]), training=True).tolist() == [[1, 2]]


def test_softmax_gives_masked_classes_nothing() -> None:
    mask = np.array([[True, False, True], [False, False, False]])
    y = layers.Softmax()(np.zeros((2, 3)), mask=mask)
    assert y.tolist() == [[0.5, 0, 0.5], [0, 0, 0]]
    assert layers.Softmax()(np.zeros((2, 3)), mask=mask.astype("float32")).tolist() == y.tolist()


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 2, 3), "must not have more dimensions"),
        ((2, 2), "each of its axes must be 1 or the input's"),
    ],
)
def test_softmax_refuses_a_mask_that_does_not_broadcast(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        layers.Softmax()(np.zeros((2, 3)), mask=np.ones(shape, bool))


def test_batch_normalization_refuses_a_mask_of_the_inputs_rank() -> None:
    with pytest.raises(ShapeError, match="one dimension less than the inputs"):
        layers.BatchNormalization()(np.zeros((2, 3, 4)), mask=np.ones((2, 3, 4), bool))


def test_merges_ask_for_one_mask_an_input() -> None:
    x = [np.zeros((2, 3, 4)), np.zeros((2, 3, 4))]
    mask = np.ones((2, 3), bool)
    for layer in (layers.Add(), layers.Multiply(), layers.Concatenate(axis=1)):
        with pytest.raises(ShapeError, match="`mask` should be a list"):
            layer.compute_mask(x, mask)
        with pytest.raises(ShapeError, match="`inputs` should be a list"):
            layer.compute_mask(x[0], [mask, mask])
        with pytest.raises(ShapeError, match="should have the same length"):
            layer.compute_mask(x, [mask])
        assert layer.compute_mask(x, None) is None
        assert layer.compute_mask(x, [None, None]) is None


def test_functions_are_their_layers() -> None:
    x, y = RANDOM.normal(size=(2, 3, 4)), RANDOM.normal(size=(2, 3, 4))
    for name in ("add", "subtract", "multiply", "average", "maximum", "minimum", "concatenate"):
        layer = getattr(layers, name.capitalize())()
        assert np.array_equal(getattr(layers, name)([x, y]), layer([x, y]))
    assert np.array_equal(layers.dot([x, y], axes=2), layers.Dot(2)([x, y]))
    assert layers.add([x, y], name="sum", dtype="float64").dtype == np.float64


def test_aliases_are_the_same_classes() -> None:
    pairs = {
        "MaxPool1D": "MaxPooling1D",
        "MaxPool2D": "MaxPooling2D",
        "AvgPool1D": "AveragePooling1D",
        "AvgPool2D": "AveragePooling2D",
        "GlobalMaxPool1D": "GlobalMaxPooling1D",
        "GlobalMaxPool2D": "GlobalMaxPooling2D",
        "GlobalAvgPool1D": "GlobalAveragePooling1D",
        "GlobalAvgPool2D": "GlobalAveragePooling2D",
        "Convolution1D": "Conv1D",
        "Convolution2D": "Conv2D",
    }
    assert [a for a, b in pairs.items() if getattr(layers, a) is not getattr(layers, b)] == []


def test_configs_of_keras_2_are_taken() -> None:
    normalization = layers.BatchNormalization.from_config({"name": "bn", "axis": [3]})
    dropout = layers.SpatialDropout1D.from_config({"name": "sd", "rate": 0.5, "trainable": True})
    slope = layers.LeakyReLU.from_config({"name": "lr", "alpha": 0.2})
    assert (normalization.axis, dropout.rate, slope.negative_slope) == (3, 0.5, 0.2)


@pytest.mark.parametrize("axis", [-1, None, (1, 2)])
def test_adapt_gives_mean_0_and_variance_1_from_an_array_or_its_batches(axis: Any) -> None:
    x = RANDOM.normal(3, 2, size=(12, 4, 5)).astype("float32")
    whole, batches, pairs = (layers.Normalization(axis=axis) for _ in range(3))
    whole.adapt(x)
    batches.adapt([x[:3], x[3:10], x[10:]])
    pairs.adapt((part, np.zeros(len(part))) for part in (x[:6], x[6:]))
    kept = () if axis is None else (axis,) if isinstance(axis, int) else axis
    others = tuple(i for i in range(3) if i not in [a % 3 for a in kept])
    y = whole(x)
    assert np.allclose(y.mean(axis=others), 0, atol=1e-6)
    assert np.allclose(y.var(axis=others), 1, atol=1e-5)
    assert np.allclose(batches(x), y, atol=1e-6)
    assert np.allclose(pairs(x), y, atol=1e-6)
    assert [w.name for w in whole.weights] == ["mean", "variance", "count"]


def test_weights_that_are_set_are_what_normalization_uses() -> None:
    layer = layers.Normalization()
    layer.build((None, 2))
    layer.set_weights([np.array([1.0, 2.0]), np.array([4.0, 0.0]), np.array(7)])
    assert layer(np.array([[3.0, 2.0]])).tolist() == [[1, 0]]


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ([], ShapeError, "empty iterable"),
        ([42], TypeError, "each with a `.shape`"),
        (3, TypeError, "Unsupported data type"),
        (np.zeros((2, 3)), ShapeError, "an incompatible shape"),
    ],
)
def test_adapt_refuses_what_is_no_data_of_its_shape(data: Any, error: type[Exception], message: str) -> None:
    layer = layers.Normalization()
    layer.build((None, 4))
    with pytest.raises(error, match=message):
        layer.adapt(data)


def test_rescaling_keeps_arrays_in_its_config() -> None:
    layer = layers.Rescaling(np.array([1.0, 2.0]), offset=np.float32(3))
    again = layers.Rescaling.from_config(layer.get_config())
    assert again(np.array([[1, 1]], "uint8")).tolist() == [[4, 5]]


@pytest.mark.parametrize("numbers", [1, 50, 400, 10**6])
def test_convolution_in_parts_is_the_whole(numbers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = RANDOM.normal(size=(5, 9, 8, 4))
    kernel = RANDOM.normal(size=(3, 2, 2, 6))
    groups = [(x[..., 2 * g : 2 * g + 2], kernel[..., 3 * g : 3 * g + 3]) for g in range(2)]
    whole = np.zeros((5, 7, 7, 6))
    for i, j in np.ndindex(7, 7):
        products = [np.tensordot(a[:, i : i + 3, j : j + 2], b, 3) for a, b in groups]
        whole[:, i, j] = np.concatenate(products, axis=-1)
    monkeypatch.setattr(windows, "WINDOW_NUMBERS", numbers)
    assert np.allclose(windows.convolve(x, kernel, (1, 1), (1, 1), groups=2), whole, rtol=1e-12, atol=1e-12)


def test_convolution_takes_memory_for_its_output_and_one_part() -> None:
    x = np.zeros((8, 200, 200, 3), "float32")
    layer = layers.Conv2D(1, 11, padding="same")
    layer(x[:1])
    tracemalloc.start()
    layer(x)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    padded, part, output = 8 * 210 * 210 * 3 * 4, 4 * windows.WINDOW_NUMBERS, 8 * 200 * 200 * 4
    assert peak < padded + 2 * part + 4 * output  # all windows at once would be 464 MB


def test_integers_stay_integers_in_relu_and_get_slopes_in_leaky_relu() -> None:
    x = np.array([[-3, 2]], "int64")
    assert layers.ReLU()(x).tolist() == [[0, 2]]
    assert layers.ReLU()(x).dtype == np.int64
    assert layers.LeakyReLU(0.5)(x).tolist() == [[-1.5, 2.0]]
    assert layers.LeakyReLU(0.5)(x).dtype == np.float32


def test_statistics_stay_untrained_when_a_frozen_layer_is_thawed() -> None:
    layer = layers.BatchNormalization()
    layer.build((None, 3))
    counts = []
    for trainable in (True, False, True):
        layer.trainable = trainable
        counts.append((len(layer.trainable_weights), len(layer.non_trainable_weights)))
        assert [w.name for w in layer.weights] == ["gamma", "beta", "moving_mean", "moving_variance"]
    assert counts == [(2, 2), (0, 4), (2, 2)]


def test_layers_come_back_from_their_serialized_form() -> None:
    layer = layers.Conv1D(3, 2, padding="causal", name="conv")
    again = layers.deserialize(layers.serialize(layer))
    assert (type(again), again.get_config()) == (layers.Conv1D, layer.get_config())
    with pytest.raises(ConfigError, match="not a layer"):
        layers.deserialize({"class_name": "Zeros", "config": {}, "module": "keras.initializers"})


def test_sequences_are_padded_under_the_older_name_too() -> None:
    assert keras.preprocessing.sequence.pad_sequences is keras.utils.pad_sequences
