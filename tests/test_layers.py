"""Dense, TimeDistributed, Masking, Input and Model beside what real Keras gave."""

from __future__ import annotations

from typing import Any

import golden
import numpy as np
import pytest

import dense_cli
from dense_cli import Dense, Input, Masking, Model, TimeDistributed, initializers
from dense_cli.errors import ConfigError, ShapeError
from dense_cli.layers.masks import get_mask

ATOL = {"float16": 4e-3, "float32": 1e-6, "float64": 1e-12}
# TensorFlow keeps constants such as leaky_relu's slope as float32, also where it computes in float64.
RTOL = {"float16": 4e-3, "float32": 1e-5, "float64": 1e-7}


def by_id(row: dict[str, Any]) -> str:
    return str(row["id"])


def expected(row: dict[str, Any], name: str = "y") -> np.ndarray:
    # Keras computes in float64 on TensorFlow only, and NaN and infinity are compared on NumPy.
    backend = "tensorflow" if row["params"]["dtype"] == "float64" else "numpy"
    return golden.array(row["out"][backend][name])


def made(row: dict[str, Any]) -> Dense:
    arrays = row["arrays"]
    kernel = golden.array(arrays["kernel"])
    weights = [kernel, golden.array(arrays["bias"])] if "bias" in arrays else [kernel]
    params = row["params"]
    layer = Dense(kernel.shape[1], params["activation"], use_bias=len(weights) == 2, dtype=params["dtype"])
    layer.build((None, kernel.shape[0]))
    layer.set_weights(weights)
    return layer


def assert_close(y: np.ndarray, row: dict[str, Any]) -> None:
    dtype = row["params"]["dtype"]
    assert y.dtype == dtype
    assert y.shape == expected(row).shape
    np.testing.assert_allclose(y, expected(row), rtol=RTOL[dtype], atol=ATOL[dtype])


@pytest.mark.parametrize("row", golden.rows("forward", kind="dense"), ids=by_id)
def test_dense_gives_what_keras_gives(row: dict[str, Any]) -> None:
    assert_close(made(row)(golden.array(row["arrays"]["x"])), row)


@pytest.mark.parametrize("row", golden.rows("forward", kind="time_distributed"), ids=by_id)
def test_time_distributed_gives_what_keras_gives(row: dict[str, Any]) -> None:
    x = golden.array(row["arrays"]["x"])
    layer = TimeDistributed(made(row), dtype=row["params"]["dtype"])
    if "error" in row["out"]["numpy"]:
        with pytest.raises(ShapeError, match="expected at least one time step"):
            layer(x)
        return
    if "mask_value" in row["params"]:
        x = Masking(row["params"]["mask_value"])(x)
        np.testing.assert_array_equal(get_mask(layer(x)), expected(row, "mask"))
    assert_close(layer(x), row)


@pytest.mark.parametrize("backend", golden.BACKENDS)
@pytest.mark.parametrize("row", golden.rows("forward", kind="seeded_layer"), ids=by_id)
def test_a_seeded_layer_is_that_of_keras(row: dict[str, Any], backend: str) -> None:
    params = row["params"]

    def initializer(name: str) -> Any:
        kind, config = params["init"][name]
        given = {key: value for key, value in config.items() if not key.endswith("_axes")}
        return getattr(initializers, kind)(**given, **({"rng": backend} if "seed" in given else {}))

    dense = Dense(
        params["units"],
        activation=params["activation"],
        kernel_initializer=initializer("kernel_initializer"),
        bias_initializer=initializer("bias_initializer"),
    )
    layer = TimeDistributed(dense) if params["time_distributed"] else dense
    x = golden.array(row["arrays"]["x"])
    y = layer(x)
    out = {name: golden.array(ref) for name, ref in row["out"][backend].items()}
    np.testing.assert_array_equal(dense.kernel.value, out["kernel"])
    np.testing.assert_array_equal(dense.bias.value, out["bias"])
    np.testing.assert_allclose(y, out["y"], rtol=1e-5, atol=1e-6)

    inputs = Input(shape=x.shape[1:])
    model = Model(inputs=inputs, outputs=layer(inputs))
    np.testing.assert_array_equal(model.predict(x), y)


@pytest.mark.parametrize("row", golden.rows("forward", kind="error"), ids=by_id)
def test_what_keras_refuses_is_refused(row: dict[str, Any]) -> None:
    x = golden.array(row["arrays"]["x"])
    messages = {
        "dense-rank1": "expected min_ndim=2, found ndim=1. Full shape received: (3,)",
        "td-rank2": "should be passed an `input_shape` with at least 3 dimensions, received: (2, 3)",
        "dense-wronglast": "to have value 3, but received input with shape (2, 4)",
    }
    case = row["params"]["case"]
    dense = Dense(3)
    if case == "dense-wronglast":
        dense.build((None, 3))
    layer = TimeDistributed(dense) if case == "td-rank2" else dense
    with pytest.raises(ShapeError) as caught:
        layer(x)
    assert str(caught.value).endswith(messages[case])


def test_logits_near_the_end_of_float32_give_finite_probabilities() -> None:
    layer = Dense(3, activation="softmax", kernel_initializer="identity")
    y = layer(np.array([[1e38, -1e38, 1e38], [-1e38, -1e38, -1e38], [3e38, 0, -3e38]]))
    np.testing.assert_allclose(y, [[0.5, 0, 0.5], [1 / 3, 1 / 3, 1 / 3], [1, 0, 0]], rtol=1e-6)


