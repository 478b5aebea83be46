"""An ONNX graph as plain records: its nodes, who makes and uses each value, and what is said of shapes.

The format: https://onnx.ai/onnx/intro/concepts.html and https://onnx.ai/onnx/operators/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from dense_cli.errors import FileFormatError

_FLOAT, _INT, _STRING, _TENSOR, _GRAPH, _FLOATS, _INTS, _GRAPHS = 1, 2, 3, 4, 5, 6, 7, 10
_KINDS = {_FLOAT: "f", _INT: "i", _STRING: "s", _TENSOR: "t", _FLOATS: "floats", _INTS: "ints"}
_SEARCHED = 32  # nodes that are walked through to learn how many axes a value has


class DamagedNodeError(Exception):
    """A node that ONNX does not allow; the text says which and why, without the file."""


class Node(NamedTuple):
    """One node; ``op`` has the domain before it unless that is ONNX' own."""

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]

    @property
    def label(self) -> str:
        """What a message calls it."""
        return f"{self.op} node {self.name or self.outputs[0]!r}"

    def input(self, index: int) -> str:
        """Return the name of an input, empty where it is left out."""
        return self.inputs[index] if index < len(self.inputs) else ""

    def integer(self, name: str, default: int) -> int:
        """Return an attribute that is an integer."""
        return int(self._attribute(name, int, default))

    def number(self, name: str, default: float) -> float:
        """Return an attribute that is a number."""
        return float(self._attribute(name, float, default))

    def text(self, name: str, default: str) -> str:
        """Return an attribute that is text."""
        return str(self._attribute(name, bytes, default.encode()), "utf-8", "replace")

    def numbers(self, name: str) -> tuple[float, ...] | None:
        """Return an attribute that is a list of numbers."""
        found: tuple[float, ...] | None = self._attribute(name, tuple, None)
        return found

    def integers(self, name: str) -> tuple[int, ...] | None:
        """Return an attribute that is a list of integers."""
        found: tuple[int, ...] | None = self._attribute(name, tuple, None)
        if found is not None and not all(isinstance(i, int) for i in found):
            raise DamagedNodeError(f"{self.label}: {name} is not a list of integers")
        return found

    def _attribute(self, name: str, kind: type, default: Any) -> Any:
        found = self.attributes.get(name, default)
        if found is not default and not isinstance(found, kind):
            raise DamagedNodeError(f"{self.label}: {name} is a {type(found).__name__}")
        return found


# Nodes whose output has as many axes as their first input.
_SAME_RANK = (
    "Add Cast Clip Div Dropout Elu Exp Gelu HardSigmoid HardSwish Identity LeakyRelu LogSoftmax MatMul "
    "MatMulInteger Mul Relu Selu Sigmoid Softmax Softplus Softsign Sub Tanh Transpose"
)
_SAME_RANK_OPS = frozenset(_SAME_RANK.split())
_ELEMENTWISE_OPS = _SAME_RANK_OPS - {"MatMul", "MatMulInteger"}
_RANK_2 = ("Gemm", "Flatten", "ai.onnx.ml.LinearClassifier", "ai.onnx.ml.LinearRegressor")


