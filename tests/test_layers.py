"""Dense, TimeDistributed, Masking, Input and Model beside what real Keras gave."""

from __future__ import annotations

from typing import Any

import golden
import numpy as np
import pytest

import dense_cli
from dense_cli import Dense, Input, Masking, Model, TimeDistributed, initializers
from dense_cli.errors import ConfigError, DtypeError, ShapeError

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
    bias = golden.array(arrays["bias"]) if "bias" in arrays else None
    return Dense.from_weights(
        golden.array(arrays["kernel"]), bias, row["params"]["activation"], dtype=row["params"]["dtype"]
    )


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
    layer = TimeDistributed(made(row))
    if "error" in row["out"]["numpy"]:
        with pytest.raises(ShapeError, match="expected at least one time step"):
            layer(x)
        return
    mask = None
    if "mask_value" in row["params"]:
        masking = Masking(row["params"]["mask_value"])
        mask = masking.compute_mask(x)
        x = masking(x)
        np.testing.assert_array_equal(layer.compute_mask(x, mask), expected(row, "mask"))
    assert_close(layer(x, mask=mask), row)


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
    np.testing.assert_array_equal(dense.kernel, out["kernel"])
    np.testing.assert_array_equal(dense.bias, out["bias"])
    np.testing.assert_allclose(y, out["y"], rtol=1e-5, atol=1e-6)

    inputs = Input(shape=x.shape[1:])
    model = Model(inputs=inputs, outputs=layer(inputs))
    np.testing.assert_array_equal(model.predict(x), y)


@pytest.mark.parametrize("row", golden.rows("forward", kind="error"), ids=by_id)
def test_what_keras_refuses_is_refused(row: dict[str, Any]) -> None:
    x = golden.array(row["arrays"]["x"])
    messages = {
        "dense-rank1": "dense: expected rank 2 or more (batch, …, features), found shape (3,)",
        "td-rank2": (
            "time_distributed: expected rank 3 or more (batch, time, …, features), found shape (2, 3)"
        ),
        "dense-wronglast": "dense: last axis is 4, the kernel expects 3 (shape (2, 4))",
    }
    case = row["params"]["case"]
    dense = Dense(3)
    if case == "dense-wronglast":
        dense.build((None, 3))
    layer = TimeDistributed(dense) if case == "td-rank2" else dense
    with pytest.raises(ShapeError) as caught:
        layer(x)
    assert str(caught.value) == messages[case]


def test_logits_near_the_end_of_float32_give_finite_probabilities() -> None:
    layer = Dense(3, activation="softmax", kernel_initializer="identity")
    y = layer(np.array([[1e38, -1e38, 1e38], [-1e38, -1e38, -1e38], [3e38, 0, -3e38]]))
    np.testing.assert_allclose(y, [[0.5, 0, 0.5], [1 / 3, 1 / 3, 1 / 3], [1, 0, 0]], rtol=1e-6)


def test_a_layer_is_built_by_its_first_call_and_keeps_its_weights() -> None:
    layer = Dense(2, kernel_initializer="ones")
    assert not layer.built
    with pytest.raises(ConfigError, match="the layer has no weights yet"):
        _ = layer.kernel
    assert layer(np.array([[1, 2, 3]])).tolist() == [[6.0, 6.0]]
    assert layer.built
    assert layer.count_params() == 8
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel * 2, bias + 1])
    assert layer(np.array([[1, 2, 3]])).tolist() == [[13.0, 13.0]]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([np.zeros((3, 2))], "dense: expected 2 weight arrays, found 1"),
        ([np.zeros((2, 3)), np.zeros(2)], "kernel: expected shape (features, 2), found (2, 3)"),
        ([np.zeros((3, 2)), np.zeros(3)], "bias: expected shape (2,), found (3,)"),
        ([np.zeros((3, 2)), np.zeros((2, 1))], "bias: expected shape (2,), found (2, 1)"),
    ],
)
def test_weights_of_another_shape_are_refused(weights: list[np.ndarray], message: str) -> None:
    layer = Dense(2)
    layer.build((None, 3))
    with pytest.raises(ShapeError) as caught:
        layer.set_weights(weights)
    assert str(caught.value) == message


