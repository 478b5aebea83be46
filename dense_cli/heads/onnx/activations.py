"""What follows a dense layer in an ONNX graph: which of Keras' activations the nodes make together.

A walk begins at the layer's sums, whose state is ``linear``. `steps.STEPS` says which state a node makes of
the states of its inputs, `ATTRIBUTED` the same of nodes whose attributes matter; no kind of node is in both.
A state that begins with ``~`` is a part of an activation, every other one is an activation of Keras. What
stands in neither table ends the walk: it is another layer, or it is not known, and then nobody may take the
sums for the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from dense_cli.heads.onnx.constants import Constants
from dense_cli.heads.onnx.graph import Graph, Node
from dense_cli.heads.onnx.moves import MOVES, moves, restores
from dense_cli.heads.onnx.steps import made_of, number_in

_MOST = 32  # nodes of one walk
_INPUTS = 4  # of a node that may be part of an activation

# Nodes that begin something new, so that what comes before them is a layer's whole output.
_LAYERS = (
    "MatMul Gemm MatMulInteger QLinearMatMul DynamicQuantizeLinear Conv ConvInteger QLinearConv "
    "ConvTranspose LSTM GRU RNN Attention Einsum LayerNormalization GroupNormalization "
    "InstanceNormalization BatchNormalization RMSNormalization LpNormalization MeanVarianceNormalization "
    "LRN Concat Split Slice Gather GatherND GatherElements MaxPool AveragePool GlobalAveragePool "
    "GlobalMaxPool ReduceMean ReduceL2 Pad Resize Expand Tile com.microsoft.Attention "
    "com.microsoft.MultiHeadAttention com.microsoft.SkipLayerNormalization com.microsoft.FusedMatMul"
)
_LAYER_OPS = frozenset(_LAYERS.split())
# Two computed values: a residual, a gate.
_MERGES = ("Add", "Sub", "Mul", "Div")
# Nodes that only look at a value.
OBSERVERS = frozenset(("Shape", "Size", "ArgMax", "ArgMin", "TopK"))


class Point(NamedTuple):
    """A value on the way: its state, the axis of the units from the end, and what it was made of.

    ``axis`` is None where a node rearranged the axes in a way that is not known.
    """

    state: str
    axis: int | None
    parts: frozenset[str] = frozenset()


class End(NamedTuple):
    """Where a walk ends: the activation, the last value that has it, and nodes that are not known."""

    activation: str
    name: str
    unknown: tuple[Node, ...]


def follow(constants: Constants, units: int, start: str, axis: int | None, activation: str = "linear") -> End:
    """Return the activation of the sums in the value ``start``, whose ``axis`` has the units."""
    graph = constants.graph
    points = {start: Point(activation, axis)}
    todo = [start]
    while todo and len(points) < _MOST:
        for node in graph.users.get(todo.pop(0), ())[:_MOST]:
            output = node.outputs[0] if node.outputs else ""
            if not output or output in points or len(node.inputs) > _INPUTS:
                continue
            point = _step(constants, units, node, points)
            if point is not None:
                points[output] = point
                todo.append(output)
    whole = [name for name in points if _complete(graph, points, name)]
    last = whole[-1]
    unknown = () if last in graph.outputs else tuple(_unknown(constants, points, last))
    return End(points[last].state, last, unknown)


def _complete(graph: Graph, points: dict[str, Point], name: str) -> bool:
    """Whether a value is an activation that everything before it goes into, and nothing else."""
    point = points[name]
    inside = point.parts | {name}
    return not point.state.startswith("~") and not any(
        part in graph.outputs
        or any(
            node.op not in OBSERVERS and inside.isdisjoint(node.outputs) for node in graph.users.get(part, ())
        )
        for part in point.parts
    )


def _unknown(constants: Constants, points: dict[str, Point], name: str) -> Iterator[Node]:
    """Give the users of a value that may be a part of its activation, and are not known."""
    for node in constants.graph.users.get(name, ()):
        if node.op in _LAYER_OPS or node.op in OBSERVERS:
            continue
        if node.op in _REDUCED and points[name].state != "linear":  # else the beginning of a softmax
            continue
        others = [other for other in node.inputs[:_INPUTS] if other != name]
        merges = node.op in _MERGES and len(others) == 1 and constants.get(others[0]) is None
        if not merges or others[0] in points:
            yield node


def _step(constants: Constants, units: int, node: Node, points: dict[str, Point]) -> Point | None:
    """Return the point that a node makes of points and numbers, None where it is not known."""
    first = points.get(node.input(0))
    point = None if first is None else _of_one(constants, units, node, first)
    point = point or _of_several(constants, node, points)
    if point is None:
        return None
    before = [name for name in node.inputs if name in points]
    return point._replace(parts=frozenset(before).union(*(points[name].parts for name in before)))


def _of_one(constants: Constants, units: int, node: Node, first: Point) -> Point | None:
    """Return the point of a node whose first input decides: one that moves it, or one with attributes."""
    if first.state.endswith(_NO_AXIS) and restores(constants, node):
        return Point(first.state.removesuffix(_NO_AXIS), first.axis)
    if moves(node):
        return Point(first.state, MOVES[node.op](constants, units, node, first.axis))
    state = ATTRIBUTED[node.op](constants, node, first) if node.op in ATTRIBUTED else None
    return None if state is None else Point(state, first.axis)


def _of_several(constants: Constants, node: Node, points: dict[str, Point]) -> Point | None:
    """Return the point that `STEPS` has for a node, whose inputs must agree on the axis of the units."""
    axes = {points[name].axis for name in node.inputs if name in points}
    if len(axes) != 1 or len(node.outputs) != 1:
        return None
    inputs: list[str] = []
    for name in node.inputs:
        state = points[name].state if name in points else number_in(constants, name)
        if state is None:
            return None
        inputs.append(state)
    made = made_of(node.op, inputs)
    return None if made is None else Point(made, axes.pop())


# --- nodes with attributes


def _plain(name: str, **defaults: float) -> Callable[[Constants, Node, Point], str | None]:
    """Return a handler of an activation that is Keras' where its attributes have these values."""

    def handler(constants: Constants, node: Node, point: Point) -> str | None:
        stated = (
            math.isclose(node.number(key, value), value, rel_tol=1e-4) for key, value in defaults.items()
        )
        return name if point.state == "linear" and all(stated) else None

    return handler


