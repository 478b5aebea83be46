"""Values of an ONNX graph that do not depend on its input: stored tensors, and what nodes make of them.

Every value is a `Tensor` of known shape whose numbers are computed when they are read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.files.tensor import Tensor
from dense_cli.heads.onnx.graph import Graph, Node
from dense_cli.heads.onnx.tensors import stored_tensor

_DEPTH = 32  # nodes between a stored tensor and its use
_FEW = 64  # numbers of a constant that is looked at: a shape, axes, a single number

Change = Callable[[NDArray[Any]], NDArray[Any]]


def derived(tensor: Tensor, shape: tuple[int, ...], change: Change, dtype: str | None = None) -> Tensor:
    """Return the tensor that ``change`` makes of one when it is read."""

    def read() -> NDArray[Any]:
        with np.errstate(all="ignore"):  # what is not finite is refused later, by its place
            return change(tensor.read())

    return Tensor(tensor.name, shape, dtype or tensor.dtype, read, tensor.stored)


class Constants:
    """The constants of a graph by their names."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._protos = dict(graph.initializers)
        for node in graph.nodes:
            if node.op == "Constant" and (proto := _constant(node)) is not None:
                self._protos[node.outputs[0]] = proto
        self._known: dict[str, Tensor | None] = {}

    def get(self, name: str, depth: int = 0) -> Tensor | None:
        """Return a constant; None where the value depends on the input, or on a node that is not known."""
        if name not in self._known:
            self._known[name] = None  # a damaged graph may go round in a circle
            self._known[name] = self._make(name, depth)
        return self._known[name]

    def _make(self, name: str, depth: int) -> Tensor | None:
        if name in self._protos:
            return stored_tensor(self._protos[name], name, self.graph.file)
        node = self.graph.makers.get(name)
        if node is None or node.op not in _HANDLERS or depth > _DEPTH or name != node.outputs[0]:
            return None
        first = self.get(node.input(0), depth + 1)
        return None if first is None else _HANDLERS[node.op](self, node, first)

    def few(self, name: str) -> NDArray[Any] | None:
        """Return the numbers of a small constant, in one dimension."""
        tensor = self.get(name) if name else None
        return None if tensor is None or tensor.size > _FEW else tensor.read().reshape(-1)

    def number(self, name: str) -> float | None:
        """Return the value of a constant that is a single number."""
        tensor = self.get(name) if name else None
        return None if tensor is None or tensor.size != 1 else float(tensor.read().reshape(-1)[0])

    def ints(self, node: Node, attribute: str, index: int) -> list[int] | None:
        """Return integers that are an attribute, or in later versions of ONNX an input."""
        stated = node.integers(attribute)
        if stated is not None:
            return list(stated)
        found = self.few(node.input(index))
        return None if found is None else [int(i) for i in found]

    def matrix(self, name: str) -> tuple[Tensor, bool] | None:
        """Return a constant matrix as it is stored, and whether it is used turned."""
        turned = False
        for _ in range(_DEPTH):
            node = self.graph.makers.get(name)
            if node is None or node.op != "Transpose" or _perm(node, 2) != (1, 0):
                break
            name, turned = node.input(0), not turned
        tensor = self.get(name)
        if tensor is not None and len(tensor.shape) > 2 and not turned and set(tensor.shape[:-2]) == {1}:
            shape = tensor.shape[-2:]
            tensor = derived(tensor, shape, lambda array: array.reshape(shape))
        return None if tensor is None or len(tensor.shape) != 2 else (tensor, turned)


def _constant(node: Node) -> Any:
    """Return what a Constant node holds as a TensorProto."""
    import onnx

    for name, value in node.attributes.items():
        if name == "value":
            return value
        if name in ("value_float", "value_floats"):
            return onnx.numpy_helper.from_array(np.array(value, np.float32))
        if name in ("value_int", "value_ints"):
            return onnx.numpy_helper.from_array(np.array(value, np.int64))
    return None


def _perm(node: Node, rank: int) -> tuple[int, ...]:
    return node.integers("perm") or tuple(range(rank - 1, -1, -1))


def _same(constants: Constants, node: Node, first: Tensor) -> Tensor | None:
    return first


def _cast(constants: Constants, node: Node, first: Tensor) -> Tensor | None:
    import onnx

    try:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(node.integer("to", 0))
    except (KeyError, ValueError, TypeError):
        return None
    if dtype.kind not in "iufb":
        return None
    return derived(first, first.shape, lambda array: array.astype(dtype), dtype.name)


