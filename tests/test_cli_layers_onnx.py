"""densecli layers, its --against and the layer checks, with models of ONNX.

Keras 3.15.1 on PyTorch saved the models and exported them; what it made of the inputs is in `*__arrays.npz`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run

from dense_cli.models import Model, load_model

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
pytest.importorskip("h5py")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

DATA = Path(__file__).parent / "data" / "models" / "onnx"
RNG = np.random.default_rng(7)
X = RNG.normal(0, 1, (70, 6)).astype("f4")


@pytest.fixture(autouse=True)
def files(here: Path) -> None:
    for name in ("mlp", "cnn", "two"):
        for suffix in (".keras", ".onnx", "__arrays.npz"):
            Path(name + suffix).symlink_to(DATA / (name + suffix))


def layers(run: Run, *args: object) -> dict[str, dict[str, Any]]:
    ran = run("layers", *args, "-f", "json")
    assert (ran.code, ran.err) == (0, "")
    return {layer["name"]: layer for layer in json.loads(ran.out)["layers"]}


def against(run: Run, *args: object) -> dict[str, Any]:
    ran = run("layers", *args, "-f", "json")
    found: dict[str, Any] = json.loads(ran.out)
    assert (ran.code, ran.err) == (int(found["first_beyond"] is not None), "")
    return found


def save(
    path: str,
    nodes: list[Any],
    arrays: dict[str, np.ndarray],
    shape: list[Any],
    kind: int = TensorProto.FLOAT,
) -> None:
    """Save a graph from x to y."""
    value = helper.make_tensor_value_info
    tensors = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(
        nodes, "g", [value("x", kind, shape)], [helper.make_empty_tensor_value_info("y")], tensors
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    Path(path).write_bytes(model.SerializeToString())


def node(op: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    return helper.make_node(op, inputs.split(), outputs.split(), **attributes)


DENSE = [
    node("MatMul", "x K", "product"),
    node("Add", "product b", "sum"),
    node("Relu", "sum", "hidden"),
    node("MatMul", "hidden L", "logits"),
    node("Softmax", "logits", "y"),
]
ARRAYS = {
    "K": RNG.normal(0, 1, (6, 5)).astype("f4"),
    "b": RNG.normal(0, 1, 5).astype("f4"),
    "L": RNG.normal(0, 1, (5, 3)).astype("f4"),
}


def test_the_values_of_a_graph_are_listed_without_onnx_runtime(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    save("m.onnx", DENSE, ARRAYS, ["n", 6])
    assert run("layers", "m.onnx").text == (
        "m.onnx: 6 layers, 50 parameters\n"
        "layer    class    shape   parameters  from\n"
        "─────────────────────────────────────────────\n"
        "x        Input    (?, 6)           0\n"
        "product  MatMul   (?, 5)          30  x\n"
        "sum      Add      (?, 5)           5  product\n"
        "hidden   Relu     (?, 5)           0  sum\n"
        "logits   MatMul   (?, 3)          15  hidden\n"
        "y        Softmax  (?, 3)           0  logits\n"
    )
    np.save("x.npy", X)
    ran = run("layers", "m.onnx", "x.npy")
    assert ran.err.startswith("Error: m.onnx: running ONNX needs an optional library")


def expected(x: np.ndarray) -> dict[str, np.ndarray]:
    product = x @ ARRAYS["K"]
    total = product + ARRAYS["b"]
    hidden = np.maximum(total, 0)
    logits = hidden @ ARRAYS["L"]
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return {
        "x": x, "product": product, "sum": total, "hidden": hidden, "logits": logits,
        "y": e / e.sum(axis=-1, keepdims=True),
    }  # fmt: skip


@pytest.mark.parametrize("batch", ["n", 1, 32])
def test_the_statistics_are_those_of_every_value(run: Run, batch: Any) -> None:
    save("m.onnx", DENSE, ARRAYS, [batch, 6])
    np.save("x.npy", X)
    found = layers(run, "m.onnx", "x.npy")
    for name, y in expected(X.astype("f8")).items():
        output = found[name]["outputs"][0]
        numbers = [output["statistics"][key] for key in ("count", "min", "max", "mean", "std")]
        np.testing.assert_allclose(
            numbers, [y.size, y.min(), y.max(), y.mean(), y.std()], rtol=1e-4, atol=1e-6
        )
        assert output["shape"] == list(y.shape)
    lines = b"".join(json.dumps(row.tolist()).encode() + b"\n" for row in X)
    piped = run("layers", "m.onnx", "-", "-f", "csv", stdin=lines, piece=100)
    assert piped.out == run("layers", "m.onnx", "x.npy", "-f", "csv").out
    run("layers", "m.onnx", "x.npy", "--only", "lo*", "-o", "all.npz")
    with np.load("all.npz") as arrays:
        assert arrays.files == ["logits"]
        np.testing.assert_allclose(arrays["logits"], expected(X)["logits"], rtol=1e-5, atol=1e-5)


def test_samples_are_found_on_whatever_axis_they_are(run: Run) -> None:
    nodes = [
        node("Transpose", "x", "by_time", perm=[1, 0, 2]),
        node("Transpose", "by_time", "back", perm=[1, 0, 2]),
        node("Reshape", "back flat", "rows"),
        node("MatMul", "rows K", "product"),
        node("Reshape", "by_time flat", "mixed"),
        node("MatMul", "mixed K", "mixed_product"),
        node("Shape", "x", "shape"),
        node("Reshape", "product whole", "y"),
    ]
    arrays = {"flat": np.array([-1, 6]), "whole": np.array([-1, 4, 5]), "K": ARRAYS["K"]}
    save("m.onnx", nodes, arrays, ["n", 4, 6])
    x = RNG.normal(0, 1, (45, 4, 6)).astype("f4")  # more than a block, and no multiple of one
    np.save("x.npy", x)
    found = layers(run, "m.onnx", "x.npy")
    shapes = {name: layer["outputs"][0]["shape"] for name, layer in found.items()}
    assert shapes == {
        "x": [45, 4, 6], "by_time": [45, 4, 6], "back": [45, 4, 6], "rows": [45, 4, 6],
        "product": [45, 4, 5], "mixed": [None, 6], "mixed_product": [None, 5], "y": [45, 4, 5],
    }  # fmt: skip
    for name, y in {"by_time": x, "rows": x, "product": x @ ARRAYS["K"]}.items():
        numbers = found[name]["outputs"][0]["statistics"]
        wide = y.astype("f8")
        np.testing.assert_allclose(
            [numbers["count"], numbers["mean"], numbers["std"]], [y.size, wide.mean(), wide.std()], rtol=1e-4
        )
    # Rows of which nobody knows whose they are have no statistics; a shape depends on no number of the input.
    assert [found[name]["outputs"][0]["statistics"] for name in ("mixed", "mixed_product")] == [None, None]
    run("layers", "m.onnx", "x.npy", "-o", "all.npz")
    with np.load("all.npz") as saved:
        assert (saved["by_time"] == x).all()
        assert "shape" not in saved.files


@pytest.mark.parametrize(
    ("change", "marked"),
    [
        ({"K": ARRAYS["K"] * np.nan}, {"product": "not-finite", "hidden": "not-finite"}),
        ({"b": np.array([-99, -99, -99, 1, 1], "f4")}, {"hidden": "silent"}),
    ],
)
def test_a_fault_is_marked_where_it_first_appears(
    run: Run, change: dict[str, np.ndarray], marked: dict[str, str]
) -> None:
    save("m.onnx", DENSE, ARRAYS | change, ["n", 6])
    np.save("x.npy", X)
    found = layers(run, "m.onnx", "x.npy")
    first = next(iter(marked))
    assert {name: layer["faults"][0]["fault"] for name, layer in found.items() if layer["faults"]} == {
        first: marked[first]
    }
    if marked[first] == "not-finite":
        assert found[first]["faults"][0]["advice"].startswith("the layer's weights have them")


def findings(run: Run, *args: object) -> dict[str, str]:
    ran = run("check", "x.npy", "-m", "m.onnx", "-f", "json", *args)
    found = {finding["check"]: finding["evidence"] for finding in json.loads(ran.out)["findings"]}
    assert ran.code == (1 if found else 0)
    return found


def test_checks_of_layers_look_at_the_values_of_a_graph(run: Run) -> None:
    np.save("x.npy", X)
    save("m.onnx", DENSE, ARRAYS, ["n", 6])
    assert not {"layer-finite", "silent-units", "saturated-layer", "input-range"} & set(findings(run))
    save("m.onnx", DENSE, ARRAYS | {"K": ARRAYS["K"] * np.inf}, ["n", 6])
    assert findings(run)["layer-finite"].startswith("layer 'product': ")
    save("m.onnx", DENSE, ARRAYS | {"b": np.full(5, -99, "f4")}, ["n", 6])
    assert findings(run)["silent-units"] == "layer 'hidden': 5 of 5 units put out 0 in all 70 rows"
    assert "silent-units" not in findings(run, "--skip", "silent-units")
    nodes = [node("MatMul", "x K", "product"), node("Tanh", "product", "t"), *DENSE[3:]]
    nodes[2] = node("MatMul", "t L", "logits")
    save("m.onnx", nodes, ARRAYS | {"K": ARRAYS["K"] * 1e4}, ["n", 6])
    assert findings(run)["saturated-layer"].startswith("layer 't': ")


def test_an_embedding_and_a_batch_normalization_of_onnx_are_known(run: Run) -> None:
    table = RNG.normal(0, 1, (50, 6)).astype("f4")
    nodes = [node("Gather", "table x", "words"), node("ReduceMean", "words", "y", axes=[1], keepdims=0)]
    save("m.onnx", nodes, {"table": table}, ["n", 4], TensorProto.INT64)
    np.save("x.npy", np.ones((30, 4), "i8"))
    assert findings(run)["out-of-vocabulary"].startswith("layer 'words': 120 of 120 ids are 1")
    np.save("x.npy", RNG.uniform(0, 1, (30, 4)))
    assert "numbers that are not whole, and the first layer, Gather 'words'" in findings(run)["input-range"]
    parts = {name: np.full(6, value, "f4") for name, value in (("g", 1), ("o", 0), ("m", 0), ("v", 1))}
    nodes = [node("BatchNormalization", "x g o m v", "norm"), node("Relu", "norm", "y")]
    save("m.onnx", nodes, parts, ["n", 6])
    np.save("x.npy", X)
    assert findings(run)["moving-statistics"].startswith("layer 'norm': the moving mean is 0")
    save("m.onnx", nodes, parts | {"m": np.full(6, 100, "f4")}, ["n", 6])
    assert "BatchNormalization 'norm', was trained on a mean of 100 ± 1" in findings(run)["input-range"]


@pytest.mark.parametrize("name", ["mlp", "cnn", "two"])
def test_a_model_of_keras_and_its_export_are_the_same_in_every_layer(run: Run, name: str) -> None:
    found = against(run, f"{name}.keras", f"{name}__arrays.npz", "--against", f"{name}.onnx", *KEYS[name])
    assert (found["first_beyond"], found["only_a"]) == (None, [])
    pairs = {output["a"]: (output["b"], output["paired_by"]) for output in found["outputs"]}
    assert {key: pairs[key] for key in PAIRS[name]} == PAIRS[name]


KEYS = {"mlp": ["--key", "x"], "cnn": ["--key", "image"], "two": []}
PAIRS = {
    "mlp": {
        "x": ("x", "name"),
        "fc1": ("/Relu_output_0", "numbers"),
        "fc2": ("/Tanh_output_0", "numbers"),
        "out": ("33", "numbers"),
    },
    # Keras has channels last and a Dropout, its export channels first before and after a Conv, and none.
    "cnn": {
        "conv1": ("/Relu_output_0", "numbers"),
        "pool": ("/MaxPool_output_0", "numbers"),
        "drop": ("/ReduceMean_output_0", "numbers"),
    },
    "two": {"left": ("left", "name"), "right": ("right", "name"), "cls": ("320", "numbers")},
}


@pytest.mark.parametrize("name", ["fc1", "fc2", "out"])
@pytest.mark.parametrize("by", [0.01, 1.0])
def test_the_layer_in_which_a_weight_was_changed_is_found(run: Run, name: str, by: float) -> None:
    model = load_model("mlp.keras")
    weights = model.get_layer(name).get_weights()
    weights[0][3, 1] += by
    model.get_layer(name).set_weights(weights)
    model.save("changed.keras")
    found = against(run, "changed.keras", "mlp__arrays.npz", "--key", "x", "--against", "mlp.onnx")
    assert found["first_beyond"] == name
    turned = against(run, "mlp.onnx", "mlp__arrays.npz", "--key", "x", "--against", "changed.keras")
    assert turned["first_beyond"] == {o["a"]: o["b"] for o in found["outputs"]}[name]
    assert [(o["b"], o["a"], o["beyond"] > 0) for o in turned["outputs"]] == [
        (o["a"], o["b"], o["beyond"] > 0) for o in found["outputs"]
    ]


def test_channels_first_are_held_against_channels_last(run: Run) -> None:
    kernel = RNG.normal(0, 1, (4, 2, 3, 3)).astype("f4")
    nodes = [
        node("Transpose", "image", "moved", perm=[0, 3, 1, 2]),
        node("Conv", "moved kernel", "conv"),
        node("Relu", "conv", "relu"),
        node("GlobalAveragePool", "relu", "pool"),
        node("Flatten", "pool", "y"),
    ]
    from dense_cli.layers import Conv2D, GlobalAveragePooling2D, Input

    save("m.onnx", nodes, {"kernel": kernel}, ["n", 8, 7, 2])
    proto = onnx.load("m.onnx")
    proto.graph.input[0].name = "image"
    onnx.save(proto, "m.onnx")
    i = Input((8, 7, 2), name="image")
    conv = Conv2D(4, 3, activation="relu", use_bias=False, name="c")
    model = Model(i, GlobalAveragePooling2D(name="p")(conv(i)))
    conv.set_weights([kernel.transpose(2, 3, 1, 0)])
    model.save("m.keras")
    np.save("x.npy", RNG.normal(0, 1, (9, 8, 7, 2)).astype("f4"))
    found = against(run, "m.keras", "x.npy", "--against", "m.onnx")
    assert [(o["a"], o["b"], o["beyond"]) for o in found["outputs"]] == [
        ("image", "image", 0), ("c", "relu", 0), ("p", "y", 0),
    ]  # fmt: skip
    conv.set_weights([kernel.transpose(2, 3, 1, 0) + np.eye(4, dtype="f4")[1] * 0.01])
    model.save("m.keras")
    assert against(run, "m.keras", "x.npy", "--against", "m.onnx")["first_beyond"] == "c"
    turned = against(run, "m.onnx", "x.npy", "--against", "m.keras")
    assert [(o["a"], o["b"]) for o in turned["outputs"]] == [("image", "image"), ("relu", "c"), ("y", "p")]
    assert turned["first_beyond"] == "relu"


def test_a_layer_that_an_export_has_put_into_another_is_not_held_against_that_one(run: Run) -> None:
    scale = np.array([2, 3, 4, 5, 6], "f4")
    nodes = [node("MatMul", "x K", "product"), node("Mul", "product scale", "scaled"), *DENSE[2:]]
    nodes[2] = node("Relu", "scaled", "hidden")
    save("a.onnx", nodes, ARRAYS | {"scale": scale}, ["n", 6])
    save(
        "b.onnx",
        [nodes[0], node("Relu", "product", "hidden"), *DENSE[3:]],
        ARRAYS | {"K": ARRAYS["K"] * scale},
        ["n", 6],
    )
    np.save("x.npy", X)
    found = against(run, "a.onnx", "x.npy", "--against", "b.onnx")
    assert [(o["a"], o["b"], o["paired_by"]) for o in found["outputs"]] == [
        ("x", "x", "name"),
        ("scaled", "product", "numbers"),
        ("hidden", "hidden", "name"),
        ("logits", "logits", "name"),
        ("y", "y", "name"),
    ]
    assert (found["only_a"], found["first_beyond"]) == (["product"], None)


def test_every_output_of_a_layer_is_looked_for(run: Run) -> None:
    from dense_cli.layers import GRU, Concatenate, Input

    i = Input((4, 6), name="x")
    sequences, state = GRU(5, return_sequences=True, return_state=True, name="gru")(i)
    model = Model(i, Concatenate(name="both")([sequences[:, 0], state]))
    model.save("m.keras")
    x = RNG.normal(0, 1, (30, 4, 6)).astype("f4")
    np.save("x.npy", x)
    y, last = Model(i, [sequences, state]).predict(x, verbose=0)
    # A graph that knows the answers: what it makes of x is 0, beside what it holds.
    nodes = [
        node("ReduceSum", "x all", "sum", keepdims=1),
        node("Mul", "sum nothing", "zero"),
        node("Add", "zero Y", "sequences"),
        node("Squeeze", "zero one", "flat"),
        node("Add", "flat H", "y"),
    ]
    arrays = {
        "all": np.array([1, 2]), "one": np.array([1]), "nothing": np.zeros(1, "f4"),
        "Y": y[:1], "H": last[:1],
    }  # fmt: skip
    save("m.onnx", nodes, arrays, [1, 4, 6])
    np.save("x.npy", x[:1])
    found = against(run, "m.keras", "x.npy", "--against", "m.onnx")
    assert {o["a"]: (o["b"], o["beyond"]) for o in found["outputs"]} == {
        "x": ("x", 0), "gru__0": ("sequences", 0), "gru__1": ("y", 0),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("nodes", "classes"),
    [
        ([node("Softmax", "x", "y")], True),
        ([node("Softmax", "x", "s"), node("Identity", "s", "y")], True),
        ([node("Softmax", "x", "s"), node("Transpose", "s", "y", perm=[1, 0, 2])], True),
        ([node("Softmax", "x", "s"), node("Transpose", "s", "y", perm=[0, 2, 1])], False),
        ([node("Softmax", "x", "s"), node("Concat", "s s", "y", axis=1)], True),
        ([node("Softmax", "x", "s"), node("Concat", "s s", "y", axis=2)], False),
        ([node("Softmax", "x", "s"), node("Concat", "s x", "y", axis=1)], False),
        ([node("Softmax", "x", "s"), node("Reshape", "s rows", "y")], True),
        ([node("Softmax", "x", "s"), node("Reshape", "s halves", "y")], False),
        ([node("Softmax", "x", "s"), node("Unsqueeze", "s first", "y")], True),
        ([node("Softmax", "x", "s"), node("Unsqueeze", "s last", "y")], False),
        ([node("Softmax", "x", "y", axis=1)], False),
        ([node("Softmax", "x", "s"), node("Relu", "s", "y")], False),
        ([node("Relu", "x", "y")], False),
    ],
)
def test_a_softmax_whose_rows_are_moved_gives_classes(run: Run, nodes: list[Any], classes: bool) -> None:
    arrays = {
        "rows": np.array([3, -1, 1, 6]),
        "halves": np.array([3, -1, 3]),
        "first": np.array([1]),
        "last": np.array([-1]),
    }
    save("m.onnx", nodes, arrays, [3, 3, 6])
    np.save("x.npy", X[:9].reshape(3, 3, 6))
    found = json.loads(run("predict", "x.npy", "-m", "m.onnx", "-f", "json").text)
    assert ("classes" in found, "values" in found) == (classes, not classes)
    with np.errstate(all="ignore"):
        sums = np.array(found["probabilities" if classes else "values"]).sum(axis=-1)
    assert np.allclose(sums, 1, atol=1e-6) or not classes


def test_an_activation_runs_on_what_a_graph_gives(run: Run) -> None:
    save("m.onnx", DENSE[:4], ARRAYS, ["n", 6])
    proto = onnx.load("m.onnx")
    proto.graph.output[0].name = "logits"
    onnx.save(proto, "m.onnx")
    np.save("x.npy", X)
    assert "classes" not in json.loads(run("predict", "x.npy", "-m", "m.onnx", "-f", "json").text)
    found = json.loads(run("predict", "x.npy", "-m", "m.onnx", "-a", "softmax", "-f", "json").text)
    np.testing.assert_allclose(found["probabilities"], expected(X)["y"], atol=1e-6)
    assert found["layer"] == {
        "name": "Activation",
        "activation": "softmax",
        "dtype": "float32",
        "model": {"file": "m.onnx", "until": "logits"},
    }
    ran = run("predict", "x.npy", "-m", "m.onnx", "-a", "softmax", "-n", "1")
    assert ran.text.splitlines()[:2] == ["Activation('softmax')  float32", "of layer logits of m.onnx"]
    save("m.onnx", DENSE, ARRAYS, ["n", 6])
    ran = run("predict", "x.npy", "-m", "m.onnx", "-a", "softmax")
    assert ran.err.endswith("Error: --activation: the layer 'y' of m.onnx gives distributions already\n")


def test_a_models_own_outputs_may_be_sure_however_they_are_put_together(run: Run) -> None:
    nodes = [node("MatMul", "x K", "m"), node("Softmax", "m", "s"), node("Unsqueeze", "s one", "y")]
    save("m.onnx", nodes, {"K": ARRAYS["K"] * 1e3, "one": np.array([1])}, ["n", 6])
    np.save("x.npy", X)
    assert "saturated-layer" not in findings(run)
    assert layers(run, "m.onnx", "x.npy")["s"]["faults"] == []


def test_two_graphs_are_paired_by_their_names(run: Run) -> None:
    save("a.onnx", DENSE, ARRAYS, ["n", 6])
    save("b.onnx", DENSE, ARRAYS | {"L": ARRAYS["L"] + 0.01}, [8, 6])
    np.save("x.npy", X)
    found = against(run, "a.onnx", "x.npy", "--against", "b.onnx")
    assert found["first_beyond"] == "logits"
    assert {output["paired_by"] for output in found["outputs"]} == {"name"}
    save("c.onnx", DENSE, ARRAYS, [4, 6])
    ran = run("layers", "c.onnx", "x.npy", "--against", "b.onnx")
    assert ran.err == "Error: b.onnx: it takes 8 samples at once, and the other model takes 4\n"


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([node("Relu", "y", "h"), node("Tanh", "h", "y")], "m.onnx: "),
        ([node("Nothing", "x", "y")], "ONNX Runtime cannot run it"),
        ([node("Relu", "x", "y"), node("Tanh", "x", "y")], "two nodes make 'y'"),
    ],
)
def test_a_graph_that_cannot_be_is_one_line(run: Run, nodes: list[Any], message: str) -> None:
    save("m.onnx", nodes, {}, ["n", 6])
    np.save("x.npy", X)
    for args in (["layers", "m.onnx", "x.npy"], ["check", "x.npy", "-m", "m.onnx"]):
        ran = run(*args)
        assert (ran.code, ran.out, message in ran.err, ran.err.count("\n")) == (2, b"", True, 1)


def test_names_with_escape_sequences_are_shown_escaped(run: Run) -> None:
    name = "h\x1b]0;t\x07[bold]"
    save(
        "m.onnx",
        [helper.make_node("Relu", ["x"], [name]), helper.make_node("Tanh", [name], ["y"])],
        {},
        ["n", 6],
    )
    np.save("x.npy", X)
    for args in (
        ["layers", "m.onnx"],
        ["layers", "m.onnx", "x.npy"],
        ["layers", "m.onnx", "x.npy", "--against", "m.onnx"],
    ):
        ran = run(*args)
        assert r"h\x1b]0;t\x07[bold]" in ran.text
        assert b"\x1b" not in ran.out


def test_thousands_of_nodes_are_listed_and_run(run: Run) -> None:
    nodes = [helper.make_node("Neg", [f"v{i}" if i else "x"], [f"v{i + 1}"]) for i in range(3000)]
    save("m.onnx", [*nodes, node("Identity", "v3000", "y")], {}, ["n", 6])
    np.save("x.npy", X)
    found = layers(run, "m.onnx", "x.npy")
    assert len(found) == 3002
    assert found["v3000"]["outputs"][0]["statistics"]["max"] == float(X.max())


def test_a_value_that_claims_much_memory_is_refused_by_who_runs_it(run: Run) -> None:
    save("m.onnx", [node("Expand", "x size", "y")], {"size": np.array([10**6, 10**6, 6])}, ["n", 6])
    np.save("x.npy", X[:2])
    assert run("layers", "m.onnx").code == 0
    ran = run("layers", "m.onnx", "x.npy")
    assert (ran.code, ran.out) == (2, b"")
    assert ran.err.startswith("Error: m.onnx: ONNX Runtime")
    assert ran.err.count("\n") == 1


def test_info_tells_what_a_graph_does_not_state(run: Run) -> None:
    nodes = [node("Relu", "x", "h"), node("SequenceConstruct", "h h", "y")]
    save("m.onnx", nodes, {}, ["n", 6])
    model = json.loads(run("info", "m.onnx", "-f", "json").text)["model"]
    assert model["outputs"] == [{"name": "y", "shape": None, "dtype": "?"}]
    assert model["inputs"] == [{"name": "x", "shape": [None, 6], "dtype": "float32"}]


def test_an_output_without_samples_on_its_first_axis_is_refused(run: Run) -> None:
    nodes = [node("Transpose", "x", "by_time", perm=[1, 0, 2]), node("ReduceSum", "x", "y", keepdims=0)]
    save("m.onnx", nodes, {}, ["n", 4, 6])
    np.save("x.npy", X[:60].reshape(15, 4, 6))
    for until, shape in (("by_time", "(4, 3, 6)"), ("y", "()")):
        ran = run("predict", "x.npy", "-m", "m.onnx", "--until", until)
        assert (ran.code, ran.out, ran.err) == (
            2,
            b"",
            f"Error: m.onnx: {until!r} has shape {shape} for 3 samples: expected them on its first axis\n",
        )
        ran = run("check", "x.npy", "-m", "m.onnx", "--until", until)
        assert ran.err == f"Error: m.onnx: the samples are not the first axis of {until!r}\n"
