"""A model in a model: its layers stand below it, by their path, and are run, checked and compared as others.

inner.keras and inner_lambda.keras were saved by Keras 3.15.1, inner__arrays.npz is what it made of them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run

from dense_cli.layers import BatchNormalization, Conv2D, Dense, Flatten, Input, ReLU, Subtract
from dense_cli.models import Model, Sequential, load_model

pytest.importorskip("h5py")
DATA = Path(__file__).parent / "data" / "models"
ROWS = np.random.default_rng(3).normal(0, 1, (30, 4)).astype("f4")


@pytest.fixture
def arrays(here: Path) -> dict[str, np.ndarray]:
    """Save the input, and return what Keras made of it."""
    for name in ("inner", "inner_lambda"):
        Path(f"{name}.keras").symlink_to(DATA / f"{name}.keras")
    with np.load(DATA / "inner__arrays.npz") as stored:
        found = dict(stored)
    np.save("x.npy", found["x"])
    return found


def layers(run: Run, *args: object) -> dict[str, dict[str, Any]]:
    ran = run("layers", *args, "-f", "json")
    assert (ran.code, ran.err) == (0, "")
    return {layer["name"]: layer for layer in json.loads(ran.out)["layers"]}


def test_the_layers_of_a_model_in_a_model_stand_below_it(run: Run, arrays: dict[str, np.ndarray]) -> None:
    assert run("layers", "inner.keras").text == (
        "inner.keras: 7 layers, 151 parameters\n"
        "layer         class                   shape      parameters  from\n"
        "────────────────────────────────────────────────────────────────────────\n"
        "x             InputLayer              (?, 6, 3)           0\n"
        "encoder       Functional              (?, 6, 5)         133  x\n"
        "encoder/seq   InputLayer              (?, 6, 3)           0\n"
        "encoder/gru   GRU                     (?, 6, 4)         108  encoder/seq\n"
        "encoder/proj  Dense                   (?, 6, 5)          25  encoder/gru\n"
        "pool          GlobalAveragePooling1D  (?, 5)              0  encoder\n"
        "out           Dense                   (?, 3)             18  pool\n"
    )
    assert run("layers", "inner.keras", "--only", "encoder/*").text.splitlines()[0] == (
        "inner.keras: 3 layers, 133 parameters"
    )


def test_their_outputs_are_keras_outputs(run: Run, arrays: dict[str, np.ndarray]) -> None:
    found = layers(run, "inner.keras", "x.npy")
    for name in ("encoder/gru", "encoder/proj", "out"):
        numbers, y = found[name]["outputs"][0]["statistics"], arrays[name].astype("f8")
        given = [numbers[key] for key in ("count", "min", "max", "mean", "std")]
        np.testing.assert_allclose(given, [y.size, y.min(), y.max(), y.mean(), y.std()], rtol=1e-5, atol=1e-6)
    run("layers", "inner.keras", "x.npy", "-o", "all.npz")
    with np.load("all.npz") as saved:
        np.testing.assert_allclose(saved["encoder/proj"], arrays["encoder/proj"], atol=1e-6)
        assert saved.files == ["x", "encoder/seq", "encoder/gru", "encoder/proj", "encoder", "pool", "out"]


@pytest.mark.parametrize("name", ["encoder/gru", "encoder/proj"])
def test_until_takes_their_paths(run: Run, arrays: dict[str, np.ndarray], name: str) -> None:
    ran = run("predict", "x.npy", "-m", "inner.keras", "--until", name, "-f", "json")
    np.testing.assert_allclose(json.loads(ran.text)["values"], arrays[name], atol=1e-6)
    assert (
        f"layer {name} of inner.keras" in run("predict", "x.npy", "-m", "inner.keras", "--until", name).text
    )


def test_a_lambda_in_it_is_named_by_its_path_and_what_is_before_it_runs(
    run: Run, arrays: dict[str, np.ndarray]
) -> None:
    refusals = {name: layer["refusal"] for name, layer in layers(run, "inner_lambda.keras", "x.npy").items()}
    assert refusals == {
        "x": None,
        "encoder": "its layer 'twice' cannot be run",
        "encoder/seq": "the model that it is in cannot be run as a whole: --until runs it by its name",
        "encoder/gru": "the model that it is in cannot be run as a whole: --until runs it by its name",
        "encoder/twice": "it holds Python code, which is not run",
        "encoder/proj": "it comes after a layer that cannot be run",
        "pool": "it comes after a layer that cannot be run",
        "out": "it comes after a layer that cannot be run",
    }
    for command in (["predict"], ["check"], ["predict", "--until", "encoder/proj"], ["decode"]):
        ran = run(command[0], "x.npy", "-m", "inner_lambda.keras", *command[1:])
        assert (ran.code, ran.out, ran.err) == (
            2,
            b"",
            "Error: inner_lambda.keras: layer 'encoder/twice' (Lambda) cannot be run: it holds Python code, "
            "which is not run\nHint: what comes before it can be run: --until encoder/gru\n",
        )
    ran = run("predict", "x.npy", "-m", "inner_lambda.keras", "--until", "encoder/gru", "-f", "json")
    model = load_model("inner_lambda.keras").get_layer("encoder")
    expected = Model(model.inputs, model.get_layer("gru").output).predict(arrays["x"], verbose=0)
    np.testing.assert_allclose(json.loads(ran.text)["values"], expected, atol=1e-6)
    ran = run("predict", "x.npy", "-m", "inner.keras", "--until", "encoder/gur")
    assert ran.err == "Error: inner.keras: no layer 'encoder/gur'; did you mean 'gru'?\n"


def test_a_fault_is_marked_in_the_layer_inside_and_nowhere_else(run: Run, here: Path) -> None:
    i = Input((4,), name="x")
    body = Sequential([Input((4,)), Dense(6, activation="relu", name="hidden"), Dense(4, name="same")])
    body.name = "body"
    model = Model(i, Dense(3, activation="softmax", name="last")(body(i)))
    model.save("good.keras")
    weights = body.get_layer("hidden").get_weights()
    body.get_layer("hidden").set_weights([weights[0], np.full(6, -99, "f4")])
    model.save("dead.keras")
    body.get_layer("hidden").set_weights([weights[0] * np.nan, weights[1]])
    model.save("nan.keras")
    np.save("x.npy", ROWS)
    for file, fault, check in (("dead", "silent", "silent-units"), ("nan", "not-finite", "layer-finite")):
        found = layers(run, f"{file}.keras", "x.npy")
        marked = {name: [f["fault"] for f in layer["faults"]] for name, layer in found.items()}
        assert {name: faults for name, faults in marked.items() if faults} == {"body/hidden": [fault]}
        told = json.loads(run("check", "x.npy", "-m", f"{file}.keras", "-f", "json").out)["findings"]
        assert next(f for f in told if f["check"] == check)["evidence"].startswith("layer 'body/hidden': ")
    ran = run("layers", "dead.keras", "x.npy", "--against", "good.keras", "-f", "json")
    assert (ran.code, json.loads(ran.out)["first_beyond"]) == (1, "body/hidden")


def test_a_model_that_is_used_twice_shows_its_last_call(run: Run, here: Path) -> None:
    a, b = Input((4,), name="a"), Input((4,), name="b")
    i = Input((4,), name="x")
    body = Model(i, Dense(2, name="d")(i), name="body")
    Model([a, b], Subtract(name="sub")([body(a), body(b)])).save("m.keras")
    np.savez("x.npz", a=ROWS, b=ROWS + 3)
    y = body.predict(ROWS + 3, verbose=0).astype("f8")
    found = layers(run, "m.keras", "x.npz")
    for name in ("body", "body/d"):
        numbers = found[name]["outputs"][0]["statistics"]
        np.testing.assert_allclose([numbers["count"], numbers["mean"]], [y.size, y.mean()], rtol=1e-5)


def test_units_are_channels_behind_a_model_in_a_model_of_channels_first(run: Run, here: Path) -> None:
    i = Input((1, 6, 6), name="image")
    k = Input((1, 6, 6), name="k")
    conv = Conv2D(4, 3, data_format="channels_first", name="conv")
    body = Model(k, conv(k), name="body")
    model = Model(i, Dense(3, name="last")(Flatten()(ReLU(name="relu")(body(i)))))
    kernel, _ = conv.get_weights()
    conv.set_weights([np.abs(kernel), np.array([-99, -99, -99, 1], "f4")])
    model.save("m.keras")
    np.save("x.npy", np.random.default_rng(1).uniform(0, 1, (20, 1, 6, 6)).astype("f4"))
    found = layers(run, "m.keras", "x.npy")
    assert found["relu"]["outputs"][0]["statistics"]["silent"] == 3
    assert found["relu"]["faults"][0]["evidence"] == "3 of 4 units put out 0 in all 320 rows"


def test_checks_of_inputs_look_through_a_model_in_a_model(run: Run, here: Path) -> None:
    i, k = Input((4,), name="x"), Input((4,), name="k")
    norm = BatchNormalization(name="norm")
    body = Model(k, norm(k), name="body")
    model = Model(i, Dense(3, activation="softmax")(body(i)))
    norm.moving_mean.assign(np.full(4, 100, "f4"))
    norm.moving_variance.assign(np.full(4, 25, "f4"))
    model.save("m.keras")
    np.save("x.npy", ROWS)
    told = json.loads(run("check", "x.npy", "-m", "m.keras", "-f", "json").out)["findings"]
    assert [f["check"] for f in told if f["check"] == "input-range"] == ["input-range"]
    np.save("x.npy", ROWS * 5 + 100)
    assert json.loads(run("check", "x.npy", "-m", "m.keras", "-f", "json").out)["findings"] == []