def test_a_layer_is_built_by_its_first_call_and_keeps_its_weights() -> None:
    layer = Dense(2, kernel_initializer="ones")
    assert not layer.built
    with pytest.raises(AttributeError, match="You must build the layer"):
        _ = layer.kernel
    assert layer(np.array([[1, 2, 3]])).tolist() == [[6.0, 6.0]]
    assert layer.built
    assert layer.count_params() == 8
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel * 2, bias + 1])
    assert layer(np.array([[1, 2, 3]])).tolist() == [[13.0, 13.0]]


@pytest.mark.parametrize("units", [0, -1, 2.0, True, "3", None])
def test_units_that_are_not_a_positive_integer_are_refused(units: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        Dense(units)
    assert str(caught.value) == (
        f"Received an invalid value for `units`, expected a positive integer. Received: units={units!r}"
    )


def test_a_number_beyond_the_dtype_is_infinite_as_in_keras() -> None:
    x = np.array([[1.0, 2.0], [3.0, -1e39]])
    assert Dense(1, kernel_initializer="ones")(x).tolist() == [[3.0], [-np.inf]]
    assert Dense(1, kernel_initializer="ones", dtype="float64")(x).tolist() == [[3.0], [-1e39]]


def test_the_activation_of_a_layer_can_be_set() -> None:
    layer = Dense(1, activation="relu", kernel_initializer="ones")
    layer.build((None, 2))
    layer.activation = None
    assert layer(-np.ones((1, 2))).tolist() == [[-2.0]]
    layer.activation = dense_cli.activations.relu
    assert layer(-np.ones((1, 2))).tolist() == [[0.0]]
    assert layer.get_config()["activation"] == "relu"


@pytest.mark.parametrize("kernel", [None, np.eye(2, dtype=np.float32)])
def test_an_initializer_may_be_none_or_an_array(kernel: Any) -> None:
    layer = Dense(2, kernel_initializer=kernel)
    y = layer(np.ones((1, 2)))
    if kernel is None:
        assert abs(layer.kernel.numpy()).max() <= np.sqrt(6 / 4)  # glorot_uniform's limit
    else:
        assert y.tolist() == [[1.0, 1.0]]


def test_time_distributed_is_the_layer_on_every_step() -> None:
    x = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    dense = Dense(6, activation="softmax", kernel_initializer=initializers.GlorotUniform(seed=1))
    y = TimeDistributed(dense)(x)
    for t in range(4):
        np.testing.assert_allclose(y[:, t], dense(x[:, t]), rtol=1e-6)


def test_time_distributed_takes_layers_only() -> None:
    with pytest.raises(ConfigError) as caught:
        TimeDistributed(3)
    assert str(caught.value) == (
        "Layer 3 supplied to TimeDistributed isn't a supported layer type. "
        "Please ensure wrapped layer is a valid Keras layer."
    )


def test_time_distributed_takes_any_layer_and_model() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)
    dense = Dense(6, activation="relu")
    twice = TimeDistributed(TimeDistributed(dense))(x)
    np.testing.assert_allclose(twice, dense(x), rtol=1e-6)
    inputs = Input((5,))
    model = Model(inputs, Dense(2)(dense(inputs)))
    steps = np.stack([model(x[:, 0, t]) for t in range(4)], axis=1)
    np.testing.assert_allclose(TimeDistributed(model)(x[:, 0]), steps, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 3)])
def test_a_mask_may_have_more_axes(shape: tuple[int, ...]) -> None:
    assert TimeDistributed(Dense(5))(np.zeros((4, 5, 3)), mask=np.ones(shape, bool)).shape == (4, 5, 5)


def test_a_mask_that_does_not_fit_is_refused() -> None:
    layer = TimeDistributed(Dense(2))
    with pytest.raises(ShapeError, match=r"Expected mask shape prefix: \(2, 3\)\."):
        layer(np.zeros((2, 3, 4)), mask=np.ones((2, 4)))
    with pytest.raises(ShapeError, match="must be at least 2D"):
        layer(np.zeros((2, 3, 4)), mask=np.ones(2))


def test_a_mask_changes_no_value() -> None:
    x = np.ones((2, 3, 4))
    layer = TimeDistributed(Dense(2, kernel_initializer=initializers.GlorotUniform(seed=0)))
    np.testing.assert_array_equal(layer(x, mask=np.zeros((2, 3))), layer(x))


def test_masking_zeroes_the_steps_that_hold_only_the_value() -> None:
    x = np.array([[[1.0, 2.0], [9.0, 9.0], [9.0, 1.0]]])
    y = Masking(mask_value=9.0)(x)
    assert y.tolist() == [[[1.0, 2.0], [0.0, 0.0], [9.0, 1.0]]]
    assert y.dtype == np.float32
    np.testing.assert_array_equal(get_mask(y), [[True, False, True]])
    assert Masking().get_config()["mask_value"] == 0.0


def test_every_public_name_can_be_imported_and_no_other() -> None:
    for name in dense_cli.__all__:
        assert getattr(dense_cli, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'softmax'"):
        _ = dense_cli.softmax
