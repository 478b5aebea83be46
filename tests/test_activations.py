"""Activations against what real Keras printed, and the ways to name one."""

from __future__ import annotations

import math

import golden
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from dense_cli import activations
from dense_cli.activations import Activation, find, get
from dense_cli.errors import ConfigError, DtypeError, ShapeError
from dense_cli.random.erf import erf

ROWS = golden.rows("forward", kind="activation")
NAMES = sorted(activations.NAMES)
LAST_AXIS = ("softmax", "log_softmax", "sparsemax", "glu")
# The spacing of float16 is 2**-7 at 11, above the absolute tolerance that is meant for probabilities.
TOLERANCE = {
    "float16": {"rtol": 2**-10, "atol": 4e-3},
    "float32": {"rtol": 1e-5, "atol": 1e-6},
    "float64": {"rtol": 1e-12, "atol": 1e-14},
}
# TensorFlow computes these two in float64 with a constant that was rounded to float32.
COARSE = {"gelu": {"rtol": 1e-5, "atol": 1e-6}, "leaky_relu": {"rtol": 1e-7, "atol": 0}}


def name_and_dtype(row: dict) -> tuple[str, str]:
    return row["params"]["activation"], row["params"]["dtype"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_an_activation_gives_the_numbers_of_keras(row: dict) -> None:
    name, dtype = name_and_dtype(row)
    x = golden.array(row["arrays"]["x"])
    found = get(name)(x)
    assert found.dtype == x.dtype == dtype
    tolerance = COARSE.get(name, TOLERANCE[dtype]) if dtype == "float64" else TOLERANCE[dtype]
    if dtype == "float64":  # only Keras on TensorFlow computes in float64
        expected = golden.array(row["out"]["tensorflow"]["y"])
        if "odd" in row["params"]["input"]:
            # Where it treats NaN and infinities otherwise than NumPy does, NumPy's way is ours.
            assert_as_either(found, expected, golden.array(row["out"]["numpy"]["y"]), tolerance)
            return
        backends = ["tensorflow"]
    else:
        backends = ["numpy"] if "odd" in row["params"]["input"] else list(golden.BACKENDS)
    for backend in backends:
        np.testing.assert_allclose(
            found, golden.array(row["out"][backend]["y"]), **tolerance, err_msg=backend
        )


def assert_as_either(found: np.ndarray, one: np.ndarray, other: np.ndarray, tolerance: dict) -> None:
    close = np.isclose(found, one, **tolerance, equal_nan=True)
    close |= np.isclose(found, other, **TOLERANCE["float32"], equal_nan=True)
    assert close.all(), (found[~close], one[~close], other[~close])


def test_every_activation_of_keras_has_golden_rows() -> None:
    assert {name_and_dtype(row)[0] for row in ROWS} == set(NAMES) - {"threshold"}


def test_softmax_of_odd_rows() -> None:
    nan, inf = math.nan, math.inf
    x = np.array([[3e38, -3e38], [-3e38, -3e38], [nan, 0], [inf, 0], [-inf, 0], [-inf, -inf]], np.float32)
    expected = [[1, 0], [0.5, 0.5], [nan, nan], [nan, nan], [0, 1], [nan, nan]]
    np.testing.assert_array_equal(activations.softmax(x), np.array(expected, np.float32))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(4,), (0, 4), (2, 3, 4), (2, 1, 2, 2), (3, 0)])
