"""load_model: what Keras 3 and Keras 2 saved, what cannot be run, and files that are not what they should
be."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dense_cli.errors import ConfigError, DenseCliError, FileFormatError
from dense_cli.layers import Dense, Input, tree
from dense_cli.layers.unknown import UnknownLayer
from dense_cli.models import Model, Sequential, load_model

h5py = pytest.importorskip("h5py")
DATA = Path(__file__).parent / "data" / "models"
FILES = sorted(DATA.glob("keras*/*.keras")) + sorted(DATA.glob("keras*/*.h5"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.name}")
def test_every_layer_of_a_model_gives_what_it_gave_in_keras(file: Path) -> None:
    base = file.with_suffix("")
    with np.load(f"{base}__inputs.npz") as stored:
        inputs: Any = dict(stored)
    with np.load(f"{base}__layers.npz") as stored:
        layers = dict(stored)
    inputs = inputs if len(inputs) > 1 else next(iter(inputs.values()))
    model = load_model(file)
    for i, y in enumerate(tree.flatten(model.predict(inputs, verbose=0))):
        np.testing.assert_allclose(y, np.load(f"{base}__output{i}.npy"), rtol=1e-5, atol=1e-6)
    seen = set()
    for layer in model.layers:
        names = sorted(n for n in layers if n == layer.name or n.startswith(f"{layer.name}__"))
        node = layer._inbound_nodes[-1]
        if not names or node.is_input:
            continue
        outputs = tree.flatten(Model(model.inputs, node.output_tensors).predict(inputs, verbose=0))
        for name, y in zip(names, outputs, strict=True):
            np.testing.assert_allclose(y, layers[name], rtol=1e-5, atol=1e-6, err_msg=name)
            seen.add(name)
    assert seen >= {name for name in layers if name.split("__")[0] not in [x.name for x in model.inputs]}


def saved(folder: Path, change: Any, model: Any = None, weights: Any = None) -> Path:
    """Save a model whose config was changed, and its file of weights."""
    if model is None:
        i = Input((3,), name="x")
        model = Model(i, Dense(2, name="last")(Dense(4, name="middle")(Dense(3, name="first")(i))))
    out = io.BytesIO()
    path = folder / "m.keras"
    model.save(path)
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(out, "w") as changed:
        for name in archive.namelist():
            data = archive.read(name)
            if name == "config.json":
                config = json.loads(data)
                change(config["config"])
                data = json.dumps(config).encode()
            if name == "model.weights.h5" and weights is not None:
                stream = io.BytesIO(data)
                with h5py.File(stream, "r+") as root:
                    weights(root)
                data = stream.getvalue()
            changed.writestr(name, data)
    path.write_bytes(out.getvalue())
    return path


def layer_of(config: dict[str, Any], name: str) -> dict[str, Any]:
    return next(layer for layer in config["layers"] if layer["config"]["name"] == name)


@pytest.mark.parametrize("class_name", ["Lambda", "TheirOwn"])
def test_a_layer_that_cannot_be_run_is_listed_and_named_and_what_is_before_it_runs(
    class_name: str, tmp_path: Path
) -> None:
    def change(config: dict[str, Any]) -> None:
        layer = layer_of(config, "middle")
        layer["class_name"] = class_name
        layer["config"] = {
            "name": "middle",
            "function": {"class_name": "__lambda__", "config": {"code": "!"}},
        }

    def rename(root: Any) -> None:
        del root["layers/dense_1"]
        root.move("layers/dense_2", "layers/dense_1")

    model = load_model(saved(tmp_path, change, weights=rename))
    assert [type(layer).__name__ for layer in model.layers] == [
        "InputLayer",
        "Dense",
        "UnknownLayer",
        "Dense",
    ]
    x = np.ones((2, 3), np.float32)
    with pytest.raises(ConfigError) as caught:
        model.predict(x)
    why = "it holds Python code, which is not run" if class_name == "Lambda" else "unknown class"
    assert str(caught.value).startswith(f"layer 'middle' ({class_name}) cannot be run: {why}")
    first = model.get_layer("first")
    y = Model(model.inputs, first.output).predict(x)
    np.testing.assert_allclose(y, x @ first.kernel.value + first.bias.value, rtol=1e-6)
    assert model.get_layer("last").kernel.shape == (4, 2)  # its weights are there, too


def test_an_unknown_layer_in_a_row_of_layers(tmp_path: Path) -> None:
    def change(config: dict[str, Any]) -> None:
        layer_of(config, "b")["class_name"] = "TheirOwn"

    def rename(root: Any) -> None:
        root.move("layers/dense_1", "layers/their_own")
        root.move("layers/dense_2", "layers/dense_1")

    model = Sequential([Input((3,)), Dense(2, name="a"), Dense(2, name="b"), Dense(2, name="c")])
    loaded = load_model(saved(tmp_path, change, model, rename))
    assert isinstance(loaded.layers[1], UnknownLayer)
    assert loaded.layers[0](np.ones((1, 3))).shape == (1, 2)
    with pytest.raises(ConfigError, match="layer 'b'"):
        loaded.predict(np.ones((1, 3)))


def refer(name: str, to: str, call: int = 0, output: int = 0) -> Any:
    def change(config: dict[str, Any]) -> None:
        tensor = layer_of(config, name)["inbound_nodes"][0]["args"][0]
        tensor["config"]["keras_history"] = [to, call, output]

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (refer("first", "last"), "has loops or disconnected nodes"),
        (refer("middle", "middle"), "has loops or disconnected nodes"),
        (refer("middle", "nobody"), "Missing node: nobody"),
        (refer("middle", "first", 7), "has no call 7"),
        (refer("middle", "first", 0, 7), "has no output 7"),
        (refer("middle", "first", -1), "has no call -1"),
        (lambda config: config.update(layers=3), "needs a list"),
        (lambda config: config["layers"].append(config["layers"][0]), "needs a name of its own"),
        (lambda config: config.update(output_layers=[]), "a model needs inputs and outputs"),
        (lambda config: layer_of(config, "middle")["config"].update(units=5), "do not fit layer 'middle'"),
        (
            lambda config: layer_of(config, "middle")["config"].update(units=10**9),
            "do not fit layer 'middle'",
        ),
    ],
)
def test_hostile_configs_are_refused_in_one_line(change: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(DenseCliError, match=message) as caught:
        load_model(saved(tmp_path, change)).predict(np.ones((1, 3)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("depth", [150, 300, 100_000])
def test_configs_nested_deep_are_refused(depth: int, tmp_path: Path) -> None:
    path = saved(tmp_path, lambda config: None)
    text = '{"class_name": "TimeDistributed", "config": {"name": "t", "layer": ' * depth + "1" + "}}" * depth
    out = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(out, "w") as changed:
        changed.writestr("config.json", text)
        changed.writestr("model.weights.h5", archive.read("model.weights.h5"))
    path.write_bytes(out.getvalue())
    with pytest.raises(DenseCliError):
        load_model(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"{}", b"\x80\x04."])
def test_what_is_no_model_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.keras").write_bytes(content)
    with pytest.raises(FileFormatError, match=r"m\.keras"):
        load_model(tmp_path / "m.keras")


def test_weights_alone_are_no_model(tmp_path: Path) -> None:
    Sequential([Input((3,)), Dense(2)]).save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(FileFormatError) as caught:
        load_model(tmp_path / "m.weights.h5")
    assert str(caught.value).endswith("it holds weights alone, not a model")


def test_weights_that_are_missing_are_named(tmp_path: Path) -> None:
    def change(root: Any) -> None:
        del root["layers/dense_1"]

    with pytest.raises(FileFormatError, match="layer 'middle'"):
        load_model(saved(tmp_path, lambda config: None, weights=change))


def test_operations_are_those_that_keras_saves() -> None:
    """Of a model that Keras 3.15.1 saved: abs, /, cumsum, tile, and the mask of an Attention that goes on."""
    folder = Path(__file__).parent / "data" / "models"
    model = load_model(folder / "operations.keras")
    with np.load(folder / "operations.npz") as saved:
        first, second = model.predict({"x": saved["x"], "ids": saved["ids"]}, verbose=0)
        np.testing.assert_allclose(first, saved["a"], rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(second, saved["b"], rtol=1e-6, atol=1e-7)