def _transpose(constants: Constants, node: Node, first: Tensor) -> Tensor | None:
    perm = _perm(node, len(first.shape))
    if sorted(perm) != list(range(len(first.shape))):
        return None
    return derived(first, tuple(first.shape[i] for i in perm), lambda array: array.transpose(perm))


def _reshape(constants: Constants, node: Node, first: Tensor) -> Tensor | None:
    wanted = constants.ints(node, "shape", 1)
    if wanted is None:
        return None
    if not node.integer("allowzero", 0):
        wanted = [first.shape[i] if n == 0 and i < len(first.shape) else n for i, n in enumerate(wanted)]
    if wanted.count(-1) == 1:
        rest = -math.prod(wanted)
        wanted[wanted.index(-1)] = first.size // rest if rest > 0 else 0
    if any(n < 0 for n in wanted) or math.prod(wanted) != first.size:
        return None
    return derived(first, tuple(wanted), lambda array: array.reshape(wanted))


def _squeeze(constants: Constants, node: Node, first: Tensor) -> Tensor | None:
    rank = len(first.shape)
    axes = constants.ints(node, "axes", 1)
    gone = {i for i in range(rank) if first.shape[i] == 1} if axes is None else {a % rank for a in axes}
    shape = tuple(n for i, n in enumerate(first.shape) if i not in gone)
    return (
        derived(first, shape, lambda array: array.reshape(shape)) if math.prod(shape) == first.size else None
    )


def _unsqueeze(constants: Constants, node: Node, first: Tensor) -> Tensor | None:
    axes = constants.ints(node, "axes", 1)
    if axes is None:
        return None
    rank, sizes = len(first.shape) + len(axes), iter(first.shape)
    new = {a % rank for a in axes}
    shape = tuple(1 if i in new else next(sizes, 1) for i in range(rank))
    return (
        derived(first, shape, lambda array: array.reshape(shape)) if math.prod(shape) == first.size else None
    )


def _dequantize(constants: Constants, node: Node, first: Tensor) -> Tensor | None:
    """(x - zero point) * scale, of which there is one, one for each index of an axis, or one for a block."""
    scale = constants.get(node.input(1))
    zero = constants.get(node.input(2)) if node.input(2) else None
    if scale is None or (node.input(2) and (zero is None or zero.shape != scale.shape)):
        return None
    spread = spread_over(first.shape, scale.shape, node.integer("axis", 1), node.integer("block_size", 0))
    if spread is None:
        return None

    def change(array: NDArray[Any]) -> NDArray[Any]:
        factor = scale.read()
        wide: NDArray[Any] = array.astype(np.float64 if factor.dtype == np.float64 else np.float32)
        if zero is not None:
            wide = wide - spread(zero.read()).astype(wide.dtype)
        return np.asarray(wide * spread(factor))

    return derived(first, first.shape, change, scale.dtype)


def spread_over(shape: tuple[int, ...], scales: tuple[int, ...], axis: int, block: int) -> Change | None:
    """Return what makes scales of one tensor's quantisation fit its shape, None where they do not."""
    if math.prod(scales) == 1 and len(scales) < 2:
        return lambda array: array.reshape(())
    if not -len(shape) <= axis < len(shape):
        return None
    axis %= len(shape)
    if scales == (shape[axis],):
        along = [1] * len(shape)
        along[axis] = shape[axis]
        return lambda array: array.reshape(along)
    blocks = -(-shape[axis] // block) if block > 0 else 0
    if scales == (*shape[:axis], blocks, *shape[axis + 1 :]):
        kept = (slice(None),) * axis + (slice(shape[axis]),)
        return lambda array: array.repeat(block, axis)[kept]
    return None


def _arithmetic(function: Callable[[Any, Any], Any]) -> Callable[[Constants, Node, Tensor], Tensor | None]:
    def handler(constants: Constants, node: Node, first: Tensor) -> Tensor | None:
        second = constants.get(node.input(1))
        if second is None or first.dtype != second.dtype or not first.dtype.startswith("float"):
            return None
        try:
            shape = np.broadcast_shapes(first.shape, second.shape)
        except ValueError:
            return None
        return derived(first, shape, lambda array: np.asarray(function(array, second.read())))

    return handler


_HANDLERS: dict[str, Callable[[Constants, Node, Tensor], Tensor | None]] = {
    "Identity": _same,
    "Cast": _cast,
    "Transpose": _transpose,
    "Reshape": _reshape,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "DequantizeLinear": _dequantize,
    "Add": _arithmetic(np.add),
    "Sub": _arithmetic(np.subtract),
    "Mul": _arithmetic(np.multiply),
    "Div": _arithmetic(np.divide),
}