def _with(
    name: str, argument: str, attribute: str, default: float
) -> Callable[[Constants, Node, Point], str | None]:
    """Return a handler of an activation with one number, an attribute of the node."""

    def handler(constants: Constants, node: Node, point: Point) -> str | None:
        if point.state != "linear":
            return None
        return f"{name}({argument}={_shortest(node.number(attribute, default))})"

    return handler


def _shortest(value: float) -> str:
    """Return a float32 in as few digits as tell it from others."""
    return str(np.float32(value))


def _over_units(constants: Constants, node: Node, point: Point, axis: int) -> bool:
    """Whether ``axis`` of a node is the one that has the units."""
    if point.axis is not None and axis >= 0:
        rank = constants.graph.rank(node.input(0))
        return rank is not None and axis - rank == point.axis
    return axis == point.axis


def _softmax(name: str) -> Callable[[Constants, Node, Point], str | None]:
    def handler(constants: Constants, node: Node, point: Point) -> str | None:
        old = constants.graph.opset < 13  # it took all axes from this one on together
        axis = node.integer("axis", 1 if old else -1)
        fits = _over_units(constants, node, point, axis) and (not old or point.axis == -1)
        return name if fits and point.state == "linear" else None

    return handler


_NO_AXIS = ", no axis"  # ends the state of a reduction that kept no axis of size 1
_REDUCED = {
    "ReduceMax": {"linear": "~max"},
    "ReduceSum": {"~exp(z-max)": "~sum exp(z-max)", "exponential": "~sum exp(z)"},
    "ReduceLogSumExp": {"linear": "~log sum exp(z)"},
}
_ONE_EACH = {state for states in _REDUCED.values() for state in states.values()}


def _reduce(constants: Constants, node: Node, point: Point) -> str | None:
    axes = constants.ints(node, "axes", 1)
    state = _REDUCED[node.op].get(point.state)
    if state is None or axes is None or len(axes) != 1 or not _over_units(constants, node, point, axes[0]):
        return None
    if node.integer("keepdims", 1):
        return state
    return state + _NO_AXIS if point.axis == -1 else None