def test_any_rank_and_dtype_is_kept(name: str, dtype: str, shape: tuple) -> None:
    x = np.linspace(-3, 3, math.prod(shape)).reshape(shape).astype(dtype)
    before = x.copy()
    found = get("threshold(0.5, 0.0)" if name == "threshold" else name)(x)
    assert found.dtype == dtype
    assert found.shape == ((*shape[:-1], shape[-1] // 2) if name == "glu" else shape)
    np.testing.assert_array_equal(x, before)


@given(
    arrays(
        st.sampled_from([np.float16, np.float32, np.float64]),
        array_shapes(min_dims=1, max_dims=3, max_side=6),
        elements={"allow_nan": True, "allow_infinity": True},
    ),
    st.sampled_from(NAMES),
)
def test_no_number_raises_or_warns_and_rows_do_not_touch(x: np.ndarray, name: str) -> None:
    if name == "glu":
        x = np.concatenate([x, x], axis=-1)
    activation = get("threshold(0.5, 0.0)" if name == "threshold" else name)
    found = activation(x)
    first = activation(x[..., :1, :] if x.ndim > 1 else x)
    np.testing.assert_array_equal(found[..., :1, :] if x.ndim > 1 else found, first)


@given(
    arrays(np.float64, array_shapes(min_dims=1, max_dims=3), elements=st.floats(-700, 700)),
)
def test_softmax_rows_sum_to_one_and_log_softmax_is_its_logarithm(x: np.ndarray) -> None:
    y = activations.softmax(x)
    np.testing.assert_allclose(y.sum(axis=-1), 1, rtol=1e-12)
    np.testing.assert_allclose(np.exp(activations.log_softmax(x)), y, rtol=1e-9, atol=1e-300)


# What the functions are by definition, where Keras' defaults and golden rows do not go.
X = np.array([-7.0, -2.0, -0.5, 0.0, 0.25, 1.0, 3.0, 8.0])
DEFINITIONS = {
    "leaky_relu(negative_slope=0.1)": lambda x: x if x >= 0 else 0.1 * x,
    "leaky_relu(3)": lambda x: x if x >= 0 else 3 * x,
    "relu(max_value=2.5)": lambda x: min(max(x, 0), 2.5),
    "relu(threshold=0.5)": lambda x: x if x > 0.5 else 0,
    "relu(0.5)": lambda x: x if x >= 0 else 0.5 * x,
    "relu(negative_slope=0.5, threshold=1.0)": lambda x: x if x > 1 else 0.5 * (x - 1),
    "relu(0.5, 2.0, -1.0)": lambda x: min(max(x, 0), 2) if x > -1 else 0.5 * (x + 1),
    "elu(alpha=0.5)": lambda x: x if x >= 0 else 0.5 * math.expm1(x),
    "celu(alpha=2)": lambda x: x if x >= 0 else 2 * math.expm1(x / 2),
    "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    "gelu(approximate=True)": lambda x: (
        x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2
    ),
    "soft_shrink(threshold=1.0)": lambda x: math.copysign(max(abs(x) - 1, 0), x),
    "hard_shrink(threshold=1.0)": lambda x: x if abs(x) > 1 else 0,
    "threshold(0.5, -1)": lambda x: x if x > 0.5 else -1,
    "threshold(threshold=1.0, default_value=20)": lambda x: x if x > 1 else 20,
    "squareplus(b=1)": lambda x: (x + math.sqrt(x * x + 1)) / 2,
}


@pytest.mark.parametrize("spec", DEFINITIONS)
def test_arguments_do_what_they_say(spec: str) -> None:
    expected = [DEFINITIONS[spec](x) for x in X.tolist()]
    np.testing.assert_allclose(get(spec)(X), expected, rtol=1e-14, atol=1e-15)


@given(st.floats(-30, 30) | st.floats(allow_infinity=True))
def test_erf_is_within_one_unit_of_the_c_librarys(x: float) -> None:
    true = math.erf(x)
    np.testing.assert_array_max_ulp(erf(np.array([x])), np.array([true]), maxulp=2)


# --- names, calls, configs


@pytest.mark.parametrize(
    ("identifier", "name", "config", "spec"),
    [
        (None, "linear", {}, "linear"),
        ("softmax", "softmax", {}, "softmax"),
        ("swish", "silu", {}, "silu"),
        ("hard_swish", "hard_silu", {}, "hard_silu"),
        ("keras.activations.relu", "relu", {}, "relu"),
        ("tf.keras.activations.softmax(axis=-1)", "softmax", {}, "softmax"),
        ("leaky_relu(negative_slope=0.2)", "leaky_relu", {}, "leaky_relu"),
        ("leaky_relu(0.1)", "leaky_relu", {"negative_slope": 0.1}, "leaky_relu(negative_slope=0.1)"),
        ("relu(max_value=None)", "relu", {}, "relu"),
        ("relu(0, 6.0)", "relu", {"max_value": 6.0}, "relu(max_value=6.0)"),
        ({"class_name": "function", "config": "relu"}, "relu", {}, "relu"),
        (
            {"module": "builtins", "class_name": "function", "config": "tanh", "registered_name": "tanh"},
            "tanh",
            {},
            "tanh",
        ),
        (activations.softmax, "softmax", {}, "softmax"),
        (activations.swish, "silu", {}, "silu"),
    ],
    ids=str,
)
def test_an_activation_can_be_named_in_many_ways(
    identifier: object, name: str, config: dict, spec: str
) -> None:
    activation = find(identifier)
    assert (activation.name, activation.config, repr(activation)) == (name, config, spec)
    assert find(spec) == activation
    assert find(activation) is activation


def test_another_callable_is_taken_as_it_is() -> None:
    def double(x: np.ndarray) -> np.ndarray:
        return 2 * x

    activation = find(double)
    assert isinstance(activation, Activation)
    assert activation.name == "double"
    assert activation(np.array([1.0])).tolist() == [2.0]


@pytest.mark.parametrize(
    ("identifier", "message"),
    [
        ("sofmax", "unknown activation 'sofmax'; did you mean 'softmax' or 'log_softmax'?"),
        ("Softmax", "unknown activation 'Softmax'; did you mean 'softmax'"),
        ("keras.layers.relu", "unknown activation 'keras.layers.relu'; "),
        (
            "threshold",
            "threshold: missing a required argument: 'threshold'; it takes threshold, default_value",
        ),
        (
            "relu(slope=1)",
            "relu: got an unexpected keyword argument 'slope'; it takes negative_slope, max_value",
        ),
        ("tanh(1)", "tanh: too many positional arguments; it takes no arguments"),
        ("softmax(axis=0)", "softmax: `axis` must be -1, the last one, found 0"),
        ("elu(alpha='a')", "`alpha` must be a finite number, found 'a'"),
        ("elu(alpha=None)", "`alpha` must be a finite number, found None"),
        ("relu(x=1)", "relu: got an unexpected keyword argument 'x'"),
        (3, "Could not interpret activation function identifier: 3"),
        ({"class_name": "ReLU", "config": {}}, "Could not interpret activation function identifier"),
    ],
)
def test_a_bad_name_is_in_the_error(identifier: object, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find(identifier)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("name", ["glu", "sparsemax"])
def test_a_single_number_has_no_last_axis(name: str) -> None:
    with pytest.raises(ShapeError, match="rank 1 or more"):
        get(name)(np.float32(1))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("softmax", 1.0),
        ("log_softmax", 0.0),
        ("sigmoid", 0.62245935),
        ("silu", 0.31122968),
        ("swish", 0.31122968),
    ],
)
def test_a_single_number_is_taken(name: str, expected: float) -> None:
    assert get(name)(np.float32(0.5)) == np.float32(expected)
    assert get(name)(0.5) == np.float32(expected)


