"""ONNX models on their own input, through ONNX Runtime."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

Run = Callable[..., Any]
RNG = np.random.default_rng(7)
W1, B1 = RNG.normal(size=(5, 4)).astype("f4"), RNG.normal(size=4).astype("f4")
W2, B2 = RNG.normal(size=(4, 3)).astype("f4"), RNG.normal(size=3).astype("f4")
X = RNG.normal(size=(70, 5)).astype("f4")
HIDDEN = np.maximum(X @ W1 + B1, 0)
LOGITS = HIDDEN @ W2 + B2


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def save(path: str, batch: int | str = "n", outputs: tuple[str, ...] = ("y",), external: str = "") -> None:
    """Save Gemm → Relu → Gemm → Softmax."""
    nodes = [
        helper.make_node("Gemm", ["x", "W1", "B1"], ["h"]),
        helper.make_node("Relu", ["h"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "W2", "B2"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["y"], axis=-1),
    ]
    arrays = {"W1": W1, "B1": B1, "W2": W2, "B2": B2}
    tensors = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    if external:
        tensors[0].ClearField("raw_data")
        tensors[0].data_location = TensorProto.EXTERNAL
        tensors[0].external_data.add(key="location", value=external)
    value = helper.make_tensor_value_info
    made = [value(name, TensorProto.FLOAT, [batch, 3]) for name in outputs]
    graph = helper.make_graph(nodes, "g", [value("x", TensorProto.FLOAT, [batch, 5])], made, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    Path(path).write_bytes(model.SerializeToString())


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)


def array(out: bytes) -> np.ndarray:
    return np.load(BytesIO(out))


@pytest.mark.parametrize("batch", ["n", 1, 8])
def test_a_model_gives_the_softmax_that_it_ends_in(run: Run, batch: int | str) -> None:
    save("m.onnx", batch)
    ran = run("predict", "x.npy", "-m", "m.onnx", "-f", "json")
    found = json.loads(ran.text)
    np.testing.assert_allclose(found["probabilities"], softmax(LOGITS), atol=1e-6)
    assert (found["classes"], ran.err) == (LOGITS.argmax(axis=-1).tolist(), "")
    assert (found["input_shape"], found["shape"]) == ([70, 5], [70, 3])


@pytest.mark.parametrize(("until", "expected"), [("hidden", HIDDEN), ("logits", LOGITS), ("h", X @ W1 + B1)])
def test_any_value_of_the_graph_is_shown_by_its_name(run: Run, until: str, expected: np.ndarray) -> None:
    save("m.onnx")
    ran = run("predict", "x.npy", "-m", "m.onnx", "--until", until, "-f", "json")
    np.testing.assert_allclose(json.loads(ran.text)["values"], expected, atol=1e-5)
    assert "classes" not in json.loads(ran.text)


def test_samples_are_picked_and_pipes_give_the_bytes_of_files(run: Run) -> None:
    save("m.onnx")
    picked = array(run("predict", "x.npy", "-m", "m.onnx", "-b", "10:20:3", "-f", "npy").out)
    np.testing.assert_allclose(picked, softmax(LOGITS)[10:20:3], atol=1e-6)
    lines = b"".join(json.dumps(row.tolist()).encode() + b"\n" for row in X)
    piped = run("predict", "-", "-m", "m.onnx", "-f", "csv", stdin=lines, piece=100)
    assert piped.out == run("predict", "x.npy", "-m", "m.onnx", "-f", "csv").out


def test_an_input_of_the_model_for_a_head_is_told_so_and_the_other_way_round(run: Run) -> None:
    save("m.onnx")
    ran = run("predict", "x.npy", "-w", "m.onnx")
    assert ran.err.splitlines()[-1] == "Hint: x.npy (70, 5) fits the model's input 'x': use -m"
    np.save("h.npy", HIDDEN.astype("f4"))
    ran = run("predict", "h.npy", "-m", "m.onnx")
    assert ran.err.splitlines()[-1].startswith("Hint: h.npy (70, 4) fits the model's head '")


def test_several_outputs_want_a_name(run: Run) -> None:
    save("m.onnx", outputs=("y", "logits"))
    ran = run("predict", "x.npy", "-m", "m.onnx")
    assert (ran.code, ran.err) == (
        2,
        "Error: m.onnx: 2 outputs, and none is named: expected one of y, logits\n"
        "Hint: name one with --until\n",
    )
    assert run("predict", "x.npy", "-m", "m.onnx", "--until", "logits", "-f", "npy").code == 0


def test_external_data_are_read_from_inside_the_folder_alone(run: Run) -> None:
    Path("w.bin").write_bytes(W1.tobytes())
    save("m.onnx", external="w.bin")
    found = array(run("predict", "x.npy", "-m", "m.onnx", "-f", "npy").out)
    np.testing.assert_allclose(found, softmax(LOGITS), atol=1e-6)
    folder = Path("inner")
    folder.mkdir()
    save("inner/m.onnx", external="../w.bin")
    ran = run("predict", "x.npy", "-m", "inner/m.onnx")
    assert ran.code == 2
    assert "expected a file inside the model's folder" in ran.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "m.onnx: 0 outputs, and none is named: expected one of none"),
        (b"not a model", "m.onnx: not a readable ONNX model"),
    ],
)
def test_what_is_no_model_is_refused_in_one_line(run: Run, content: bytes, message: str) -> None:
    Path("m.onnx").write_bytes(content)
    ran = run("predict", "x.npy", "-m", "m.onnx")
    assert (ran.code, ran.out) == (2, b"")
    assert ran.err.startswith(f"Error: {message}")


def test_a_value_that_is_not_there_is_named_with_the_near_ones(run: Run) -> None:
    save("m.onnx")
    ran = run("predict", "x.npy", "-m", "m.onnx", "--until", "logit")
    assert (ran.code, ran.err) == (2, "Error: m.onnx: no value 'logit'; did you mean 'logits'?\n")
