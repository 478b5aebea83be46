"""The base of all layers: names, weights, building, dtypes, masks, configs, symbolic calls.

What is expected is what Keras 3.15.1 gives for the same lines.
"""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from dense_cli.errors import ConfigError, DtypeError, ShapeError
from dense_cli.layers import Input, Layer, Masking, TimeDistributed
from dense_cli.layers.core.dense import Dense
from dense_cli.layers.masks import get_mask, with_mask
from dense_cli.layers.names import clear_session


class Scale(Layer):
    """Multiply by a weight for each feature."""

    def __init__(self, start: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start = start

    def build(self, input_shape: Any) -> None:
        self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")

    def call(self, inputs: Any) -> Any:
        return inputs * self.factor.value * self.start


class Both(Layer):
    """Two layers, one in a list, and whether there was a mask."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.first = Scale()
        self.rest = [Scale(start=2.0)]
        self.seen: Any = None

    def call(self, inputs: Any, mask: Any = None) -> Any:
        self.seen = mask
        return self.rest[0](self.first(inputs))


@pytest.fixture(autouse=True)
def _names_from_the_start() -> None:
    clear_session()


def test_names_count_up_by_class_until_the_session_is_cleared() -> None:
    assert [Dense(1).name, Dense(1).name, TimeDistributed(Dense(1)).name, Scale().name] == [
        "dense",
        "dense_1",
        "time_distributed",
        "scale",
    ]
    assert Dense(1).name == "dense_3"
    clear_session()
    assert Dense(1).name == "dense"
    assert Dense(1, name="mine").name == "mine"
    with pytest.raises(ConfigError, match="cannot contain character `/`"):
        Dense(1, name="a/b")


def test_unknown_arguments_are_refused_and_those_of_keras_2_warn() -> None:
    with pytest.raises(ConfigError) as caught:
        Dense(1, colour="red")
    assert str(caught.value) == "Unrecognized keyword arguments passed to Dense: {'colour': 'red'}"
    with pytest.warns(UserWarning, match="Do not pass an `input_shape`"):
        Dense(1, input_dim=3)
    with pytest.raises(ConfigError, match="Expected `trainable` to be a boolean"):
        Dense(1, trainable="no")


def test_weights_are_copied_both_ways() -> None:
    layer = Dense(1, use_bias=False, kernel_initializer="ones")
    layer.build((None, 1))
    layer.get_weights()[0][:] = 7
    assert layer.kernel.tolist() == [[1.0]]
    array = np.full((1, 1), 3, "float32")
    layer.set_weights([array])
    array[:] = 7
    assert layer.kernel.tolist() == [[3.0]]
    layer.kernel.numpy()[:] = 7
    assert layer.kernel.tolist() == [[3.0]]


def test_a_built_layer_keeps_its_weights() -> None:
    layer = Dense(1, use_bias=False, kernel_initializer="zeros")
    layer.build((None, 1))
    layer.set_weights([np.ones((1, 1))])
    TimeDistributed(layer).build((None, 3, 1))
    assert layer.kernel.tolist() == [[1.0]]
    with pytest.raises(ConfigError, match="You cannot add new elements of state"):
        layer.build((None, 1))
    assert layer.kernel.tolist() == [[1.0]]


def test_weights_of_layers_inside_are_found_in_lists_and_once() -> None:
    layer = Both()
    layer.again = layer.first
    assert layer.get_weights() == []
    layer(np.ones((1, 2)))
    assert [w.path for w in layer.weights] == ["both/scale/factor", "both/scale_1/factor"]
    assert layer.count_params() == 4
    layer.trainable = False
    assert layer.trainable_weights == []
    assert [w.trainable for w in layer.non_trainable_weights] == [False, False]


def test_count_params_and_set_weights_before_building_are_refused() -> None:
    with pytest.raises(ConfigError, match="the layer isn't built"):
        Dense(2).count_params()
    with pytest.raises(ShapeError, match="with a weight list of length 1, but the layer was expecting 0"):
        Dense(2).set_weights([np.ones((3, 2))])
    layer = Dense(2)
    layer.build((None, 3))
    with pytest.raises(ShapeError, match=r"weight shape \(2,\) is not compatible with provided weight"):
        layer.set_weights([np.ones((3, 2)), np.ones(3)])
    assert not np.array_equal(layer.kernel, np.ones((3, 2)))


def test_a_mask_goes_into_call_and_on_to_the_next_layer() -> None:
    x = Masking()(np.array([[[1.0], [0.0]]]))
    assert isinstance(x, np.ndarray)
    assert get_mask(x + 1) is None
    layer = Both()
    layer.supports_masking = True
    y = layer(x)
    np.testing.assert_array_equal(layer.seen, [[True, False]])
    np.testing.assert_array_equal(get_mask(y), [[True, False]])
    layer(x, mask=np.array([[False, True]]))
    np.testing.assert_array_equal(layer.seen, [[False, True]])
    np.testing.assert_array_equal(get_mask(TimeDistributed(Dense(2))(x)), [[True, False]])


def test_a_layer_that_has_no_masks_warns_that_it_drops_one() -> None:
    with pytest.warns(UserWarning, match="this layer does not support masking"):
        y = Scale()(with_mask(np.ones((1, 2, 3)), np.ones((1, 2), bool)))
    assert get_mask(y) is None


@pytest.mark.parametrize(
    ("dtype", "compute", "variable", "expected"),
    [
        ("float32", "float32", "float32", 1 / 3),
        ("float64", "float64", "float64", 1 / 3),
        ("float16", "float16", "float16", 0.333251953125),
        ("mixed_float16", "float16", "float32", 0.333251953125),
        ("bfloat16", "bfloat16", "bfloat16", 0.333984375),
        ("mixed_bfloat16", "bfloat16", "float32", 0.333984375),
        (None, "float32", "float32", 1 / 3),
        (np.float64, "float64", "float64", 1 / 3),
        ({"class_name": "DTypePolicy", "config": {"name": "float16"}}, "float16", "float16", 0.333251953125),
    ],
)
def test_a_dtype_rounds_inputs_weights_and_outputs(
    dtype: Any, compute: str, variable: str, expected: float
) -> None:
    layer = Scale(dtype=dtype)
    y = layer(np.array([[1 / 3]]))
    assert (layer.compute_dtype, layer.dtype, layer.factor.dtype) == (compute, variable, variable)
    assert y.dtype == ("float32" if compute == "bfloat16" else compute)
    assert float(y[0, 0]) == (np.float32(expected) if y.dtype == "float32" else expected)
    layer.factor.assign([1 / 3])
    one = {"float16": np.float32(0.333251953125), "bfloat16": np.float32(0.333984375)}.get(compute, 1 / 3)
    np.testing.assert_array_equal(layer(np.array([[1.0]]))[0, 0], y.dtype.type(one))


@pytest.mark.parametrize("dtype", ["float128", "x", complex])
def test_a_dtype_that_a_layer_cannot_have_is_refused(dtype: Any) -> None:
    with pytest.raises(ConfigError):
        Dense(1, dtype=dtype)


@pytest.mark.parametrize("x", [np.array([["a"]]), np.array([[1j]]), np.array([[None]])])
def test_what_is_not_real_numbers_is_refused(x: np.ndarray) -> None:
    with pytest.raises(DtypeError) as caught:
        Dense(2)(x)
    assert str(caught.value) == f"dense: expected real numbers, found an array of dtype {x.dtype}"


def test_only_tensors_stand_before_the_names() -> None:
    with pytest.raises(ConfigError, match="Only input tensors may be passed as positional arguments"):
        Scale()(np.ones((1, 2)), True)


def test_inputs_are_checked_before_and_after_building() -> None:
    layer = Dense(2)
    with pytest.raises(ShapeError, match="expected min_ndim=2, found ndim=1"):
        layer(np.ones(3))
    layer.build((None, 3))
    with pytest.raises(ShapeError) as caught:
        layer(np.ones((2, 4)))
    assert str(caught.value) == (
        "Input 0 with name 'None' of layer 'dense' is incompatible with the layer: expected axis -1 of input "
        "shape to have value 3, but received input with shape (2, 4)"
    )


def test_symbolic_calls_give_shapes_and_are_recorded() -> None:
    x = Input((None, 3), name="x")
    layer = Dense(4)
    y = layer(x)
    assert (y.shape, y.dtype, layer.built) == ((None, None, 4), "float32", True)
    assert layer.input is x
    assert layer.output is y
    assert y._keras_history == (layer, 0, 0)
    z = layer(Input((5, 3)))
    assert z._keras_history == (layer, 1, 0)
    assert Both()(x).shape == (None, None, 3)  # without compute_output_shape: from zeros
    with pytest.raises(AttributeError, match="has never been called"):
        _ = Dense(1).output


def test_configs_make_the_layer_anew() -> None:
    layer = Dense(3, activation="relu", use_bias=False, dtype="mixed_float16", trainable=False, name="a")
    again = Dense.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    scale = Scale(start=3.0, name="s")  # has no get_config of its own
    assert scale.get_config()["start"] == 3.0
    assert Scale.from_config(scale.get_config()).get_config() == scale.get_config()
    wrapped = TimeDistributed(layer, name="t")
    assert TimeDistributed.from_config(wrapped.get_config()).get_config() == wrapped.get_config()


def test_arguments_about_training_stay_in_the_config() -> None:
    config = Dense(1, kernel_regularizer="l2", bias_constraint="non_neg").get_config()
    assert config["kernel_regularizer"] == {
        "module": "keras.regularizers",
        "class_name": "L2",
        "config": {"l2": 0.01},
        "registered_name": None,
    }
    assert config["bias_constraint"]["class_name"] == "NonNeg"
    assert Dense.from_config(config).get_config() == config


def test_layers_can_be_pickled_and_copied() -> None:
    layer = Both()
    y = layer(np.ones((1, 2)))
    for again in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        np.testing.assert_array_equal(again(np.ones((1, 2))), y)