@pytest.mark.parametrize("axis", [0, 1, -2, (0, 2), (1, 2)])
def test_softmax_goes_along_any_axes(axis: int | tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    exp = np.exp(x)
    expected = exp / exp.sum(axis=axis, keepdims=True)
    np.testing.assert_allclose(activations.softmax(x, axis=axis), expected, rtol=1e-12)
    np.testing.assert_allclose(activations.log_softmax(x, axis=axis), np.log(expected), rtol=1e-12)


def test_glu_and_sparsemax_go_along_any_axis() -> None:
    x = np.random.default_rng(0).normal(size=(2, 4, 6))
    for name in ("glu", "sparsemax"):
        function = get(name)
        for axis in (0, 1):
            moved = function(np.moveaxis(x, axis, -1))
            np.testing.assert_array_equal(function(x, axis=axis), np.moveaxis(moved, -1, axis))


def test_get_gives_keras_functions_and_serialize_what_makes_them() -> None:
    assert get(None) is activations.linear
    assert get("swish") is activations.silu
    assert get(activations.relu) is activations.relu
    assert activations.relu.__name__ == "relu"
    leaky = get("leaky_relu(negative_slope=0.1)")
    assert leaky.__name__ == "leaky_relu"
    assert activations.serialize(leaky) == "leaky_relu(negative_slope=0.1)"
    assert activations.deserialize("leaky_relu(negative_slope=0.1)") == leaky
    assert [activations.serialize(get(name)) for name in NAMES if name != "threshold"] == [
        get(name).__name__ for name in NAMES if name != "threshold"
    ]


def test_glu_needs_a_last_axis_that_can_be_halved() -> None:
    with pytest.raises(ShapeError, match=r"axis size must be divisible by 2. Received: x.shape=\(2, 3\)"):
        activations.glu(np.zeros((2, 3)))


@pytest.mark.parametrize("x", [np.array(["a"]), np.array([1j]), np.array([None])])
def test_what_is_no_number_is_refused(x: np.ndarray) -> None:
    with pytest.raises(DtypeError, match="an activation takes real numbers"):
        activations.relu(x)


@pytest.mark.parametrize("x", [[-1.0, 2.0], (True, False)])
def test_what_is_no_array_becomes_float32(x: object) -> None:
    assert activations.relu(x).dtype == np.float32


# What Keras gives for int64 arrays on its NumPy backend.
OF_INTEGERS = {
    "int32": "glu hard_shrink hard_tanh leaky_relu relu relu6 sparse_sigmoid",
    "int64": "linear soft_shrink sparse_plus",
    "float32": "exponential tanh",
}


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"threshold"}))
def test_integers_stay_integers_where_nothing_is_divided(name: str) -> None:
    y = get(name)(np.array([-3, 2]))
    expected = [dtype for dtype, names in OF_INTEGERS.items() if name in names.split()] or ["float64"]
    assert [y.dtype.name] == expected
    np.testing.assert_allclose(y, get(name)(np.array([-3.0, 2.0])).astype(y.dtype), rtol=1e-6)