@pytest.mark.parametrize("units", [0, -1, 2.0, True, "3", None])
def test_units_that_are_not_a_positive_integer_are_refused(units: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        Dense(units)
    assert str(caught.value) == f"units: expected a positive integer, found {units!r}"


@pytest.mark.parametrize("dtype", ["float128", "int32", "bfloat16", "x", complex])
def test_a_dtype_that_a_layer_cannot_have_is_refused(dtype: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        Dense(1, dtype=dtype)
    assert str(caught.value) == f"dtype: expected one of float16, float32, float64, found {dtype!r}"


def test_a_number_beyond_the_dtype_is_named_with_its_place() -> None:
    with pytest.raises(DtypeError) as caught:
        Dense(2)(np.array([[1.0, 2.0], [3.0, -1e39]]))
    assert str(caught.value) == "x: -1e+39 does not fit float32, at [1, 1]"
    assert caught.value.hint == "compute with --dtype float64"
    assert Dense(2, dtype="float64")(np.array([[3.0, -1e39]])).dtype == np.float64


@pytest.mark.parametrize("x", [np.array([["a"]]), np.array([[1j]]), np.array([[None]])])
def test_what_is_not_real_numbers_is_refused(x: np.ndarray) -> None:
    with pytest.raises(DtypeError) as caught:
        Dense(2)(x)
    assert str(caught.value) == f"x: expected real numbers, found {x.dtype}"


def test_the_repr_is_the_call_that_makes_the_layer() -> None:
    layer = Dense(3, activation="leaky_relu", use_bias=False)
    again = eval(repr(layer), vars(dense_cli) | {"Dense": Dense})
    assert again.get_config() == Dense(3, activation=layer.activation, use_bias=False).get_config()
    assert repr(Dense(3)) == "Dense(3)"
    assert repr(TimeDistributed(Dense(3, activation="softmax"))) == (
        "TimeDistributed(Dense(3, activation='softmax'))"
    )


def test_time_distributed_is_the_layer_on_every_step() -> None:
    x = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    dense = Dense(6, activation="softmax", kernel_initializer=initializers.GlorotUniform(seed=1))
    y = TimeDistributed(dense)(x)
    for t in range(4):
        np.testing.assert_allclose(y[:, t], dense(x[:, t]), rtol=1e-6)


def test_time_distributed_takes_only_a_dense_layer() -> None:
    with pytest.raises(ConfigError) as caught:
        TimeDistributed(3)  # type: ignore[arg-type]
    assert str(caught.value) == "TimeDistributed: expected a Dense layer, found int"


def test_a_mask_that_does_not_fit_is_refused() -> None:
    layer = TimeDistributed(Dense(2))
    with pytest.raises(ShapeError) as caught:
        layer(np.zeros((2, 3, 4)), mask=np.ones((2, 4)))
    assert str(caught.value) == "mask: expected shape (batch, time) = (2, 3), found (2, 4)"


def test_a_mask_changes_no_value() -> None:
    x = np.ones((2, 3, 4))
    layer = TimeDistributed(Dense(2, kernel_initializer=initializers.GlorotUniform(seed=0)))
    np.testing.assert_array_equal(layer(x, mask=np.zeros((2, 3))), layer(x))


def test_masking_zeroes_the_steps_that_hold_only_the_value() -> None:
    x = [[[1.0, 2.0], [9.0, 9.0], [9.0, 1.0]]]
    masking = Masking(mask_value=9.0)
    assert masking(x).tolist() == [[[1.0, 2.0], [0.0, 0.0], [9.0, 1.0]]]  # type: ignore[arg-type]
    assert masking.compute_mask(x).tolist() == [[True, False, True]]  # type: ignore[arg-type]


def test_a_model_is_the_chain_of_its_layers() -> None:
    inputs = Input(shape=(2, 3))
    hidden = TimeDistributed(Dense(4, activation="relu", kernel_initializer="ones"))
    outputs = TimeDistributed(Dense(2, activation="softmax", kernel_initializer="ones"))
    model = Model(inputs=inputs, outputs=outputs(hidden(Masking()(inputs))))
    assert model.predict(np.ones((5, 2, 3)), batch_size=2, verbose=0).tolist() == [[[0.5, 0.5]] * 2] * 5
    assert model.count_params() == 3 * 4 + 4 + 4 * 2 + 2
    assert model.output_shape == (None, 2, 2)


def test_a_model_refuses_another_input_shape() -> None:
    inputs = Input(shape=(2, 3), batch_size=1)
    model = Model(inputs=inputs, outputs=TimeDistributed(Dense(2))(inputs))
    for x, shape in (
        (np.ones((1, 2, 4)), "(1, 2, 4)"),
        (np.ones(3), "(3,)"),
        (np.ones((2, 2, 3)), "(2, 2, 3)"),
    ):
        with pytest.raises(ShapeError) as caught:
            model.predict(x)
        assert str(caught.value) == f"model input: expected shape (1, 2, 3), found {shape}"


def test_a_model_needs_outputs_that_come_from_its_inputs() -> None:
    with pytest.raises(ConfigError) as caught:
        Model(inputs=Input(shape=(3,)), outputs=Dense(2)(Input(shape=(3,))))
    assert str(caught.value) == "Model: outputs do not come from inputs"


def test_a_summary_lists_layers_shapes_and_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    inputs = Input(shape=(3,))
    Model(inputs=inputs, outputs=Dense(1000, activation="softmax")(inputs)).summary()
    assert capsys.readouterr().out == (
        "Layer (type)         Output shape  Params\n"
        "─────────────────────────────────────────\n"
        "input_layer (Input)  (None, 3)          0\n"
        "dense (Dense)        (None, 1000)   4,000\n"
        "Total params: 4,000\n"
    )


def test_every_public_name_can_be_imported_and_no_other() -> None:
    for name in dense_cli.__all__:
        assert getattr(dense_cli, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'softmax'"):
        _ = dense_cli.softmax
