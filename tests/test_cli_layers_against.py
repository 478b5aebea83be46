"""densecli layers --against: two models on the same input, layer by layer."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SAMPLES, Run

from dense_cli.layers import Dense, Embedding, Input, TimeDistributed
from dense_cli.models import Model, load_model

pytest.importorskip("h5py")
DATA = Path(__file__).parent / "data" / "models"
FILES = sorted(DATA.glob("keras*/*.keras"))
TRANSLATE, ENGLISH = SAMPLES / "translate.keras", DATA / "translate__input.npy"


def against(run: Run, *args: object) -> dict[str, Any]:
    ran = run("layers", *args, "-f", "json")
    found: dict[str, Any] = json.loads(ran.out)
    assert (ran.code, ran.err) == (int(found["first_beyond"] is not None), "")
    return found


@pytest.mark.parametrize(
    "file", sorted(DATA.glob("keras*/*.keras")), ids=lambda f: f"{f.parent.name}-{f.stem}"
)
def test_a_model_is_the_same_from_both_of_its_formats(run: Run, file: Path) -> None:
    base = file.with_suffix("")
    found = against(run, file, f"{base}__inputs.npz", "--against", f"{base}.h5")
    assert {(o["a"] == o["b"], o["paired_by"], o["max"], o["beyond"]) for o in found["outputs"]} == {
        (True, "name", 0, 0)
    }
    assert (found["only_a"], found["only_b"], found["first_beyond"]) == ([], [], None)


@pytest.mark.parametrize("name", ["encoder", "decoder", "french"])
def test_the_layer_in_which_a_weight_was_changed_is_found(run: Run, here: Path, name: str) -> None:
    model = load_model(TRANSLATE)
    weights = model.get_layer(name).get_weights()
    weights[0][3, 1] += 0.01
    model.get_layer(name).set_weights(weights)
    model.save("changed.keras")
    found = against(run, "changed.keras", ENGLISH, "--against", TRANSLATE)
    assert found["first_beyond"].split("__")[0] == name
    within = [o["a"] for o in found["outputs"] if not o["beyond"]]
    before = {"encoder": 1, "decoder": 4, "french": 5}[name]
    assert within[:before] == ["english", "encoder__0", "encoder__1", "repeat", "decoder"][:before]
    assert against(run, "changed.keras", ENGLISH, "--against", TRANSLATE, "--atol", 1)["first_beyond"] is None


def test_a_model_of_keras_2_and_one_of_keras_3_with_the_same_weights_are_the_same(run: Run) -> None:
    given = DATA / "same__input.npy"
    found = against(run, DATA / "same_keras2.h5", given, "--against", DATA / "same_keras3.keras")
    assert [(o["a"], o["paired_by"], o["beyond"]) for o in found["outputs"]] == [
        (name, "name", 0)
        for name in ("ids", "embedding", "bidirectional", "lstm", "batch_normalization", "time_distributed")
    ]
    # Keras 3 computes the mask of an Embedding as a layer of its own.
    assert (found["only_a"], found["only_b"], found["first_beyond"]) == ([], ["not_equal"], None)
    for file in ("same_keras2.h5", "same_keras3.keras"):
        ran = run("compare", given, DATA / "same__output0.npy", "-m", DATA / file, "--atol", "1e-6")
        assert ran.code == 0


def test_rounded_weights_show_from_the_first_layer_that_has_some(run: Run, here: Path) -> None:
    model = load_model(TRANSLATE)
    whole = model.predict(np.load(ENGLISH), verbose=0)
    for weight in model.weights:
        weight.assign(weight.value.astype("f2").astype("f4"))
    model.save("rounded.keras")
    apart = np.abs(model.predict(np.load(ENGLISH), verbose=0).astype("f8") - whole)
    found = against(run, "rounded.keras", ENGLISH, "--against", TRANSLATE)
    assert found["first_beyond"] == "encoder__0"
    last = {output["a"]: output for output in found["outputs"]}["french"]
    np.testing.assert_allclose([last["max"], last["mean"]], [apart.max(), apart.mean()], rtol=1e-4)
    assert 1e-5 < last["max"] < 0.05
    assert (
        against(run, "rounded.keras", ENGLISH, "--against", TRANSLATE, "--atol", "0.05")["first_beyond"]
        is None
    )


def test_the_numbers_are_those_of_the_formulas(run: Run, here: Path) -> None:
    i = Input((4,), name="x")
    one = Model(i, Dense(3, name="d")(i))
    one.save("a.keras")
    one.get_layer("d").set_weights([w + 0.001 for w in one.get_layer("d").get_weights()])
    one.save("b.keras")
    x = np.random.default_rng(1).normal(0, 1, (300, 4)).astype("f4")
    np.save("x.npy", x)
    a, b = (load_model(f"{name}.keras").predict(x, verbose=0).astype("f8") for name in "ab")
    found = against(run, "a.keras", "x.npy", "--against", "b.keras", "--atol", 1e-3, "--rtol", 1e-2)
    apart = np.abs(a - b)
    beyond = apart > 1e-3 + 1e-2 * np.abs(b)
    output = found["outputs"][1]
    cosine = (a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum())
    np.testing.assert_allclose(
        [output["max"], output["mean"], output["cosine"]], [apart.max(), apart.mean(), cosine], rtol=1e-9
    )
    assert (output["beyond"], output["first_sample"]) == (beyond.sum(), beyond.any(axis=1).argmax())


def test_layers_of_other_names_are_paired_by_order_and_shape(run: Run, here: Path) -> None:
    def model(names: list[str], more: bool) -> Model:
        x = Input((4,), name="x")
        y = Dense(3, name=names[0])(x)
        y = Dense(5, name="extra")(y) if more else y
        return Model(x, Dense(2, name=names[1])(Dense(3, name=names[2])(y)))

    np.save("x.npy", np.ones((2, 4), "f4"))
    first = model(["dense_1", "dense_3", "dense_2"], False)
    first.save("a.keras")
    second = model(["dense_2", "dense_4", "dense_3"], False)
    second.set_weights(first.get_weights())
    second.save("b.keras")
    found = against(run, "a.keras", "x.npy", "--against", "b.keras")
    assert [(o["a"], o["b"], o["paired_by"], o["max"]) for o in found["outputs"]] == [
        ("x", "x", "name", 0),
        ("dense_1", "dense_2", "order", 0),
        ("dense_2", "dense_3", "order", 0),
        ("dense_3", "dense_4", "order", 0),
    ]
    model(["one", "last", "two"], True).save("c.keras")
    found = against(run, "a.keras", "x.npy", "--against", "c.keras")
    assert [(o["a"], o["b"]) for o in found["outputs"]] == [
        ("x", "x"), ("dense_1", "one"), ("dense_2", "two"), ("dense_3", "last"),
    ]  # fmt: skip
    assert (found["only_a"], found["only_b"], found["first_beyond"]) == ([], ["extra"], "dense_1")


def test_masked_steps_are_not_compared_and_nan_is_a_difference(run: Run, here: Path) -> None:
    i = Input((4,), dtype="int32", name="ids")
    model = Model(i, TimeDistributed(Dense(2), name="last")(Embedding(3, 2, mask_zero=True, name="words")(i)))
    model.save("a.keras")
    table = model.get_layer("words").get_weights()[0]
    table[0] = 9  # the padding's row
    model.get_layer("words").set_weights([table])
    model.save("b.keras")
    np.save("ids.npy", np.array([[1, 2, 0, 0], [1, 1, 1, 0]]))
    assert against(run, "a.keras", "ids.npy", "--against", "b.keras")["first_beyond"] is None
    table[2, 0] = np.nan
    model.get_layer("words").set_weights([table])
    model.save("b.keras")
    found = against(run, "a.keras", "ids.npy", "--against", "b.keras")
    words = found["outputs"][1]
    assert (words["a"], words["beyond"], words["first_sample"], words["max"]) == ("words", 1, 0, 0)


def test_the_table_says_where_the_two_part(run: Run, here: Path) -> None:
    i = Input((2,), name="x")
    model = Model(i, Dense(2, name="d")(i))
    model.get_layer("d").set_weights([np.eye(2), np.zeros(2)])
    model.save("a.keras")
    model.get_layer("d").set_weights([np.eye(2), np.array([0, 0.5])])
    model.save("b.keras")
    np.save("x.npy", np.array([[1, 0], [0, 2]], "f4"))
    ran = run("layers", "a.keras", "x.npy", "--against", "b.keras")
    assert (ran.code, ran.err) == (1, "")
    table = ran.text.splitlines()
    assert set(table.pop(4)) == {"─"}
    assert table == [
        "A = a.keras",
        "B = b.keras",
        "2 samples",
        "A  B  paired by  shape   max |A − B|  mean    cosine  beyond",
        "x  x  name       (?, 2)            0     0  1.000000       0",
        "d  d  name       (?, 2)          0.5  0.25  0.979796       2  first",
        "first beyond 1e-06 + 1e-05 · |B|: d, 2 of 4 numbers, the first in sample 0",
    ]
    rows = list(
        csv.DictReader(
            io.StringIO(run("layers", "a.keras", "x.npy", "--against", "b.keras", "-f", "csv").text)
        )
    )
    assert [(row["a"], row["max"], row["beyond"]) for row in rows] == [("x", "0.0", "0"), ("d", "0.5", "2")]
    lines = run("layers", "a.keras", "x.npy", "--against", "b.keras", "-f", "markdown").text.splitlines()
    assert lines[4] == r"| A | B | paired by | shape | max \|A − B\| | mean | cosine | beyond |  |"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--against", "b.keras"), "--against runs both models: INPUT is missing"),
        (
            ("x.npy", "--against", "b.keras", "--only", "d"),
            "--against compares all layers: it takes no --only",
        ),
        (("x.npy", "--against", "b.keras", "-o", "d.npz"), "--against compares all layers: it takes no NPZ"),
    ],
)
def test_what_cannot_be_asked_of_two_models_is_wrong_usage(
    run: Run, args: tuple[str, ...], message: str
) -> None:
    ran = run("layers", TRANSLATE, *args)
    assert (ran.code, ran.err.splitlines()[-1]) == (2, f"Error: {message}")


def test_models_that_have_nothing_in_common_are_refused(run: Run, here: Path) -> None:
    i = Input((3,), name="y")
    Model(i, Dense(7, name="d")(i)).save("b.keras")
    ran = run("layers", TRANSLATE, ENGLISH, "--against", "b.keras")
    assert (ran.code, ran.err) == (
        2,
        f"Error: b.keras: no layer has the name, or the place and shape, of one of {TRANSLATE}\n",
    )
