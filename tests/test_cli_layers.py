"""densecli layers: the layers of a model, what each puts out, and where something first goes wrong."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SAMPLES, Run

from dense_cli import ops
from dense_cli.layers import (
    GRU,
    LSTM,
    Activation,
    Add,
    BatchNormalization,
    Bidirectional,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Input,
    Layer,
    ReLU,
    Rescaling,
    TimeDistributed,
)
from dense_cli.layers.masks import get_mask
from dense_cli.models import Model, load_model

pytest.importorskip("h5py")
DATA = Path(__file__).parent / "data" / "models"
FILES = sorted(DATA.glob("keras*/*.keras")) + sorted(DATA.glob("keras*/*.h5"))
TRANSLATE, ENGLISH = SAMPLES / "translate.keras", DATA / "translate__input.npy"


def layers(run: Run, *args: object) -> dict[str, dict[str, Any]]:
    """Return what ``densecli layers ARGS -f json`` says of each layer, by its name."""
    ran = run("layers", *args, "-f", "json")
    assert (ran.code, ran.err) == (0, "")
    return {layer["name"]: layer for layer in json.loads(ran.out)["layers"]}


def masks(file: Path, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the mask of each output that has one, by its name."""
    found = {}

    def seen(node: Any, _: list[Any], outputs: list[Any]) -> None:
        for i, y in enumerate(outputs):
            name = node.operation.name + (f"__{i}" if len(outputs) > 1 else "")
            found[name] = get_mask(y)

    model = load_model(file)
    graph = getattr(model, "_functional", None) or model
    names = graph.input_names if len(inputs) > 1 else list(inputs)
    graph.call_each([inputs[name] for name in names], seen)
    return {name: mask for name, mask in found.items() if mask is not None}


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.name}")
def test_the_statistics_are_those_of_what_keras_put_out(run: Run, file: Path) -> None:
    with np.load(f"{file.with_suffix('')}__layers.npz") as stored:
        expected = dict(stored)
    with np.load(f"{file.with_suffix('')}__inputs.npz") as stored:
        masked = masks(file, dict(stored))
    told = set()
    for layer in layers(run, file, f"{file.with_suffix('')}__inputs.npz").values():
        for output in layer["outputs"]:
            if output["name"] not in expected:
                continue
            y = expected[output["name"]].astype(np.float64)
            assert output["shape"] == list(y.shape)
            y = y[masked[output["name"]].astype(bool)] if output["name"] in masked else y
            numbers = output["statistics"]
            assert (numbers["count"], numbers["nan"], numbers["inf"]) == (y.size, 0, 0)
            found = [numbers[name] for name in ("min", "max", "mean", "std")]
            true = [y.min(), y.max(), y.mean(), y.std()]
            np.testing.assert_allclose(found, true, rtol=1e-5, atol=1e-6, err_msg=output["name"])
            assert numbers["zeros"] == np.count_nonzero(y == 0)
            told.add(output["name"])
    # What Keras lists under its inputs' names, and the arrays of layers that are used more than once.
    assert told == set(expected)


def test_a_model_lists_its_layers(run: Run) -> None:
    ran = run("layers", TRANSLATE)
    assert (ran.code, ran.err) == (0, "")
    assert ran.text == (
        f"{TRANSLATE}: 5 layers, 96,222 parameters\n"
        "layer       class            shape       parameters  from\n"
        "────────────────────────────────────────────────────────────────────\n"
        "english     InputLayer       (?, 5, 32)           0\n"
        "encoder__0  GRU              (?, 96)         37,440  english\n"
        "encoder__1                   (?, 96)\n"
        "repeat      RepeatVector     (?, 6, 96)           0  encoder\n"
        "decoder     GRU              (?, 6, 96)      55,872  repeat, encoder\n"
        "french      TimeDistributed  (?, 6, 30)       2,910  decoder\n"
    )


def test_every_output_is_saved_under_its_layers_name(run: Run, here: Path) -> None:
    name = DATA / "keras3" / "luong"
    ran = run("layers", f"{name}.keras", f"{name}__inputs.npz", "-o", "all.npz")
    assert (ran.code, ran.out, ran.err) == (0, b"", "")
    with np.load("all.npz") as saved, np.load(f"{name}__layers.npz") as expected:
        assert set(expected.files) <= set(saved.files)
        for layer in expected.files:
            np.testing.assert_allclose(saved[layer], expected[layer], rtol=1e-5, atol=1e-6)


