"""Functional and sequential models: graphs, members, blocks, configs, files.

Shapes, names and orders are what Keras 3.15.1 gives for the same lines.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dense_cli.errors import ConfigError, ShapeError
from dense_cli.layers import (
    Dense,
    GlobalMaxPooling1D,
    Identity,
    Input,
    InputLayer,
    Layer,
    Masking,
    TimeDistributed,
)
from dense_cli.layers.names import clear_session
from dense_cli.models import Functional, Model, Sequential, clone_model, load_model, model_from_json


class Sum(Layer):
    """The sum of two inputs, given as a list or by name."""

    def call(self, inputs: Any, other: Any = None) -> Any:
        inputs = list(inputs.values()) if isinstance(inputs, dict) else inputs
        return inputs[0] + inputs[1] if other is None else inputs + other

    def compute_output_shape(self, input_shape: Any) -> Any:
        first = next(iter(input_shape.values())) if isinstance(input_shape, dict) else input_shape[0]
        return first if isinstance(first, tuple) else input_shape


@pytest.fixture(autouse=True)
def _names_from_the_start() -> None:
    clear_session()


def some(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def two_towers() -> Model:
    a, b = Input((3,), name="a"), Input((3,), name="b")
    shared = Dense(4, activation="tanh", name="shared")
    total = Sum(name="sum")([shared(a), shared(b)])
    return Model([a, b], [Dense(2, name="one")(total), total], name="towers")


def expected_towers(model: Model, a: np.ndarray, b: np.ndarray) -> list[np.ndarray]:
    kernel, bias = model.get_layer("shared").get_weights()
    total = np.tanh(a @ kernel + bias) + np.tanh(b @ kernel + bias)
    kernel, bias = model.get_layer("one").get_weights()
    return [total @ kernel + bias, total]


def test_the_input_layer_is_among_the_layers_and_a_shared_one_is_counted_once() -> None:
    i = Input((3,))
    dense = Dense(3)
    model = Model(i, dense(dense(i)))
    assert [layer.name for layer in model.layers] == ["input_layer", "dense"]
    assert isinstance(model.layers[0], InputLayer)
    assert model.count_params() == 12
    assert model.get_layer(index=1) is model.get_layer("dense") is dense
    assert (model.input_shape, model.output_shape) == ((None, 3), (None, 3))
    assert model.input is i
    assert model.inputs == [i]
    with pytest.raises(ConfigError, match="No such layer: nope"):
        model.get_layer("nope")


@pytest.mark.parametrize("form", ["list", "tuple", "dict"])
def test_several_inputs_are_taken_in_a_list_and_by_name(form: str) -> None:
    model = two_towers()
    a, b = some(5, 3), some(5, 3, seed=1)
    x = {"list": [a, b], "tuple": (a, b), "dict": {"b": b, "a": a}}[form]
    for outputs in (model(x), model.predict(x, verbose=0), model.predict_on_batch(x)):
        for found, expected in zip(outputs, expected_towers(model, a, b), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert [layer.name for layer in model.layers] == ["a", "b", "shared", "sum", "one"]
    assert model.output_names == ["one", "sum"]


def test_one_input_may_stand_in_a_list_and_one_output_comes_out_of_it() -> None:
    i = Input((3,))
    for model in (Model(i, Dense(4)(i)), Model([i], [Dense(4)(i)]), Model(inputs=[i], outputs=Dense(4)(i))):
        assert model([some(2, 3)]).shape == model(some(2, 3)).shape == (2, 4)
        assert model.predict([some(2, 3)], verbose=0).shape == (2, 4)


def test_outputs_keep_the_nest_that_they_were_given_in() -> None:
    i = Input((3,))
    model = Model(i, {"p": Dense(2)(i), "q": [Dense(4)(i)]})
    y = model.predict(some(5, 3), batch_size=2, verbose=0)
    assert (y["p"].shape, y["q"][0].shape) == ((5, 2), (5, 4))


def test_layers_take_dictionaries_and_tensors_by_name() -> None:
    a, b = Input((3,), name="a"), Input((3,), name="b")
    model = Model({"a": a, "b": b}, [Sum()({"x": a, "y": b}), Sum()(a, other=b)])
    x, y = some(2, 3), some(2, 3, seed=1)
    for found in model.predict({"b": y, "a": x}, verbose=0):
        np.testing.assert_allclose(found, x + y, rtol=1e-6)


def test_a_layers_output_can_be_taken_at_any_place_and_a_model_can_start_there() -> None:
    i = Input((3,))
    hidden = Dense(4, name="hidden")(i)
    model = Model(i, Dense(2, name="last")(hidden))
    x = some(6, 3)
    upper = Model(model.inputs, model.get_layer("hidden").output)
    rest = Model(hidden, model.output)
    np.testing.assert_allclose(rest.predict(upper.predict(x)), model.predict(x), rtol=1e-6)
    assert rest.count_params() == 10
    assert [type(layer).__name__ for layer in rest.layers] == ["InputLayer", "Dense"]


def test_models_are_layers() -> None:
    inner = Sequential([Input((3,)), Dense(4), Dense(2)], name="inner")
    i = Input((5, 3))
    model = Model(i, TimeDistributed(inner)(i))
    x = some(2, 5, 3)
    np.testing.assert_allclose(
        model.predict(x), inner.predict(x.reshape(10, 3)).reshape(2, 5, 2), rtol=1e-5, atol=1e-6
    )
    assert len(model.get_weights()) == 4


def test_a_subclass_has_the_layers_that_are_its_attributes() -> None:
    class Own(Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = Dense(2)

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs)

    model = Own()
    assert model.predict(some(70, 3), verbose=0).shape == (70, 2)
    assert [layer.name for layer in model.layers] == ["dense"]
    assert model.count_params() == 8


def test_a_subclass_given_a_graph_is_functional() -> None:
    class Own(Model):
        def __init__(self) -> None:
            i = Input((3,))
            super().__init__(inputs=i, outputs=Dense(2)(i))

    assert isinstance(Own(), Functional)
    assert Own().predict(some(1, 3)).shape == (1, 2)


def test_sequential_grows_and_shrinks() -> None:
    model = Sequential()
    model.add(Input((3,)))
    model.add(Dense(4, name="a"))
    model.add(Dense(2, name="b"))
    assert [layer.name for layer in model.layers] == ["a", "b"]
    assert (model.input_shape, model.output_shape) == ((None, 3), (None, 2))
    assert model.pop().name == "b"
    assert model.output_shape == (None, 4)
    with pytest.raises(ConfigError, match="should have unique names"):
        model.add(Dense(1, name="a"))
    with pytest.raises(ConfigError, match="Only instances of"):
        model.add(3)
    with pytest.raises(ConfigError, match="You cannot add a different Input layer"):
        model.add(Input((4,)))


def test_sequential_without_an_input_takes_sequences_of_other_lengths_later() -> None:
    model = Sequential([GlobalMaxPooling1D()])
    x = np.arange(30.0).reshape(1, 10, 3)
    assert model(x[:, :4]).tolist() == [[9, 10, 11]]
    assert model.predict(x, verbose=0).tolist() == [[27, 28, 29]]
    with pytest.raises(ShapeError, match="Invalid input shape"):
        model(x[0])


def test_sequential_is_written_under_the_module_that_keras_writes() -> None:
    assert json.loads(Sequential([Input((3,)), Dense(2)]).to_json())["module"] == "keras"


def test_sequential_without_an_input_is_built_by_its_first_call() -> None:
    model = Sequential([Dense(4), Dense(2)])
    assert not model.built
    with pytest.raises(AttributeError, match="has no defined input shape yet"):
        _ = model.input_shape
    assert model.get_weights() == []
    assert model.predict(some(5, 3), verbose=0).shape == (5, 2)
    assert [w.shape for w in model.weights] == [(3, 4), (4,), (4, 2), (2,)]


def test_masks_go_through_a_model() -> None:
    i = Input((2, 1))
    model = Model(i, TimeDistributed(Dense(3))(Identity()(Masking()(i))))
    y = model(np.array([[[1.0], [0.0]]]))
    np.testing.assert_array_equal(y._keras_mask, [[True, False]])
    assert type(model.predict(np.array([[[1.0], [0.0]]]))) is np.ndarray


def test_a_last_axis_of_one_is_added_and_taken_off() -> None:
    for shape, given, out in (((3,), (2, 3, 1), (2, 4)), ((3, 1), (2, 3), (2, 3, 4))):
        i = Input(shape)
        assert Model(i, Dense(4)(i)).predict(np.ones(given)).shape == out


@pytest.mark.parametrize("batch_size", [1, 3, 7, 8, 100])
def test_blocks_change_nothing(batch_size: int) -> None:
    model = two_towers()
    a, b = some(7, 3), some(7, 3, seed=1)
    found = model.predict([a, b], batch_size=batch_size, verbose=0)
    for y, expected in zip(found, expected_towers(model, a, b), strict=True):
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)


def test_predict_takes_steps_and_iterators_of_blocks() -> None:
    i = Input((3,))
    model = Model(i, Dense(2)(i))
    x = some(10, 3)
    whole = model.predict(x)
    np.testing.assert_array_equal(model.predict(x, batch_size=2, steps=2), whole[:4])
    parts = model.predict(iter([(x[:6], None), (x[6:], None)]))
    np.testing.assert_allclose(parts, whole, rtol=1e-5)
    np.testing.assert_array_equal(model.predict(x.tolist()), whole)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones((2, 4)), "expected shape=(None, 3), found shape=(2, 4)"),
        (np.ones((2, 3, 3)), "Expected shape (None, 3), but input has incompatible shape (2, 3, 3)"),
        ([np.ones((2, 3))] * 2, 'Layer "functional" expects 1 named input(s) with keys ['),
        ({"z": np.ones((2, 3))}, 'Missing data for input "input_layer"'),
    ],
)
def test_inputs_that_do_not_fit_are_refused(x: Any, message: str) -> None:
    i = Input((3,))
    with pytest.raises(ShapeError) as caught:
        Model(i, Dense(1)(i)).predict(x)
    assert message in str(caught.value)


def test_inputs_of_different_lengths_are_refused() -> None:
    with pytest.raises(ShapeError, match="Data cardinality is ambiguous"):
        two_towers().predict([some(2, 3), some(3, 3)])


def test_graphs_that_are_none_are_refused() -> None:
    with pytest.raises(ConfigError, match="is not connected to `inputs`: it also comes from other"):
        Model(inputs=Input((3,)), outputs=Dense(2)(Input((3,), name="other")))
    i = Input((3,))
    with pytest.raises(ConfigError, match='The name "x" is used 2 times in the model'):
        Model(i, Dense(1, name="x")(Dense(1, name="x")(i)))
    with pytest.raises(ConfigError, match="All `outputs` values must be KerasTensors"):
        Model(i, [3])


def test_training_is_out_of_scope_and_says_so() -> None:
    model = two_towers()
    for method in ("compile", "fit", "evaluate", "train_on_batch"):
        with pytest.raises(NotImplementedError) as caught:
            getattr(model, method)()
        assert str(caught.value) == (
            f"dense_cli runs models and does not train them: {method} is out of scope. "
            "Train with Keras, then load the file"
        )


def test_a_deep_graph_needs_no_recursion() -> None:
    i = x = Input((1,))
    for _ in range(3000):
        x = Identity()(x)
    model = Model(i, x)
    assert model.predict(np.ones((1, 1))).tolist() == [[1.0]]
    assert len(clone_model(model).layers) == 3001


def test_configs_make_models_anew() -> None:
    model = two_towers()
    json.dumps(model.get_config(), default=list)
    for again in (
        Functional.from_config(model.get_config(), custom_objects={"Sum": Sum}),
        model_from_json(model.to_json(), custom_objects={"Sum": Sum}),
    ):
        again.set_weights(model.get_weights())
        x = [some(4, 3), some(4, 3, seed=1)]
        for found, expected in zip(again.predict(x), model.predict(x), strict=True):
            np.testing.assert_array_equal(found, expected)
    sequential = Sequential([Input((3,)), Dense(2)])
    assert clone_model(sequential).get_config() == sequential.get_config()


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_saved_model_comes_back(suffix: str, tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    i = Input((5, 3), name="x")
    inner = Sequential([Input((3,)), Dense(4, activation="relu"), Dense(2)], name="inner")
    y = TimeDistributed(inner)(Masking()(i))
    model = Model(i, [y, TimeDistributed(Dense(3, activation="softmax"))(y)])
    model.save(tmp_path / f"m{suffix}")
    again = load_model(tmp_path / f"m{suffix}")
    x = some(2, 5, 3)
    for found, expected in zip(again.predict(x), model.predict(x), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    with pytest.raises(ConfigError, match="the file is there"):
        model.save(tmp_path / f"m{suffix}", overwrite=False)


def test_weights_are_saved_alone(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    model = two_towers()
    model.save_weights(tmp_path / "m.weights.h5")
    other = two_towers()
    other.load_weights(tmp_path / "m.weights.h5")
    for found, expected in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(ConfigError, match=r"must end in `\.weights\.h5`"):
        model.save_weights(tmp_path / "m.h5")


SUMMARIES = Path(__file__).parent / "data" / "summaries.txt"


def test_summaries_are_those_of_keras() -> None:
    i = Input((3,))
    lines: list[str] = []
    Model(i, Dense(1000, activation="softmax")(i)).summary(line_length=76, print_fn=lines.append)
    a, b = Input((3,), name="a"), Input((3,), name="b")
    shared = Dense(4, name="shared")
    inner = Sequential([Input((4,)), Dense(2), Dense(2)], name="inner")
    model = Model([a, b], [inner(shared(a)), inner(shared(b))])
    model.summary(line_length=76, print_fn=lines.append, expand_nested=True, show_trainable=True)
    model.summary(line_length=60, print_fn=lines.append, layer_range=("shared", "inner"))
    Sequential([Dense(3)]).summary(line_length=60, print_fn=lines.append)
    assert "\n".join(lines) == SUMMARIES.read_text(encoding="utf-8")
    for wrong in (("shared",), ("shared", 3), ("nope", "inner")):
        with pytest.raises(ConfigError, match=r"layer_(range|names)"):
            model.summary(print_fn=lines.append, layer_range=wrong)


def test_a_summary_is_printed_where_nothing_takes_it(capsys: pytest.CaptureFixture[str]) -> None:
    two_towers().summary()
    assert capsys.readouterr().out.startswith('Model: "towers"\n┏')
