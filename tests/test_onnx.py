"""Heads in ONNX graphs: kernels, biases and activations in every spelling, against closed forms in NumPy.

Where ONNX Runtime is installed, the closed forms are held against it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from helpers import softmax

from dense_cli import load_head
from dense_cli.errors import ConfigError, DtypeError, FileFormatError
from dense_cli.heads import heads, load_weights

onnx = pytest.importorskip("onnx")
helper, numpy_helper, FLOAT = onnx.helper, onnx.numpy_helper, onnx.TensorProto.FLOAT

DATA = Path(__file__).parent / "data" / "weights"
random = np.random.default_rng(7)
X = random.normal(size=(6, 5)).astype(np.float32)
K = random.normal(size=(5, 3)).astype(np.float32) * 2
B = np.array([0.5, -1.0, 0.25], np.float32)
Z = X.astype(np.float64) @ K + B

Node = tuple[Any, ...]


def save(
    path: Path,
    nodes: list[Node],
    constants: dict[str, np.ndarray],
    *,
    opset: int = 17,
    shape: tuple[Any, ...] = ("n", 5),
    outputs: tuple[str, ...] = ("y",),
    change: Callable[[Any], object] | None = None,
) -> Path:
    """Write a model of nodes (op, inputs, outputs, attributes); an op may have its domain before it."""
    made = []
    for op, inputs, results, *attributes in nodes:
        domain, _, name = op.rpartition(".")
        made.append(
            helper.make_node(name, inputs, results, domain=domain, **(attributes[0] if attributes else {}))
        )
    graph = helper.make_graph(
        made,
        "g",
        [helper.make_tensor_value_info("x", FLOAT, list(shape))],
        [helper.make_tensor_value_info(name, FLOAT, [None] * len(shape)) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    if change is not None:
        change(model)
    path.write_bytes(model.SerializeToString())
    return path


class Case(NamedTuple):
    nodes: list[Node]
    constants: dict[str, np.ndarray]
    expected: np.ndarray
    activation: str | None = None
    opset: int = 17


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def scalar(value: float) -> np.ndarray:
    return np.array(value, np.float32)


GEMM: Node = ("Gemm", ["x", "k", "b"], ["z"])
KB = {"k": K, "b": B}
AXES = np.array([-1])


def after(
    nodes: list[Node], expected: np.ndarray, activation: str, opset: int = 17, **constants: np.ndarray
) -> Case:
    """A case of what follows a Gemm."""
    return Case([GEMM, *nodes], {**KB, **constants}, expected, activation, opset)


def biased(bias: np.ndarray, *, left: bool = False) -> Case:
    added = ["b", "m"] if left else ["m", "b"]
    return Case([("MatMul", ["x", "k"], ["m"]), ("Add", added, ["y"])], {"k": K, "b": bias}, X @ K + bias)


def behind(nodes: list[Node], constants: dict[str, np.ndarray], expected: np.ndarray = Z) -> Case:
    """A case of a kernel that nodes make as the value w."""
    end = [("MatMul", ["x", "w"], ["m"]), ("Add", ["m", "b"], ["y"])]
    return Case([*nodes, *end], {"b": B, **constants}, expected)


Q = np.array([[10, -20, 127], [0, 5, -128], [33, 44, 55], [-7, 8, 9], [1, 2, 3]], np.int8)
SCALES = np.array([0.01, 0.02, 0.005], np.float32)
ZEROS = np.array([1, -2, 3], np.int8)
W1 = K.T[:, :, None].copy()

KERNELS = {
    "plain": behind([], {"w": K}),
    "identity": behind([("Identity", ["k"], ["w"])], {"k": K}),
    "two identities": behind([("Identity", ["k"], ["i"]), ("Identity", ["i"], ["w"])], {"k": K}),
    "cast from float16": behind(
        [("Cast", ["k"], ["w"], {"to": FLOAT})],
        {"k": K.astype(np.float16)},
        X.astype(np.float64) @ K.astype(np.float16) + B,
    ),
    "transpose": behind([("Transpose", ["k"], ["w"], {"perm": [1, 0]})], {"k": K.T.copy()}),
    "transpose without perm": behind([("Transpose", ["k"], ["w"])], {"k": K.T.copy()}),
    "identity of a transpose": behind(
        [("Transpose", ["k"], ["t"]), ("Identity", ["t"], ["w"])], {"k": K.T.copy()}
    ),
    "reshape": behind([("Reshape", ["k", "s"], ["w"])], {"k": K.reshape(-1), "s": np.array([5, -1])}),
    "reshape that keeps a size": behind(
        [("Reshape", ["k", "s"], ["w"])], {"k": K.reshape(5, 3, 1), "s": np.array([0, 3])}
    ),
    "squeeze": behind([("Squeeze", ["k", "a"], ["w"])], {"k": K[:, None], "a": np.array([1])}),
    "unsqueeze": behind(
        [("Unsqueeze", ["k", "a"], ["u"]), ("Squeeze", ["u", "a"], ["w"])], {"k": K, "a": np.array([0])}
    ),
    "a Constant node": behind([("Constant", [], ["w"], {"value": numpy_helper.from_array(K)})], {}),
    "product of constants": behind(
        [("Mul", ["k", "g"], ["w"])], {"k": K, "g": SCALES[None]}, X.astype(np.float64) @ (K * SCALES) + B
    ),
    "dequantised per tensor": behind(
        [("DequantizeLinear", ["q", "s"], ["w"])],
        {"q": Q, "s": scalar(0.05)},
        X.astype(np.float64) @ (Q * 0.05) + B,
    ),
    "dequantised per axis": behind(
        [("DequantizeLinear", ["q", "s", "o"], ["w"], {"axis": 1})],
        {"q": Q, "s": SCALES, "o": ZEROS},
        X.astype(np.float64) @ ((Q.astype(float) - ZEROS) * SCALES) + B,
    ),
    "dequantised per axis and transposed": behind(
        [
            ("DequantizeLinear", ["q", "s", "o"], ["t"], {"axis": 0}),
            ("Transpose", ["t"], ["w"], {"perm": [1, 0]}),
        ],
        {"q": Q.T.copy(), "s": SCALES, "o": ZEROS},
        X.astype(np.float64) @ ((Q.astype(float) - ZEROS) * SCALES) + B,
    ),
    "dequantised in blocks": behind(
        [("DequantizeLinear", ["q", "s"], ["w"], {"axis": 0, "block_size": 2})],
        {"q": Q, "s": np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.7, 0.8, 0.9]], np.float32)},
        X.astype(np.float64)
        @ (Q * np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.7, 0.8, 0.9]]).repeat(2, 0)[:5])
        + B,
    )._replace(opset=21),
    "on the left": Case(
        [
            ("Transpose", ["x"], ["t"]),
            ("MatMul", ["k", "t"], ["m"]),
            ("Add", ["m", "b"], ["a"]),
            ("Softmax", ["a"], ["s"], {"axis": 0}),
            ("Transpose", ["s"], ["y"], {"perm": [1, 0]}),
        ],
        {"k": K.T.copy(), "b": B[:, None]},
        softmax(Z),
        "softmax",
    ),
    "on the left of a Gemm": Case(
        [
            ("Gemm", ["k", "x", "b"], ["m"], {"transA": 1, "transB": 1}),
            ("Transpose", ["m"], ["y"], {"perm": [1, 0]}),
        ],
        {"k": K, "b": B[:, None]},
        Z,
    ),
    "a convolution of size 1": Case(
        [
            ("Unsqueeze", ["x", "a"], ["u"]),
            ("Conv", ["u", "k", "b"], ["c"]),
            ("Softmax", ["c"], ["s"], {"axis": 1}),
            ("Squeeze", ["s", "a"], ["y"]),
        ],
        {"k": W1, "b": B, "a": np.array([2])},
        softmax(Z),
        "softmax",
    ),
    "a convolution whose bias is added": Case(
        [
            ("Unsqueeze", ["x", "a"], ["u"]),
            ("Conv", ["u", "k"], ["c"]),
            ("Add", ["c", "b"], ["d"]),
            ("Squeeze", ["d", "a"], ["e"]),
            ("Softmax", ["e"], ["y"]),
        ],
        {"k": W1, "b": B[None, :, None], "a": np.array([2])},
        softmax(Z),
        "softmax",
    ),
    "LinearClassifier": Case(
        [
            (
                "ai.onnx.ml.LinearClassifier",
                ["x"],
                ["label", "y"],
                {
                    "coefficients": K.T.reshape(-1).tolist(),
                    "intercepts": B.tolist(),
                    "classlabels_ints": [0, 1, 2],
                    "post_transform": "SOFTMAX",
                },
            )
        ],
        {},
        softmax(Z),
        "softmax",
    ),
    "LinearClassifier with sigmoids": Case(
        [
            (
                "ai.onnx.ml.LinearClassifier",
                ["x"],
                ["label", "y"],
                {
                    "coefficients": K.T.reshape(-1).tolist(),
                    "intercepts": B.tolist(),
                    "classlabels_strings": ["a", "b", "c"],
                    "post_transform": "LOGISTIC",
                },
            )
        ],
        {},
        sigmoid(Z),
        "sigmoid",
    ),
    "LinearRegressor": Case(
        [
            (
                "ai.onnx.ml.LinearRegressor",
                ["x"],
                ["y"],
                {"coefficients": K.T.reshape(-1).tolist(), "intercepts": B.tolist(), "targets": 3},
            )
        ],
        {},
        Z,
    ),
}

BIASES = {
    "(N,)": biased(B),
    "(1, N)": biased(B[None]),
    "in front": biased(B[None], left=True),
    "(1,)": biased(np.array([2.5], np.float32)),
    "a single number": biased(scalar(2.5)),
    "behind Identity": Case(
        [("Identity", ["c"], ["b"]), ("MatMul", ["x", "k"], ["m"]), ("Add", ["b", "m"], ["y"])],
        {"k": K, "c": B[None]},
        Z,
    ),
    "after a Cast": Case(
        [("MatMul", ["x", "k"], ["m"]), ("Cast", ["m"], ["c"], {"to": FLOAT}), ("Add", ["c", "b"], ["y"])],
        KB,
        Z,
    ),
    "taken away": Case([("MatMul", ["x", "k"], ["m"]), ("Sub", ["m", "b"], ["y"])], KB, X @ K - B),
    "added twice": Case(
        [("MatMul", ["x", "k"], ["m"]), ("Add", ["m", "b"], ["a"]), ("Add", ["a", "b"], ["y"])], KB, Z + B
    ),
    "and a factor before it": Case(
        [("MatMul", ["x", "k"], ["m"]), ("Mul", ["m", "s"], ["a"]), ("Add", ["a", "b"], ["y"])],
        {**KB, "s": SCALES},
        (Z - B) * SCALES + B,
    ),
    "and a temperature after it": Case(
        [GEMM, ("Div", ["z", "t"], ["l"]), ("Softmax", ["l"], ["y"])],
        {**KB, "t": scalar(1.5)},
        softmax(Z / 1.5),
        "softmax",
    ),
    "and half of it": Case(
        [GEMM, ("Mul", ["z", "h"], ["l"]), ("Softmax", ["l"], ["y"])],
        {**KB, "h": scalar(0.5)},
        softmax(Z / 2),
        "softmax",
    ),
    "Gemm with C of (1, N)": Case([("Gemm", ["x", "k", "b"], ["y"])], {"k": K, "b": B[None]}, Z),
    "Gemm with C of ()": Case([("Gemm", ["x", "k", "b"], ["y"])], {"k": K, "b": scalar(1.5)}, X @ K + 1.5),
    "Gemm without C": Case([("Gemm", ["x", "k"], ["y"])], {"k": K}, X @ K),
    "Gemm with alpha, beta and transB": Case(
        [("Gemm", ["x", "k", "b"], ["y"], {"alpha": 0.5, "beta": 3.0, "transB": 1})],
        {"k": K.T.copy(), "b": B},
        (Z - B) / 2 + 3 * B,
    ),
}

E = Z - Z.max(-1, keepdims=True)
ERF = np.vectorize(math.erf)(Z / math.sqrt(2))
GELU = Z * (1 + ERF) / 2
GELU_TANH = Z * (1 + np.tanh(math.sqrt(2 / math.pi) * (Z + 0.044715 * Z**3))) / 2
HARD = np.clip(Z / 6 + 0.5, 0, 1)
MISH = Z * np.tanh(np.log1p(np.exp(Z)))
MAX: Node = ("ReduceMax", ["z"], ["m"], {"axes": [-1]})
SHIFTED: list[Node] = [MAX, ("Sub", ["z", "m"], ["d"]), ("Exp", ["d"], ["e"])]
SUM: Node = ("ReduceSum", ["e", "a"], ["s"])

ACTIVATIONS = {
    "Softmax": after([("Softmax", ["z"], ["y"])], softmax(Z), "softmax"),
    "Softmax of an old opset": after([("Softmax", ["z"], ["y"])], softmax(Z), "softmax", 11),
    "LogSoftmax": after([("LogSoftmax", ["z"], ["y"], {"axis": 1})], np.log(softmax(Z)), "log_softmax"),
    "Log of Softmax": after(
        [("Softmax", ["z"], ["s"]), ("Log", ["s"], ["y"])], np.log(softmax(Z)), "log_softmax"
    ),
    "softmax taken apart": after([*SHIFTED, SUM, ("Div", ["e", "s"], ["y"])], softmax(Z), "softmax", a=AXES),
    "softmax taken apart, without the maximum": after(
        [("Exp", ["z"], ["e"]), SUM, ("Div", ["e", "s"], ["y"])], softmax(Z), "softmax", a=AXES
    ),
    "log-softmax taken apart": after(
        [*SHIFTED, SUM, ("Log", ["s"], ["l"]), ("Sub", ["d", "l"], ["y"])],
        np.log(softmax(Z)),
        "log_softmax",
        a=AXES,
    ),
    "log-softmax by ReduceLogSumExp": after(
        [("ReduceLogSumExp", ["z"], ["l"], {"axes": [1]}), ("Sub", ["z", "l"], ["y"])],
        np.log(softmax(Z)),
        "log_softmax",
    ),
    "softmax as JAX takes it apart": after(
        [
            ("ReduceMax", ["z"], ["m"], {"axes": [1], "keepdims": 0}),
            ("Max", ["least", "m"], ["n"]),
            ("Shape", ["x"], ["size"]),
            ("Slice", ["size", "from", "to"], ["batch"]),
            ("Concat", ["batch", "one"], ["column"], {"axis": 0}),
            ("Reshape", ["n", "column"], ["c"]),
            ("Expand", ["c", "column"], ["w"]),
            ("Sub", ["z", "w"], ["d"]),
            ("Exp", ["d"], ["e"]),
            ("ReduceSum", ["e", "one"], ["s"], {"keepdims": 0}),
            ("Unsqueeze", ["s", "last"], ["t"]),
            ("Expand", ["t", "column"], ["v"]),
            ("Div", ["e", "v"], ["y"]),
        ],
        softmax(Z),
        "softmax",
        **{
            "least": scalar(-np.inf),
            "from": np.array([0]),
            "to": np.array([1]),
            "one": np.array([1]),
            "last": AXES,
        },
    ),
    "silu with a factor of 1": after(
        [("Mul", ["z", "one"], ["o"]), ("Sigmoid", ["o"], ["s"]), ("Mul", ["z", "s"], ["y"])],
        Z * sigmoid(Z),
        "silu",
        one=np.ones(1, np.float32),
    ),
    "gelu as JAX takes it apart": after(
        [
            ("Mul", ["c", "z"], ["cz"]),
            ("Mul", ["z", "cz"], ["cz2"]),
            ("Mul", ["z", "cz2"], ["cz3"]),
            ("Add", ["z", "cz3"], ["i"]),
            ("Mul", ["r", "i"], ["j"]),
            ("Tanh", ["j"], ["t"]),
            ("Add", ["one", "t"], ["p"]),
            ("Mul", ["half", "p"], ["h"]),
            ("Mul", ["z", "h"], ["y"]),
        ],
        GELU_TANH,
        "gelu(approximate=True)",
        c=scalar(0.044715),
        r=scalar(math.sqrt(2 / math.pi)),
        one=scalar(1),
        half=scalar(0.5),
    ),
    "Relu": after([("Relu", ["z"], ["y"])], np.maximum(Z, 0), "relu"),
    "Max with 0": after([("Max", ["c", "z"], ["y"])], np.maximum(Z, 0), "relu", c=scalar(0)),
    "LeakyRelu": after(
        [("LeakyRelu", ["z"], ["y"], {"alpha": 0.1})],
        np.where(Z < 0, 0.1 * Z, Z),
        "leaky_relu(negative_slope=0.1)",
    ),
    "LeakyRelu by default": after(
        [("LeakyRelu", ["z"], ["y"])], np.where(Z < 0, 0.01 * Z, Z), "leaky_relu(negative_slope=0.01)"
    ),
    "PRelu of one slope": after(
        [("PRelu", ["z", "c"], ["y"])],
        np.where(Z < 0, 0.3 * Z, Z),
        "leaky_relu(negative_slope=0.3)",
        c=np.array([0.3], np.float32),
    ),
    "Elu": after(
        [("Elu", ["z"], ["y"], {"alpha": 0.5})], np.where(Z < 0, 0.5 * np.expm1(Z), Z), "elu(alpha=0.5)"
    ),
    "Celu": after(
        [("Celu", ["z"], ["y"], {"alpha": 2.0})], np.where(Z < 0, 2 * np.expm1(Z / 2), Z), "celu(alpha=2.0)"
    ),
    "Selu": after(
        [("Selu", ["z"], ["y"])],
        1.0507009873554805 * np.where(Z < 0, 1.6732632423543772 * np.expm1(Z), Z),
        "selu",
    ),
    "HardSigmoid": after(
        [("HardSigmoid", ["z"], ["y"], {"alpha": 1 / 6, "beta": 0.5})], HARD, "hard_sigmoid"
    ),
    "HardSwish": after([("HardSwish", ["z"], ["y"])], Z * HARD, "hard_silu"),
    "hard swish taken apart": after(
        [
            ("Add", ["z", "three"], ["p"]),
            ("Clip", ["p", "zero", "six"], ["c"]),
            ("Mul", ["z", "c"], ["q"]),
            ("Div", ["q", "six"], ["y"]),
        ],
        Z * HARD,
        "hard_silu",
        zero=scalar(0),
        three=scalar(3),
        six=scalar(6),
    ),
    "Sigmoid": after([("Sigmoid", ["z"], ["y"])], sigmoid(Z), "sigmoid"),
    "sigmoid taken apart": after(
        [
            ("Neg", ["z"], ["n"]),
            ("Exp", ["n"], ["e"]),
            ("Add", ["one", "e"], ["p"]),
            ("Div", ["one", "p"], ["y"]),
        ],
        sigmoid(Z),
        "sigmoid",
        one=scalar(1),
    ),
    "Tanh": after([("Tanh", ["z"], ["y"])], np.tanh(Z), "tanh"),
    "Softplus": after([("Softplus", ["z"], ["y"])], np.log1p(np.exp(Z)), "softplus"),
    "Softsign": after([("Softsign", ["z"], ["y"])], Z / (1 + abs(Z)), "softsign"),
    "Exp": after([("Exp", ["z"], ["y"])], np.exp(Z), "exponential"),
    "silu": after([("Sigmoid", ["z"], ["s"]), ("Mul", ["z", "s"], ["y"])], Z * sigmoid(Z), "silu"),
    "silu the other way round": after(
        [("Sigmoid", ["z"], ["s"]), ("Mul", ["s", "z"], ["y"])], Z * sigmoid(Z), "silu"
    ),
    "Mish": after([("Mish", ["z"], ["y"])], MISH, "mish", 18),
    "mish taken apart": after(
        [("Softplus", ["z"], ["p"]), ("Tanh", ["p"], ["t"]), ("Mul", ["z", "t"], ["y"])], MISH, "mish"
    ),
    "Gelu": after([("Gelu", ["z"], ["y"])], GELU, "gelu", 20),
    "Gelu by a tanh": after(
        [("Gelu", ["z"], ["y"], {"approximate": "tanh"})], GELU_TANH, "gelu(approximate=True)", 20
    ),
    "gelu taken apart": after(
        [
            ("Div", ["z", "r"], ["q"]),
            ("Erf", ["q"], ["e"]),
            ("Add", ["e", "one"], ["p"]),
            ("Mul", ["z", "p"], ["d"]),
            ("Mul", ["d", "half"], ["y"]),
        ],
        GELU,
        "gelu",
        r=scalar(math.sqrt(2)),
        one=scalar(1),
        half=scalar(0.5),
    ),
    "gelu by a tanh taken apart": after(
        [
            ("Pow", ["z", "three"], ["z3"]),
            ("Mul", ["z3", "c"], ["cz3"]),
            ("Add", ["z", "cz3"], ["i"]),
            ("Mul", ["i", "r"], ["j"]),
            ("Tanh", ["j"], ["t"]),
            ("Add", ["t", "one"], ["p"]),
            ("Mul", ["z", "half"], ["h"]),
            ("Mul", ["h", "p"], ["y"]),
        ],
        GELU_TANH,
        "gelu(approximate=True)",
        three=scalar(3),
        c=scalar(0.044715),
        r=scalar(math.sqrt(2 / math.pi)),
        one=scalar(1),
        half=scalar(0.5),
    ),
    "Clip as relu6": after(
        [("Clip", ["z", "lo", "hi"], ["y"])], np.clip(Z, 0, 6), "relu6", lo=scalar(0), hi=scalar(6)
    ),
    "Clip as relu6 of an old opset": after(
        [("Clip", ["z"], ["y"], {"min": 0.0, "max": 6.0})], np.clip(Z, 0, 6), "relu6", 10
    ),
    "Clip to another number": after(
        [("Clip", ["z", "lo", "hi"], ["y"])],
        np.clip(Z, 0, 1.5),
        "relu(max_value=1.5)",
        lo=scalar(0),
        hi=scalar(1.5),
    ),
    "Clip from 0": after([("Clip", ["z", "lo"], ["y"])], np.maximum(Z, 0), "relu", lo=scalar(0)),
    "Clip to 1 both ways": after(
        [("Clip", ["z", "lo", "hi"], ["y"])], np.clip(Z, -1, 1), "hard_tanh", lo=scalar(-1), hi=scalar(1)
    ),
    "Min of Relu": after(
        [("Relu", ["z"], ["r"]), ("Min", ["r", "six"], ["y"])], np.clip(Z, 0, 6), "relu6", six=scalar(6)
    ),
    "Shrink": after(
        [("Shrink", ["z"], ["y"], {"lambd": 1.0, "bias": 1.0})],
        np.sign(Z) * np.maximum(abs(Z) - 1, 0),
        "soft_shrink(threshold=1.0)",
    ),
    "ThresholdedRelu": after(
        [("ThresholdedRelu", ["z"], ["y"], {"alpha": 0.5})],
        np.where(Z > 0.5, Z, 0),
        "threshold(threshold=0.5, default_value=0.0)",
    ),
    "behind nodes that keep the numbers": after(
        [("Identity", ["z"], ["i"]), ("Dropout", ["i"], ["d"]), ("Softmax", ["d"], ["y"])],
        softmax(Z),
        "softmax",
    ),
}

CASES = {**KERNELS, **BIASES, **ACTIVATIONS}


@pytest.mark.parametrize("name", CASES)
def test_a_head_gives_what_its_graph_gives(tmp_path, name):
    case = CASES[name]
    file = save(tmp_path / "m.onnx", case.nodes, case.constants, opset=case.opset)
    [head] = heads(file)
    assert (head.activation, head.output) == (case.activation or "linear", True)
    np.testing.assert_allclose(load_head(file)(X), case.expected, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("name", CASES)
def test_the_closed_forms_are_what_onnx_runtime_gives(tmp_path, name):
    runtime = pytest.importorskip("onnxruntime")
    case = CASES[name]
    file = save(tmp_path / "m.onnx", case.nodes, case.constants, opset=case.opset)
    options = runtime.SessionOptions()  # optimised, it multiplies int8 kernels in other, coarser ways
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    [y] = session.run(["y"], {"x": X})
    np.testing.assert_allclose(y, case.expected, rtol=2e-5, atol=5e-6)


@pytest.mark.parametrize("file", sorted(path.name for path in (DATA / "onnx").glob("*.onnx")))
def test_a_head_gives_what_onnx_runtime_gave(file):
    x, expected = (np.load(DATA / "onnx" / name) for name in ("x5.npy", file[:-5] + "__expected.npy"))
    np.testing.assert_allclose(load_head(DATA / "onnx" / file)(x), expected, rtol=1e-5, atol=1e-6)


# --- what is not known is refused by its node ------------------------------------------------------

UNKNOWN = {
    "Sqrt node 'y'": [("Sqrt", ["z"], ["y"])],
    "HardSigmoid node 'y'": [("HardSigmoid", ["z"], ["y"])],  # Keras 2's, which is not Keras 3's
    "Selu node 'y'": [("Selu", ["z"], ["y"], {"alpha": 1.0})],
    "Clip node 'y'": [("Clip", ["z", "half"], ["y"])],
    "PRelu node 'y'": [("PRelu", ["z", "slopes"], ["y"])],
    "Add node 'y'": [("Add", ["z", "table"], ["y"])],
    "Erf node 'e'": [("Erf", ["z"], ["e"]), ("Mul", ["z", "e"], ["y"])],
    "QuantizeLinear node 'q'": [
        ("QuantizeLinear", ["z", "half"], ["q"]),
        ("DequantizeLinear", ["q", "half"], ["y"]),
    ],
    "Relu6 node 'y'": [("Relu6", ["z"], ["y"])],
    "other.Relu node 'y'": [("other.Relu", ["z"], ["y"])],
    "Where node 'y'": [("Where", ["some", "z", "half"], ["y"])],
    "Softmax node 'y'": [("Softmax", ["z"], ["y"], {"axis": 0})],
    "ReduceMax node 'm'": [
        ("ReduceMax", ["z"], ["m"], {"axes": [0]}),
        ("Sub", ["z", "m"], ["d"]),
        ("Exp", ["d"], ["y"]),
    ],
    "Mul node 'y'": [("Softmax", ["z"], ["s"]), ("Mul", ["s", "half"], ["y"])],
    "Cast node 'c'": [("Cast", ["z"], ["c"], {"to": 7}), ("Cast", ["c"], ["y"], {"to": FLOAT})],
    "If node 'y'": "if",
}


@pytest.mark.parametrize("label", UNKNOWN)
def test_a_node_that_is_not_known_is_never_called_linear(tmp_path, label):
    nodes = UNKNOWN[label]
    if nodes == "if":
        inner = helper.make_graph(
            [helper.make_node("Sqrt", ["z"], ["r"])],
            "g",
            [],
            [helper.make_tensor_value_info("r", FLOAT, None)],
        )
        nodes = [("If", ["some"], ["y"], {"then_branch": inner, "else_branch": inner})]
    more = {
        "half": scalar(0.5),
        "slopes": np.array([0.1, 0.2, 0.3], np.float32),
        "table": np.ones((6, 3), np.float32),
        "some": np.array(True),
    }
    file = save(tmp_path / "m.onnx", [GEMM, *nodes], {**KB, **more})
    with pytest.raises(ConfigError) as error:
        load_head(file)
    after = " softmax" if label.startswith("Mul") else ""
    assert str(error.value) == f"{file}: head 'k': its activation is not known: {label} follows{after}"
    assert error.value.hint == "say what to run with --activation"
    np.testing.assert_allclose(load_head(file, activation="linear")(X), Z, rtol=1e-5, atol=1e-6)


def test_one_of_the_models_own_functions_is_not_taken_for_what_its_name_says(tmp_path):
    def change(model):
        model.graph.node[1].domain = "mine"
        model.functions.append(
            helper.make_function(
                "mine",
                "Relu",
                ["a"],
                ["b"],
                [helper.make_node("Neg", ["a"], ["b"])],
                [helper.make_opsetid("", 17)],
            )
        )

    file = save(tmp_path / "m.onnx", [GEMM, ("Relu", ["z"], ["y"])], KB, change=change)
    assert heads(file)[0].activation_refusal == "its activation is not known: mine.Relu node 'y' follows"


@pytest.mark.parametrize(
    "nodes",
    [
        [("MatMul", ["z", "square"], ["y"])],
        [("LayerNormalization", ["z", "b"], ["y"])],
        [("Add", ["z", "x3"], ["y"])],
        [("Concat", ["z", "x3"], ["y"], {"axis": 1})],
        [("ArgMax", ["z"], ["y"])],
        [("Identity", ["z"], ["i"]), ("MatMul", ["i", "square"], ["y"])],
        [("Reshape", ["z", "pairs"], ["r"]), ("MatMul", ["r", "one"], ["y"])],
    ],
)
def test_a_layer_before_another_layer_is_linear(tmp_path, nodes):
    more = {"square": np.eye(3, dtype=np.float32), "pairs": np.array([-1, 1]), "one": np.ones((1, 1), "f4")}
    nodes = [GEMM, ("Slice", ["x", "from", "to", "axis"], ["x3"]), *nodes]
    limits = {"from": np.array([0]), "to": np.array([3]), "axis": np.array([1])}
    file = save(tmp_path / "m.onnx", nodes, {**KB, **more, **limits})
    head = heads(file)[0]
    assert (head.name, head.activation, head.activation_refusal) == ("k", "linear", None)


def test_a_sum_over_activations_is_another_layer(tmp_path):
    nodes = [GEMM, ("Relu", ["z"], ["r"]), ("ReduceSum", ["r", "a"], ["y"])]
    head = heads(save(tmp_path / "m.onnx", nodes, {**KB, "a": AXES}))[0]
    assert (head.activation, head.output, head.activation_refusal) == ("relu", False, None)


def test_a_softmax_over_rows_that_were_cut_anew_is_refused(tmp_path):
    kernel = np.tile(K, 2)
    nodes = [("MatMul", ["x", "k"], ["z"]), ("Reshape", ["z", "s"], ["r"]), ("Softmax", ["r"], ["y"])]
    file = save(tmp_path / "m.onnx", nodes, {"k": kernel, "s": np.array([-1, 2, 3])})
    assert heads(file)[0].activation_refusal == "its activation is not known: Softmax node 'y' follows"
    file = save(tmp_path / "m.onnx", nodes, {"k": kernel, "s": np.array([1, -1, 6])})
    assert heads(file)[0].activation == "softmax"


@pytest.mark.parametrize(
    ("opset", "axis", "activation"),
    [(13, -1, "softmax"), (13, 2, "softmax"), (13, 1, None), (11, 2, "softmax"), (11, None, None)],
)
def test_a_softmax_counts_where_it_is_over_the_units(tmp_path, opset, axis, activation):
    attributes = {} if axis is None else {"axis": axis}
    nodes = [("MatMul", ["x", "k"], ["z"]), ("Softmax", ["z"], ["y"], attributes)]
    file = save(tmp_path / "m.onnx", nodes, {"k": K}, opset=opset, shape=("n", "t", 5))
    assert heads(file)[0].activation == activation


@pytest.mark.parametrize(
    ("nodes", "constants", "refusal"),
    [
        (
            [("QLinearMatMul", ["x", "s", "o", "q", "s", "o", "s", "o"], ["y"])],
            {"q": Q, "s": scalar(0.5), "o": np.array(0, np.int8)},
            "QLinearMatMul node 'y': densecli does not run this kind of product",
        ),
        (
            [("MatMulInteger", ["x", "q"], ["m"]), ("Cast", ["m"], ["y"], {"to": FLOAT})],
            {"q": Q},
            "MatMulInteger node 'm': expected DynamicQuantizeLinear before it and a constant scale "
            "in a Mul after it",
        ),
        (
            [("Relu", ["x"], ["c"]), ("Gemm", ["x", "k", "c"], ["y"])],
            {"k": K},
            "its bias 'c' is computed, or is no vector: expected a constant of (3,)",
        ),
        (
            [("Gemm", ["x", "k", "c"], ["y"])],
            {"k": K, "c": np.ones((6, 3), np.float32)},
            "its bias 'c' is computed, or is no vector: expected a constant of (3,)",
        ),
        ([("Gemm", ["x", "k"], ["y"], {"transA": 1})], {"k": K}, "a Gemm with a transposed input (transA)"),
        (
            [
                (
                    "ai.onnx.ml.LinearClassifier",
                    ["x"],
                    ["l", "y"],
                    {"coefficients": [1.0] * 5, "intercepts": [0.0], "classlabels_ints": [0, 1]},
                )
            ],
            {},
            "LinearClassifier node 'y': one row of coefficients for two classes: expected one for each",
        ),
    ],
)
def test_a_product_that_is_not_known_is_refused_by_its_node(tmp_path, nodes, constants, refusal):
    file = save(tmp_path / "m.onnx", nodes, constants)
    [head] = heads(file)
    assert head.refusal is not None
    with pytest.raises(FileFormatError) as error:
        load_weights(file)
    assert str(error.value).endswith(refusal.removeprefix("LinearClassifier node 'y': "))


def test_a_kernel_of_integers_is_used_with_its_scale(tmp_path):
    nodes = [
        ("DynamicQuantizeLinear", ["x"], ["xq", "xs", "xz"]),
        ("MatMulInteger", ["xq", "q", "xz", "o"], ["i"]),
        ("Cast", ["i"], ["f"], {"to": FLOAT}),
        ("Mul", ["xs", "s"], ["scale"]),
        ("Mul", ["f", "scale"], ["m"]),
        ("Add", ["m", "b"], ["z"]),
        ("Softmax", ["z"], ["y"]),
    ]
    constants = {"q": Q, "o": ZEROS, "s": SCALES, "b": B}
    file = save(tmp_path / "m.onnx", nodes, constants)
    [head] = heads(file)
    assert (head.activation, head.output, head.dtype) == ("softmax", True, "float32")
    assert head.remark == "MatMulInteger node 'i': ONNX Runtime rounds its input to 8 bits, densecli does not"
    z = X.astype(np.float64) @ ((Q.astype(float) - ZEROS) * SCALES) + B
    np.testing.assert_allclose(load_head(file)(X), softmax(z), rtol=1e-5, atol=1e-6)


# --- external data ---------------------------------------------------------------------------------

MATMUL: list[Node] = [("MatMul", ["x", "k"], ["m"]), ("Add", ["b", "m"], ["s"]), ("Softmax", ["s"], ["y"])]


def external(**told: str) -> Callable[[Any], None]:
    """Return what moves the first tensor's numbers out of the model."""

    def change(model):
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = 1
        for key, value in told.items():
            tensor.external_data.add(key=key, value=value)

    return change


