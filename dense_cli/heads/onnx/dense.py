"""From a product to a head: what is added to it and multiplied with it, and the activation after that."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.files.tensor import Tensor
from dense_cli.heads.head import Head
from dense_cli.heads.onnx.activations import OBSERVERS, End, follow
from dense_cli.heads.onnx.constants import Constants, derived
from dense_cli.heads.onnx.graph import Node
from dense_cli.heads.onnx.moves import MOVES, moves
from dense_cli.heads.onnx.products import Product, vector

_MOST = 16  # nodes that add to a product or multiply it

# "0.weight" and "0.bias" are the layer "0": the name that the exporter left, if it left one.
_STEM = re.compile(
    r"(.*)[./](?:weight|kernel|bias|[wb]_\d+|(?:MatMul|Tensordot|BiasAdd)/ReadVariableOp(?:/resource)?)(?::0)?",
    re.DOTALL,
)


class _Step(NamedTuple):
    """A constant of shape (units,) that is added to the sums, or that they are multiplied by."""

    op: str
    constant: Tensor


class _Sums(NamedTuple):
    """A value that is the product after some steps, and the axis that has the units."""

    name: str
    axis: int | None
    steps: tuple[_Step, ...]


def head_of(constants: Constants, product: Product) -> Head:
    """Return the head that a product is a part of."""
    sums = _chain(constants, product)
    chosen, end = _choose(constants, product, sums)
    kernel, bias = _fold(product, chosen.steps)
    stems = [match[1] for tensor in (kernel, bias) if tensor and (match := _STEM.fullmatch(tensor.name))]
    name = product.node.name or kernel.name
    refusal = None
    if end.unknown:
        known = "" if end.activation == "linear" else f" {end.activation}"
        refusal = f"its activation is not known: {end.unknown[0].label} follows{known}"
    return Head(
        name=stems[0] if stems else name,
        path=name,
        kernel=kernel,
        bias=bias,
        activation=None if end.unknown else end.activation,
        output=end.name in constants.graph.outputs,
        transposed=product.transposed,
        aliases=(kernel.name,),
        refusal=product.refusal,
        activation_refusal=refusal,
        remark=product.remark,
    )


def _chain(constants: Constants, product: Product) -> list[_Sums]:
    """Return the values from the product on that are sums of it with constants, or multiples."""
    graph, name = constants.graph, product.output
    found = [_Sums(name, product.axis, ())]
    while name not in graph.outputs and len(found) < _MOST:
        users = [node for node in graph.users.get(name, ()) if node.op not in OBSERVERS]
        if len(users) != 1 or not users[0].outputs[0] or product.activation != "linear":
            break
        [node] = users
        axis, steps = found[-1].axis, found[-1].steps
        if moves(node) and node.input(0) == name:
            axis = MOVES[node.op](constants, product.units, node, axis)
        elif (step := _step(constants, product, node, name, axis)) is not None:
            steps = (*steps, step)
        else:
            break
        name = node.outputs[0]
        found.append(_Sums(name, axis, steps))
    return found


def _step(constants: Constants, product: Product, node: Node, name: str, axis: int | None) -> _Step | None:
    if node.op not in ("Add", "Sub", "Mul", "Div") or len(node.inputs) != 2 or name not in node.inputs:
        return None
    if node.op in ("Sub", "Div") and node.inputs[0] != name:
        return None
    [other] = [other for other in node.inputs if other != name] or [name]
    constant = constants.get(other)
    fits = None if constant is None else vector(constant, product.units, axis)
    return None if fits is None else _Step(node.op, fits)


def _choose(constants: Constants, product: Product, sums: list[_Sums]) -> tuple[_Sums, End]:
    """Return which sums are the layer's, and the end of the walk that begins there.

    The first that an activation follows, else the last if it is the model's output. Else the layer is
    linear, and ends with the last constant that is added: a factor after it belongs to what comes next.
    """
    units = product.units
    ends = [follow(constants, units, each.name, each.axis, product.activation) for each in sums]
    for each, end in zip(sums, ends, strict=True):
        if end.activation != "linear" or end.name in constants.graph.outputs:
            return each, end
    added = [each for each in sums if each.steps and each.steps[-1].op in ("Add", "Sub")]
    return added[-1] if added else sums[0], ends[-1]


def _fold(product: Product, steps: tuple[_Step, ...]) -> tuple[Tensor, Tensor | None]:
    """Return the kernel and the bias that do what the product and the steps do."""
    if not steps:
        return product.kernel, product.bias
    if len(steps) == 1 and steps[0].op == "Add" and product.bias is None:
        return product.kernel, steps[0].constant
    kernel, transposed = product.kernel, product.transposed
    factors = [step for step in steps if step.op in ("Mul", "Div")]

    def change(array: NDArray[Any]) -> NDArray[Any]:
        for step in factors:
            factor = step.constant.read()
            array = _apply(step.op, array, factor[:, None] if transposed else factor)
        return array

    bias = _folded_bias(product, steps)
    return derived(kernel, kernel.shape, change) if factors else kernel, bias


def _folded_bias(product: Product, steps: tuple[_Step, ...]) -> Tensor | None:
    """Return what the steps make of the product's bias, or of zeros; None where nothing is added."""

    def change(array: NDArray[Any]) -> NDArray[Any]:
        for step in steps:
            array = _apply(step.op, array, step.constant.read())
        return array

    if product.bias is not None:
        return derived(product.bias, product.bias.shape, change)
    added = [step.constant for step in steps if step.op in ("Add", "Sub")]
    if not added:
        return None
    zeros = np.zeros(product.units, np.float32)
    return Tensor(added[0].name, added[0].shape, added[0].dtype, lambda: change(zeros))


def _apply(op: str, array: NDArray[Any], constant: NDArray[Any]) -> NDArray[Any]:
    function = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide}[op]
    with np.errstate(all="ignore"):  # what is not finite is refused by its place
        return np.asarray(function(array, constant))
