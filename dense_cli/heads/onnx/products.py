"""Nodes that multiply by a constant matrix: which matrix, and which axis of the output has the units.

Each handler of `HANDLERS` returns a `Product`, or None where its node is no dense layer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.files.tensor import Tensor
from dense_cli.heads.onnx.constants import Constants, derived, spread_over
from dense_cli.heads.onnx.graph import Node


@dataclass(frozen=True)
class Product:
    """What one node multiplies its input by.

    Attributes:
        node: the node.
        output: the value that has the products.
        kernel: of shape (features, units), or (units, features) where ``transposed``.
        transposed: whether the kernel is stored as (units, features).
        bias: of shape (units,), or None.
        axis: which axis of the output has the units, counted from the end.
        activation: what the node itself applies to the sums.
        refusal: why it cannot be run, or None.
        remark: in what its numbers are not ONNX Runtime's, or None.
    """

    node: Node
    output: str
    kernel: Tensor
    transposed: bool
    bias: Tensor | None = None
    axis: int = -1
    activation: str = "linear"
    refusal: str | None = None
    remark: str | None = None

    @property
    def units(self) -> int:
        """How many units the kernel has."""
        return self.kernel.shape[0 if self.transposed else 1]


def vector(tensor: Tensor, units: int, axis: int | None = -1) -> Tensor | None:
    """Return a constant that is added to the units as (units,); None where it differs along other axes.

    ``axis`` is the one that has the units, counted from the end; None where that is not known.
    """
    shape = (units,)
    if tensor.shape == shape and axis == -1:
        return tensor
    if tensor.size == 1:
        return derived(tensor, shape, lambda array: np.full(units, array.reshape(-1)[0]))
    if axis is None or len(tensor.shape) + axis < 0:
        return None
    if tensor.size == units == tensor.shape[axis]:
        return derived(tensor, shape, lambda array: array.reshape(shape))
    return None


def scaled(tensor: Tensor, factor: float) -> Tensor:
    """Return a tensor times a number."""
    return (
        tensor
        if factor == 1
        else derived(tensor, tensor.shape, lambda array: array * array.dtype.type(factor))
    )


def _gemm(constants: Constants, node: Node) -> Product | None:
    """alpha * A @ B + beta * C, where A or B is the kernel."""
    left, right = constants.matrix(node.input(0)), constants.matrix(node.input(1))
    if (left is None) == (right is None) or not node.outputs[0]:
        return None
    turned_left, turned_right = node.integer("transA", 0) != 0, node.integer("transB", 0) != 0
    refusal = None
    if right is not None:
        kernel, transposed, axis = right[0], right[1] != turned_right, -1
        if turned_left:
            refusal = "a Gemm with a transposed input (transA)"
    else:
        assert left is not None
        kernel, transposed, axis = left[0], left[1] == turned_left, -2
    product = Product(node, node.outputs[0], kernel, transposed, axis=axis)
    bias = None
    if node.input(2):
        stated = constants.get(node.input(2))
        bias = None if stated is None else vector(stated, product.units, axis)
        if bias is None:
            refusal = f"its bias {node.input(2)!r} is computed, or is no vector: " + (
                f"expected a constant of ({product.units},)"
            )
        else:
            bias = scaled(bias, node.number("beta", 1))
    kernel = scaled(kernel, node.number("alpha", 1))
    return Product(node, node.outputs[0], kernel, transposed, bias, axis, refusal=refusal)


def _matmul(constants: Constants, node: Node) -> Product | None:
    left, right = constants.matrix(node.input(0)), constants.matrix(node.input(1))
    if (left is None) == (right is None) or not node.outputs[0]:
        return None
    if right is not None:
        return Product(node, node.outputs[0], *right)
    assert left is not None
    return Product(node, node.outputs[0], left[0], not left[1], axis=-2)


def _conv(constants: Constants, node: Node) -> Product | None:
    """A convolution of kernel size 1 is a dense layer over the channels, which are axis 1."""
    kernel = constants.get(node.input(1))
    if kernel is None or len(kernel.shape) < 3 or set(kernel.shape[2:]) != {1} or not node.outputs[0]:
        return None
    if not _stays_in_place(node):
        return None
    shape = kernel.shape[:2]
    matrix = derived(kernel, shape, lambda array: array.reshape(shape))
    product = Product(node, node.outputs[0], matrix, True, axis=1 - len(kernel.shape))
    if not node.input(2):
        return product
    stated = constants.get(node.input(2))
    bias = None if stated is None else vector(stated, product.units)
    refusal = None if bias is not None else f"its bias {node.input(2)!r} is computed: expected a constant"
    return Product(node, product.output, matrix, True, bias, product.axis, refusal=refusal)


def _stays_in_place(node: Node) -> bool:
    """Whether a convolution gives one output for each place of its input, from all of its channels."""
    moved = any(node.integers("pads") or ()) or set(node.integers("strides") or ()) - {1}
    return node.integer("group", 1) == 1 and not moved


def _matmul_integer(constants: Constants, node: Node) -> Product | None:
    """Integers times integers; the scale of both stands in the Mul that follows."""
    stored = constants.get(node.input(1))
    if stored is None or len(stored.shape) != 2 or not node.outputs[0]:
        return None
    output, scale = _scale_after(constants, node)
    multiplier = _spread(scale, stored)
    zero_point = _spread(constants.get(node.input(3)), stored) if node.input(3) else None
    if multiplier is None or (node.input(3) and zero_point is None):
        refusal = (
            f"{node.label}: expected DynamicQuantizeLinear before it and a constant scale in a Mul after it"
        )
        return Product(node, node.outputs[0], stored, False, refusal=refusal)

    def change(array: NDArray[Any]) -> NDArray[Any]:
        wide = array.astype(np.float32)
        if zero_point is not None:
            wide -= zero_point()
        wide *= multiplier()
        return wide

    remark = f"{node.label}: ONNX Runtime rounds its input to 8 bits, densecli does not"
    return Product(node, output, derived(stored, stored.shape, change, "float32"), False, remark=remark)


def _spread(tensor: Tensor | None, kernel: Tensor) -> Callable[[], NDArray[Any]] | None:
    """Return what reads a scale or a zero point as it broadcasts to a kernel; None: it does not."""
    if tensor is None:
        return None
    spread = spread_over(kernel.shape, tensor.shape, 1, 0)
    return None if spread is None else lambda: spread(tensor.read())


def _scale_after(constants: Constants, node: Node) -> tuple[str, Tensor | None]:
    """Return the value that has real numbers again, and the kernel's part of their scale.

    The pattern is DynamicQuantizeLinear → MatMulInteger → Cast → Mul by (the input's scale · the kernel's).
    """
    output = node.outputs[0]
    graph = constants.graph
    quantised = graph.made_by(node.input(0), "DynamicQuantizeLinear")
    if quantised is None or len(quantised.outputs) < 2:
        return output, None
    if node.input(2) and node.input(2) not in quantised.outputs[2:]:
        return output, None
    cast = graph.only_user(output, "Cast")
    product = None if cast is None else graph.only_user(cast.outputs[0], "Mul")
    if cast is None or product is None:
        return output, None
    output = product.outputs[0]
    scales = graph.made_by(_other_factor(product, cast.outputs[0]), "Mul")
    if scales is None or quantised.outputs[1] not in scales.inputs[:2]:
        return output, None
    return output, constants.get(_other_factor(scales, quantised.outputs[1]))


def _other_factor(product: Node, factor: str) -> str:
    """Return what a Mul multiplies ``factor`` by."""
    [other] = [name for name in product.inputs[:2] if name != factor] or [""]
    return other


_POST = {"NONE": "linear", "SOFTMAX": "softmax", "LOGISTIC": "sigmoid"}


def _linear_classifier(constants: Constants, node: Node) -> Product | None:
    product = _linear_model(node, node.outputs[1] if len(node.outputs) > 1 else node.outputs[0], _class_count)
    if product is None or product.units > 1 or product.refusal is not None:
        return product
    refusal = f"{node.label}: one row of coefficients for two classes: expected one for each"
    return replace(product, refusal=refusal)


def _linear_regressor(constants: Constants, node: Node) -> Product | None:
    return _linear_model(node, node.outputs[0], lambda node: node.integer("targets", 1))


def _linear_model(node: Node, output: str, count: Callable[[Node], int]) -> Product | None:
    """A linear model of ai.onnx.ml: (units, features) numbers in an attribute.

    ``count`` gives the units where there are no intercepts.
    """
    coefficients, intercepts = node.numbers("coefficients"), node.numbers("intercepts")
    units = len(intercepts or ()) or count(node)
    if not coefficients or not units or len(coefficients) % units or not output:
        return None
    shape = (units, len(coefficients) // units)
    name = node.name or output
    kernel = Tensor(
        f"{name}.coefficients", shape, "float32", lambda: np.array(coefficients, np.float32).reshape(shape)
    )
    bias = None
    if intercepts:
        bias = Tensor(f"{name}.intercepts", (units,), "float32", lambda: np.array(intercepts, np.float32))
    post = node.text("post_transform", "NONE")
    refusal = None
    if post not in _POST:
        refusal = f"{node.label}: post_transform {post}: expected one of {', '.join(_POST)}"
    return Product(node, output, kernel, True, bias, activation=_POST.get(post, "linear"), refusal=refusal)


def _class_count(node: Node) -> int:
    return len(node.attributes.get("classlabels_ints") or node.attributes.get("classlabels_strings") or ())


def _refused(kernel: int, transposed: bool = False) -> Callable[[Constants, Node], Product | None]:
    """Return a handler of nodes whose kernel is input number ``kernel``, in a scheme that is not known."""

    def handler(constants: Constants, node: Node) -> Product | None:
        found = constants.matrix(node.input(kernel))
        if found is None or not node.outputs[0]:
            return None
        refusal = f"{node.label}: densecli does not run this kind of product"
        return Product(node, node.outputs[0], found[0], transposed != found[1], refusal=refusal)

    return handler


HANDLERS: dict[str, Callable[[Constants, Node], Product | None]] = {
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Conv": _conv,
    "MatMulInteger": _matmul_integer,
    "ai.onnx.ml.LinearClassifier": _linear_classifier,
    "ai.onnx.ml.LinearRegressor": _linear_regressor,
    "QLinearMatMul": _refused(3),
    "com.microsoft.FusedMatMul": _refused(1),
    "com.microsoft.FusedGemm": _refused(1),
    "com.microsoft.QGemm": _refused(3),
    "com.microsoft.DynamicQuantizeMatMul": _refused(1),
    "com.microsoft.MatMulIntegerToFloat": _refused(1),
}