def test_names_and_patterns_pick_layers(run: Run, here: Path) -> None:
    picked = layers(run, TRANSLATE, ENGLISH, "--only", "*coder", "--only", "french")
    assert list(picked) == ["encoder", "decoder", "french"]
    run("layers", TRANSLATE, ENGLISH, "--only", "en*", "-b", "3:5", "-o", "x.npz")
    with np.load("x.npz") as saved:
        assert {name: saved[name].shape for name in saved.files} == {
            "english": (2, 5, 32), "encoder__0": (2, 96), "encoder__1": (2, 96),
        }  # fmt: skip
    ran = run("layers", TRANSLATE, "--only", "decodr")
    assert (ran.code, ran.err) == (
        2,
        f"Error: {TRANSLATE}: no layer 'decodr'; did you mean 'decoder' or 'encoder'?\n",
    )


def test_csv_and_markdown_have_a_line_for_each_output(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(run("layers", TRANSLATE, ENGLISH, "-f", "csv").text)))
    assert [row["output"] for row in rows] == [
        "english", "encoder__0", "encoder__1", "repeat", "decoder", "french",
    ]  # fmt: skip
    assert (rows[0]["mean"], rows[0]["zeros"], rows[3]["shape"]) == ("0.03125", "3100", "(20, 6, 96)")
    lines = run("layers", TRANSLATE, "-f", "markdown").text.splitlines()
    assert lines[2:5] == [
        "| layer | class | shape | parameters | from |",
        "| --- | --- | --- | ---: | --- |",
        "| english | InputLayer | (?, 5, 32) | 0 |  |",
    ]


def test_statistics_do_not_depend_on_the_blocks(run: Run, here: Path) -> None:
    x = np.random.default_rng(5).normal(3, 2, (1000, 5, 32)).astype("f4")
    np.save("x.npy", x)
    whole = layers(run, TRANSLATE, "x.npy")["english"]["outputs"][0]["statistics"]
    wide = x.astype("f8")
    np.testing.assert_allclose(
        [whole["mean"], whole["std"], whole["min"], whole["max"]],
        [wide.mean(), wide.std(), wide.min(), wide.max()],
        rtol=1e-12,
    )
    lines = b"".join(json.dumps(sample.tolist()).encode() + b"\n" for sample in x)
    piped = run("layers", TRANSLATE, "-", "--input-format", "jsonl", "-f", "csv", stdin=lines)
    assert piped.out == run("layers", TRANSLATE, "x.npy", "-f", "csv").out


def saved(name: str, inputs: Any, outputs: Any) -> Model:
    model = Model(inputs, outputs)
    model.save(name)
    return model


def faults(run: Run, *args: object) -> dict[str, list[str]]:
    """Return the kinds of fault of the layers that have some."""
    return {
        name: [fault["fault"] for fault in layer["faults"]]
        for name, layer in layers(run, *args).items()
        if layer["faults"]
    }


def rows(*shape: int, scale: float = 1.0) -> np.ndarray:
    return np.random.default_rng(3).normal(0, scale, shape).astype("f4")


def test_the_first_layer_with_nan_is_marked_and_those_after_it_are_not(run: Run, here: Path) -> None:
    i = Input((4,), name="x")
    bad = Dense(3, name="bad")
    saved("m.keras", i, Dense(2, name="last")(bad(Dense(3, name="first")(i))))
    np.save("x.npy", rows(5, 4))
    assert faults(run, "m.keras", "x.npy") == {}
    model = load_model("m.keras")
    kernel = model.get_layer("bad").kernel
    kernel.assign(np.where(np.eye(3) > 0, np.nan, kernel.numpy()))
    model.save("m.keras")
    found = layers(run, "m.keras", "x.npy")
    assert {name: layer["faults"] for name, layer in found.items() if layer["faults"]} == {
        "bad": [
            {
                "fault": "not-finite",
                "evidence": "15 NaN of 15 numbers",
                "advice": "the layer's weights have them: training had diverged when they were saved",
            }
        ]
    }
    table = run("layers", "m.keras", "x.npy").text.splitlines()
    assert table[-2] == "bad: not-finite: 15 NaN of 15 numbers"


def test_an_overflow_and_a_bad_input_are_told_apart(run: Run, here: Path) -> None:
    i = Input((4,), name="x")
    saved("m.keras", i, Dense(2, name="last")(Rescaling(1e38, name="big")(i)))
    np.save("x.npy", rows(5, 4, scale=100))
    assert faults(run, "m.keras", "x.npy") == {"big": ["not-finite"]}
    x = rows(5, 4)
    x[2, 1] = np.nan
    np.save("x.npy", x / 1e38)
    assert faults(run, "m.keras", "x.npy") == {"x": ["not-finite"]}