def _expand(constants: Constants, node: Node, point: Point) -> str | None:
    """One number for each row, written once for each unit."""
    return point.state if point.state in _ONE_EACH else None


def _clip(constants: Constants, node: Node, point: Point) -> str | None:
    """A cut at two numbers, either of which may be missing."""
    low, high = _limits(constants, node)
    if low is None or high is None:
        return None
    if point.state == "~z+3":
        return "~relu6(z+3)" if (low, high) == (0, 6) else None
    if point.state == "relu":
        low = max(low, 0)  # nothing below 0 is left
    elif point.state != "linear":
        return None
    if (low, high) == (-1, 1):
        return "hard_tanh"
    return _relu_to(high) if low == 0 and high > 0 else None


def _limits(constants: Constants, node: Node) -> tuple[float | None, float | None]:
    """Return where a Clip cuts; None where that is computed. Since opset 11 they are inputs."""
    if constants.graph.opset < 11:
        return node.number("min", -math.inf), node.number("max", math.inf)
    low = constants.number(node.input(1)) if node.input(1) else -math.inf
    high = constants.number(node.input(2)) if node.input(2) else math.inf
    return low, high


def _relu_to(high: float) -> str:
    if high == 6:
        return "relu6"
    return f"relu(max_value={_shortest(high)})" if high < math.inf else "relu"


def _hard_sigmoid(constants: Constants, node: Node, point: Point) -> str | None:
    slope, middle = node.number("alpha", 0.2), node.number("beta", 0.5)
    known = math.isclose(slope, 1 / 6, rel_tol=1e-4) and middle == 0.5
    return "hard_sigmoid" if known and point.state == "linear" else None


def _gelu(constants: Constants, node: Node, point: Point) -> str | None:
    name = {"none": "gelu", "tanh": "gelu(approximate=True)"}.get(node.text("approximate", "none"))
    return name if point.state == "linear" else None


def _prelu(constants: Constants, node: Node, point: Point) -> str | None:
    slope = constants.number(node.input(1))
    return (
        None if slope is None or point.state != "linear" else f"leaky_relu(negative_slope={_shortest(slope)})"
    )


def _shrink(constants: Constants, node: Node, point: Point) -> str | None:
    edge, bias = node.number("lambd", 0.5), node.number("bias", 0)
    kind = {0.0: "hard_shrink", edge: "soft_shrink"}.get(bias)
    return f"{kind}(threshold={_shortest(edge)})" if kind is not None and point.state == "linear" else None


def _thresholded(constants: Constants, node: Node, point: Point) -> str | None:
    edge = _shortest(node.number("alpha", 1))
    return f"threshold(threshold={edge}, default_value=0.0)" if point.state == "linear" else None


def _normalizer(constants: Constants, node: Node, point: Point) -> str | None:
    """Rows divided by their sum, which is 1 already after a softmax."""
    return "softmax" if point.state == "softmax" and node.text("norm", "MAX") == "L1" else None


ATTRIBUTED: dict[str, Callable[[Constants, Node, Point], str | None]] = {
    "Softmax": _softmax("softmax"),
    "LogSoftmax": _softmax("log_softmax"),
    "ReduceMax": _reduce,
    "ReduceSum": _reduce,
    "ReduceLogSumExp": _reduce,
    "Expand": _expand,
    "LeakyRelu": _with("leaky_relu", "negative_slope", "alpha", 0.01),
    "Elu": _with("elu", "alpha", "alpha", 1),
    "Celu": _with("celu", "alpha", "alpha", 1),
    "Selu": _plain("selu", alpha=1.6732632423543772, gamma=1.0507009873554805),
    "Swish": _plain("silu", alpha=1),
    "HardSigmoid": _hard_sigmoid,
    "Gelu": _gelu,
    "com.microsoft.Gelu": _plain("gelu"),
    "Clip": _clip,
    "PRelu": _prelu,
    "Shrink": _shrink,
    "ThresholdedRelu": _thresholded,
    "ai.onnx.ml.Normalizer": _normalizer,
}