def test_external_data_beside_the_model_are_read(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "k.bin").write_bytes(b"\0" * 8 + K.tobytes() + b"more")
    told = external(location="sub/k.bin", offset="8", length=str(K.nbytes), checksum="unused")
    file = save(tmp_path / "m.onnx", MATMUL, KB, change=told)
    np.testing.assert_allclose(load_head(file)(X), softmax(Z), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"location": "../k.bin"}, "external data in '../k.bin': expected a file inside the model's folder"),
        ({"location": "sub/../k.bin"}, "expected a file inside the model's folder"),
        ({"location": "/etc/passwd"}, "expected a file inside the model's folder"),
        ({"location": "out/k.bin"}, "expected a file inside the model's folder"),
        ({"location": "link.bin"}, "expected a file inside the model's folder"),
        ({"location": ""}, "expected a file inside the model's folder"),
        ({"location": "a\0b"}, "expected a file inside the model's folder"),
        ({}, "expected a file inside the model's folder"),
        ({"location": "none.bin"}, "external data in 'none.bin': No such file or directory"),
        ({"location": "folder"}, "external data in 'folder': not a regular file"),
        ({"location": "fifo"}, "external data in 'fifo': not a regular file"),
        ({"location": "short.bin"}, "external data at 0 of 60 bytes: 'short.bin' has 59 bytes"),
        ({"location": "k.bin", "offset": "8"}, "external data at 8 of 60 bytes: 'k.bin' has 60 bytes"),
        ({"location": "k.bin", "offset": "-8"}, "external data at -8 of 60 bytes: 'k.bin' has 60 bytes"),
        ({"location": "k.bin", "offset": "x"}, "external data: offset and length are no numbers"),
        ({"location": "k.bin", "length": "20"}, "shape (5, 3) of float32 is 60 bytes, its length says 20"),
    ],
)
def test_external_data_elsewhere_or_of_another_size_are_refused(tmp_path, told, message):
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "folder").mkdir()
    os.mkfifo(folder / "fifo")
    for path in (tmp_path / "k.bin", folder / "k.bin"):
        path.write_bytes(K.tobytes())
    (folder / "short.bin").write_bytes(K.tobytes()[:-1])
    (folder / "link.bin").symlink_to(tmp_path / "k.bin")
    (folder / "out").symlink_to(tmp_path)
    file = save(folder / "m.onnx", MATMUL, KB, change=external(**told))
    assert heads(file)[0].kernel_shape == (5, 3)
    with pytest.raises(FileFormatError) as error:
        load_weights(file)
    assert str(error.value).startswith(f"{file}: k: ")
    assert str(error.value).endswith(message)