def test_a_relu_of_which_most_units_never_fire_is_marked(run: Run, here: Path) -> None:
    i = Input((4,), name="x")
    hidden = Dense(6, activation="relu", name="hidden")
    saved("m.keras", i, Dense(2, name="last")(hidden(i)))
    np.save("x.npy", rows(30, 4))
    assert faults(run, "m.keras", "x.npy") == {}
    model = load_model("m.keras")
    model.get_layer("hidden").bias.assign(np.array([-99, -99, -99, -99, 0, 0], "f4"))
    model.save("m.keras")
    found = layers(run, "m.keras", "x.npy")["hidden"]
    assert [fault["evidence"] for fault in found["faults"]] == ["4 of 6 units put out 0 in all 30 rows"]
    assert found["outputs"][0]["statistics"]["silent"] == 4
    np.save("x.npy", rows(15, 4))  # too few to tell
    assert faults(run, "m.keras", "x.npy") == {}


def relu_of(y: Any, axis: int, how: str) -> Any:
    """Return the ReLU of a convolution's output, some layers behind it."""
    if how == "function":
        return ops.relu(y)
    if how == "normalized":
        return ReLU()(Dropout(0.5)(BatchNormalization(axis=axis)(y)))
    return Activation("relu")(Add()([y, y]))


@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
@pytest.mark.parametrize("how", ["function", "normalized", "added"])
def test_the_units_of_a_convolution_are_its_channels(run: Run, here: Path, layout: str, how: str) -> None:
    first = layout == "channels_first"
    i = Input((3, 8, 8) if first else (8, 8, 3), name="x")
    conv = Conv2D(4, 3, data_format=layout)
    y = relu_of(conv(i), 1 if first else -1, how)
    conv.set_weights([np.zeros((3, 3, 3, 4), "f4"), np.array([-9, 9, -9, -9], "f4")])
    saved("m.keras", i, Dense(2, name="last")(Flatten(data_format=layout)(y)))
    np.save("x.npy", rows(5, *i.shape[1:]))
    found = list(layers(run, "m.keras", "x.npy").values())[-3]  # before Flatten and Dense
    evidence = f"3 of 4 units put out 0 in all {5 * 6 * 6} rows"
    assert [fault["evidence"] for fault in found["faults"]] == [evidence]


@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
def test_columns_of_an_image_that_are_0_are_no_silent_units(run: Run, here: Path, layout: str) -> None:
    first = layout == "channels_first"
    x = np.zeros((20, 3, 6, 6), "f4")
    x[..., 0] = 1
    i = Input((3, 6, 6) if first else (6, 6, 3), name="x")
    conv = Conv2D(4, 1, activation="relu", use_bias=False, data_format=layout, name="conv")
    y = Flatten(data_format=layout)(conv(i))
    conv.set_weights([np.ones((1, 1, 3, 4), "f4")])
    saved("m.keras", i, Dense(2, name="last")(y))
    np.save("x.npy", x if first else x.transpose(0, 2, 3, 1))
    assert layers(run, "m.keras", "x.npy")["conv"]["outputs"][0]["statistics"]["silent"] == 0
    assert faults(run, "m.keras", "x.npy") == {}