class Graph:
    """The nodes of a model's graph in the order of the file.

    Raises:
        FileFormatError: a name that is not UTF-8, or two nodes that make one value.
    """

    def __init__(self, model: Any, file: str) -> None:
        graph = model.graph
        self.file = file
        self.opset = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=1)
        own = {(function.domain, function.name) for function in model.functions}
        self.nodes: list[Node] = []
        self.makers: dict[str, Node] = {}
        self.users: dict[str, list[Node]] = {}
        for proto in graph.node:
            node = _node(proto, own)
            inside = [name for attribute in proto.attribute for name in _names_inside(attribute)]
            self._require_text((proto.op_type, proto.domain, node.name, *node.inputs, *node.outputs, *inside))
            if any(node.outputs):  # others are of no use
                self._add(node, inside)
        self.initializers = {tensor.name: tensor for tensor in graph.initializer}
        self._require_text(self.initializers)
        self.outputs = {value.name for value in graph.output}
        self.shapes = _stated_shapes(graph)

    def _add(self, node: Node, inside: list[str]) -> None:
        """Take a node that uses its inputs, and the values ``inside`` of its bodies."""
        self.nodes.append(node)
        for name in dict.fromkeys((*node.inputs, *inside)):
            self.users.setdefault(name, []).append(node)
        for name in filter(None, node.outputs):
            if name in self.makers:
                raise FileFormatError(f"{self.file}: damaged ONNX model: two nodes make {name!r}")
            self.makers[name] = node

    def made_by(self, name: str, op: str) -> Node | None:
        """Return the node that makes a value, if it is an ``op``."""
        maker = self.makers.get(name)
        return maker if maker is not None and maker.op == op else None

    def only_user(self, name: str, op: str) -> Node | None:
        """Return the node that uses a value, if it is the only one and an ``op``."""
        users = self.users.get(name, [])
        return users[0] if len(users) == 1 and users[0].op == op else None

    def rank(self, name: str) -> int | None:
        """Return how many axes a value has, as far as the graph says so near it."""
        rank = self._rank_from_inputs(name)
        return self._rank_from_users(name) if rank is None else rank

    def _rank_from_inputs(self, name: str) -> int | None:
        """Return the rank of a value from what it is made of."""
        for _ in range(_SEARCHED):
            if name in self.shapes:
                return len(self.shapes[name])
            maker = self.makers.get(name)
            if maker is None:
                return None
            if maker.op in _RANK_2:
                return 2
            if maker.op == "Conv" and maker.input(1) in self.initializers:
                return len(self.initializers[maker.input(1)].dims)
            if maker.op not in _SAME_RANK_OPS:
                return None
            name = next((i for i in maker.inputs[:2] if i not in self.initializers), "")
        return None

    def _rank_from_users(self, name: str) -> int | None:
        """Return the rank of a value from what is made of it."""
        for _ in range(_SEARCHED):
            if name in self.shapes:
                return len(self.shapes[name])
            users = self.users.get(name, ())[:_SEARCHED]
            user = next((node for node in users if node.op in _ELEMENTWISE_OPS), None)
            if user is None:
                return None
            name = user.outputs[0]
        return None

    def _require_text(self, names: Any) -> None:
        if not all(isinstance(name, str) for name in names):
            raise FileFormatError(f"{self.file}: damaged ONNX model: a name in it is not UTF-8")


def _shape(value: Any) -> tuple[int | None, ...]:
    sizes = value.type.tensor_type.shape.dim
    return tuple(size.dim_value if size.HasField("dim_value") else None for size in sizes)


def _node(proto: Any, own: set[tuple[str, str]]) -> Node:
    """Return a record of a node; one of the model's own functions is called by its domain, too."""
    standard = proto.domain in ("", "ai.onnx") and (proto.domain, proto.op_type) not in own
    attributes = {a.name: _value(a) for a in proto.attribute if a.type in _KINDS}
    op = proto.op_type if standard else f"{proto.domain}.{proto.op_type}"
    return Node(op, proto.name, tuple(proto.input), tuple(proto.output), attributes)


def _value(attribute: Any) -> Any:
    value = getattr(attribute, _KINDS[attribute.type])
    return tuple(value) if attribute.type in (_FLOATS, _INTS) else value


def _stated_shapes(graph: Any) -> dict[str, tuple[int | None, ...]]:
    return {
        value.name: _shape(value)
        for value in (*graph.input, *graph.value_info, *graph.output)
        if value.type.tensor_type.HasField("shape")
    }


def _names_inside(attribute: Any) -> Iterator[str]:
    """Give the values that the bodies of an If, a Loop or a Scan use."""
    if attribute.type not in (_GRAPH, _GRAPHS):
        return
    for graph in (attribute.g, *attribute.graphs):
        for node in graph.node:
            yield from node.input
            for inner in node.attribute:
                yield from _names_inside(inner)
        yield from (value.name for value in graph.output)