# --- damaged graphs --------------------------------------------------------------------------------


def test_a_value_that_two_nodes_make_is_refused(tmp_path):
    nodes = [("MatMul", ["x", "k"], ["m"]), ("Relu", ["m"], ["a"]), ("Identity", ["a"], ["m"])]
    with pytest.raises(FileFormatError, match="damaged ONNX model: two nodes make 'm'"):
        heads(save(tmp_path / "m.onnx", nodes, {"k": K}))


def test_a_node_without_an_output_uses_nothing(tmp_path):
    file = save(tmp_path / "m.onnx", [GEMM, ("Add", ["z", "b"], []), ("Softmax", ["z"], ["y"])], KB)
    assert heads(file)[0].activation == "softmax"


def test_a_dequantised_kernel_that_overflows_is_refused_by_its_place(tmp_path):
    case = behind([("DequantizeLinear", ["q", "s"], ["w"])], {"q": Q, "s": scalar(3e38)})
    file = save(tmp_path / "m.onnx", case.nodes, case.constants)
    with pytest.raises(DtypeError) as error:
        load_weights(file)
    assert str(error.value) == f"{file}: q[0, 0]: expected a finite number, found inf"


@pytest.mark.parametrize("op", ["Identity", "Transpose"])
def test_constants_that_go_round_in_a_circle_are_no_kernel(tmp_path, op):
    nodes = [(op, ["b"], ["a"]), (op, ["a"], ["b"]), ("MatMul", ["x", "a"], ["y"])]
    with pytest.raises(FileFormatError, match="no kernel of a Dense layer"):
        heads(save(tmp_path / "m.onnx", nodes, {}))


def test_an_attribute_of_the_wrong_kind_is_refused_by_its_node(tmp_path):
    nodes = [("Gemm", ["x", "k"], ["y"], {"transB": 1.0})]
    file = save(tmp_path / "m.onnx", nodes, {"k": K})
    with pytest.raises(FileFormatError) as error:
        heads(file)
    assert str(error.value) == f"{file}: damaged ONNX model: Gemm node 'y': transB is a float"


def test_the_nodes_that_are_looked_at_grow_with_the_graph_alone(tmp_path):
    """4,000 products of one kernel that all go into one node: each is looked at once, not 4,000 times."""
    nodes = [("MatMul", ["x", "k"], [f"m{i}"]) for i in range(4_000)]
    file = save(tmp_path / "m.onnx", [*nodes, ("Softmax", [f"m{i}" for i in range(4_000)], ["y"])], {"k": K})
    found = heads(file)
    assert len(found) == 4_000
    assert {head.activation_refusal for head in found} == {
        "its activation is not known: Softmax node 'y' follows"
    }