@pytest.mark.parametrize(
    "layer",
    [
        Dense(3, activation="tanh", name="hidden"),
        Activation("sigmoid", name="hidden"),
        TimeDistributed(Dense(3, activation="hard_sigmoid"), name="hidden"),
        LSTM(3, return_sequences=True, name="hidden"),
        Bidirectional(GRU(3, return_sequences=True), name="hidden"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_layer_at_the_bounds_of_its_activation_is_marked(run: Run, here: Path, layer: Layer) -> None:
    i = Input((5, 4), name="x")
    saved("m.keras", i, Dense(2, name="last")(layer(i)))
    np.save("x.npy", rows(20, 5, 4))
    assert faults(run, "m.keras", "x.npy") == {}
    np.save("x.npy", rows(20, 5, 4, scale=10000))
    assert faults(run, "m.keras", "x.npy") == {"hidden": ["saturated"]}


def test_the_models_own_outputs_may_be_as_sure_as_they_like(run: Run, here: Path) -> None:
    i = Input((4,), name="x")
    saved("m.keras", i, Dense(3, activation="sigmoid", name="scores")(ReLU(name="positive")(i)))
    np.save("x.npy", rows(30, 4, scale=10000))
    found = layers(run, "m.keras", "x.npy")["scores"]
    assert found["outputs"][0]["statistics"]["saturated"] > 0.9
    assert found["faults"] == []


def test_masked_steps_do_not_count(run: Run, here: Path) -> None:
    i = Input((4,), dtype="int32", name="ids")
    saved("m.keras", i, Embedding(3, 2, mask_zero=True, name="words")(i))
    model = load_model("m.keras")
    model.get_layer("words").set_weights([np.array([[9, 9], [1, 2], [3, 4]], "f4")])
    model.save("m.keras")
    np.save("ids.npy", np.array([[1, 2, 0, 0], [1, 0, 0, 0]]))
    numbers = layers(run, "m.keras", "ids.npy")["words"]["outputs"][0]["statistics"]
    assert (numbers["count"], numbers["min"], numbers["max"], numbers["mean"]) == (6, 1, 4, 13 / 6)


def test_the_gates_are_those_of_the_formula(run: Run, here: Path) -> None:
    i = Input((3, 2), name="x")
    cell = GRU(2, return_sequences=True, name="gru")
    model = saved("m.keras", i, cell(i))
    x = rows(6, 3, 2)
    np.save("x.npy", x)
    kernel, recurrent, bias = (w.astype("f8") for w in model.get_layer("gru").get_weights())
    h = model.predict(x, verbose=0).astype("f8")
    before = np.concatenate([np.zeros((6, 1, 2)), h[:, :-1]], axis=1)
    total = x @ kernel[:, :4] + before @ recurrent[:, :4] + bias[0, :4] + bias[1, :4]
    gates = 1 / (1 + np.exp(-total))
    found = layers(run, "m.keras", "x.npy")["gru"]["gates"]
    np.testing.assert_allclose(
        [found[name] for name in ("count", "min", "max", "mean", "std")],
        [gates.size, gates.min(), gates.max(), gates.mean(), gates.std()],
        rtol=1e-5,
    )


def test_a_layer_that_densecli_does_not_have_is_listed_and_what_is_before_it_runs(
    run: Run, here: Path
) -> None:
    class Theirs(Layer):
        def call(self, inputs: Any) -> Any:
            return inputs

        def compute_output_shape(self, input_shape: Any) -> Any:
            return input_shape

    i = Input((4, 2), name="x")
    saved("m.keras", i, Dense(2, name="last")(Theirs(name="theirs")(Flatten(name="flat")(i))))
    np.save("x.npy", rows(3, 4, 2))
    found = layers(run, "m.keras", "x.npy")
    assert [(name, layer["class"], layer["refusal"] is None) for name, layer in found.items()] == [
        ("x", "InputLayer", True),
        ("flat", "Flatten", True),
        ("theirs", "Theirs", False),
        ("last", "Dense", False),
    ]
    assert found["flat"]["outputs"][0]["statistics"]["count"] == 24
    assert (found["theirs"]["outputs"][0], found["theirs"]["parameters"]) == (
        {"name": "theirs", "shape": None, "statistics": None},
        None,
    )
    assert found["last"]["refusal"] == "it comes after a layer that cannot be run"
    run("layers", "m.keras", "x.npy", "-o", "all.npz")
    with np.load("all.npz") as arrays:
        assert arrays.files == ["x", "flat"]
    assert run("layers", "m.keras").text.splitlines()[-1] == (
        "cannot be run: last: it comes after a layer that cannot be run"
    )
    for args in (["predict", "-f", "npy"], ["check"], ["predict", "--until", "theirs"]):
        ran = run(args[0], "x.npy", "-m", "m.keras", *args[1:])
        assert (ran.code, ran.out, ran.err) == (
            2,
            b"",
            "Error: m.keras: layer 'theirs' (Theirs) cannot be run: unknown class 'Theirs'\n"
            "Hint: what comes before it can be run: --until flat\n",
        )
    ran = run("predict", "x.npy", "-m", "m.keras", "--until", "flat", "-f", "json")
    assert (np.array(json.loads(ran.text)["values"], "f4") == rows(3, 4, 2).reshape(3, 8)).all()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("-f", "npz"), "an NPZ holds what the layers put out: INPUT is missing"),
        (("x.npy", "--input", "a=b"), "expected INPUT or --input NAME=FILE, found both"),
    ],
)
def test_what_contradicts_itself_is_wrong_usage(run: Run, args: tuple[str, ...], message: str) -> None:
    ran = run("layers", TRANSLATE, *args)
    assert (ran.code, ran.err.splitlines()[-1]) == (2, f"Error: {message}")


def test_an_input_that_does_not_fit_is_refused(run: Run, here: Path) -> None:
    np.save("x.npy", np.zeros((2, 4, 32), "f4"))
    ran = run("layers", TRANSLATE, "x.npy", "-o", "all.npz")
    assert (ran.code, ran.out, ran.err) == (
        2,
        b"",
        "Error: x.npy: shape (2, 4, 32) does not fit the model's input 'english': expected (batch, 5, 32)\n",
    )
    assert not Path("all.npz").exists()
