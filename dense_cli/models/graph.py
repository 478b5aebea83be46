"""The calls between a model's inputs and outputs, in an order in which they can be run.

Source: keras/src/ops/function.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

from dense_cli.errors import ConfigError
from dense_cli.layers import tree
from dense_cli.layers.keras_tensor import KerasTensor, Node


class Graph(NamedTuple):
    """The calls of a model.

    ``nodes`` are in an order in which each has its inputs; ``by_depth`` has them by their distance from the
    outputs; ``operations`` are the layers, each once, in the order in which Keras lists them.
    """

    nodes: list[Node]
    by_depth: dict[int, list[Node]]
    operations: list[Any]


def node_of(tensor: KerasTensor) -> Node | None:
    """Return the call that gives ``tensor``."""
    history = tensor._keras_history
    return None if history.operation is None else history.operation._inbound_nodes[history.node_index]


def graph_of(model: Any) -> Graph | None:
    """Return the graph of a model; None of a layer, and of a model that has none."""
    graph: Graph | None = getattr(getattr(model, "_functional", None) or model, "_graph", None)
    return graph


def last_calls(graph: Graph) -> dict[int, Node]:
    """Return the last call of each layer in a graph, by the layer's id."""
    last: dict[int, Node] = {}
    for node in graph.nodes:
        known = last.get(id(node.operation))
        calls = node.operation._inbound_nodes
        if known is None or calls.index(node) > calls.index(known):
            last[id(node.operation)] = node
    return last


def is_input(tensor: KerasTensor) -> bool:
    """Return whether a tensor is an input.

    Raises:
        ConfigError: no layer gives it.
    """
    node = node_of(tensor) if hasattr(tensor, "_keras_history") else None
    if node is None:
        raise ConfigError(f"{tensor} comes from no layer: a model starts from an Input")
    return node.is_input


def with_values(node: Node, values: dict[int, Any]) -> tuple[Any, Any]:
    """Return the arguments of a call with the values of their tensors, by the tensors' ids."""

    def fill(x: Any) -> Any:
        return values[id(x)] if isinstance(x, KerasTensor) else x

    return tree.map_structure(fill, list(node.args)), tree.map_structure(fill, node.kwargs)


def uses_of(graph: Graph, outputs: list[KerasTensor]) -> dict[int, int]:
    """Return how often each tensor is needed, by its id."""
    uses: dict[int, int] = {}
    for x in [x for node in graph.nodes for x in node.input_tensors] + outputs:
        uses[id(x)] = uses.get(id(x), 0) + 1
    return uses


def keep_used(node: Node, results: list[Any], values: dict[int, Any], uses: dict[int, int]) -> None:
    """Keep of a call's results what is needed later, and drop of what it took that which nothing else needs.

    ``values`` and ``uses`` are the value of each tensor, and how often it is needed yet, by its id.
    """
    for x in node.input_tensors:
        uses[id(x)] -= 1
        if not uses[id(x)]:
            values.pop(id(x), None)
    for x, value in zip(node.output_tensors, results, strict=True):
        if uses.get(id(x)):
            values[id(x)] = value


def make_graph(
    inputs: list[KerasTensor], outputs: list[KerasTensor], paths: list[str] | None = None
) -> Graph:
    """Return the graph between ``inputs`` and ``outputs``; ``paths`` say where each output stands.

    Raises:
        ConfigError: a circle, an output that does not come from the inputs, or a name that two layers have.
    """
    found = _sorted_nodes(inputs, outputs)
    order = {id(node.operation): index for index, node in reversed(list(enumerate(found.in_search_order)))}
    depths = _depths(found.nodes)
    nodes = list(found.nodes)
    for node in _unused_inputs(inputs, found.nodes):
        nodes.append(node)
        depths[id(node)] = 0
        order[id(node.operation)] = -1
    operation_depths: dict[int, int] = {}
    operations: dict[int, Any] = {}
    for node in nodes:
        key = id(node.operation)
        operations[key] = node.operation
        operation_depths[key] = max(operation_depths.get(key, 0), depths[id(node)])

    by_depth: defaultdict[int, list[Node]] = defaultdict(list)
    for node in nodes:
        by_depth[depths[id(node)]].append(node)
    in_order = [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]
    _check_connected(inputs, in_order, outputs, paths or [str(i) for i in range(len(outputs))])
    listed = sorted(operations.values(), key=lambda op: (-operation_depths[id(op)], order[id(op)]))
    _check_names([operation.name for operation in listed])
    return Graph(in_order, dict(by_depth), listed)


def _unused_inputs(inputs: list[KerasTensor], nodes: list[Node]) -> Iterator[Node]:
    """Give the inputs that no output needs."""
    used = {id(node.operation) for node in nodes}
    for x in inputs:
        node = node_of(x)
        if node is not None and node.is_input and id(node.operation) not in used:
            used.add(id(node.operation))
            yield node


class _Sorted(NamedTuple):
    nodes: list[Node]
    in_search_order: list[Node]


def _sorted_nodes(inputs: list[KerasTensor], outputs: list[KerasTensor]) -> _Sorted:
    """Return the nodes from inputs to outputs, found from the outputs depth first, without recursion."""
    given = {id(x) for x in inputs}
    done: set[int] = set()
    open_: set[int] = set()
    nodes: list[Node] = []
    search: list[Node] = []
    for output in outputs:
        stack: list[tuple[Node, list[KerasTensor]]] = []

        def enter(tensor: KerasTensor, stack: list[tuple[Node, list[KerasTensor]]] = stack) -> None:
            node = node_of(tensor)
            if node is None or id(node) in done:
                return
            if not node.is_input and id(tensor) in given:
                done.add(id(node))
                return
            if id(node) in open_:
                raise ConfigError(f"the model's graph goes in a circle at layer '{node.operation.name}'")
            open_.add(id(node))
            search.append(node)
            stack.append((node, list(reversed(node.input_tensors))))

        enter(output)
        while stack:
            node, left = stack[-1]
            if left:
                enter(left.pop())
                continue
            stack.pop()
            open_.discard(id(node))
            done.add(id(node))
            nodes.append(node)
    return _Sorted(nodes, search)


def _depths(nodes: list[Node]) -> dict[int, int]:
    """Return how far each node is from the outputs; a shared layer's calls are as far as the farthest."""
    known = {id(node) for node in nodes}
    depths: dict[int, int] = {}
    operation_depths: dict[int, int] = {}
    for node in reversed(nodes):
        key = id(node.operation)
        depth = max(depths.get(id(node), 0), operation_depths.get(key, 0))
        operation_depths[key] = depths[id(node)] = depth
        for parent in node.parent_nodes:
            if id(parent) in known:
                depths[id(parent)] = max(depth + 1, depths.get(id(parent), 0))
    return depths


def _check_connected(
    inputs: list[KerasTensor], nodes: list[Node], outputs: list[KerasTensor], paths: list[str]
) -> None:
    given = {id(x) for x in inputs}
    computable = set(given)
    for node in nodes:
        if not node.is_input and all(id(x) in computable for x in node.input_tensors):
            computable |= {id(x) for x in node.output_tensors}
    for path, output in zip(paths, outputs, strict=True):
        if id(output) not in computable:
            starts = _other_inputs(nodes, given)
            raise ConfigError(
                f"Output with path `{path}` is not connected to `inputs`: it also comes from "
                f"{', '.join(starts)}"
            )


def _other_inputs(nodes: list[Node], given: set[int]) -> list[str]:
    """Return the names of the inputs among the nodes that the model is not given."""
    tensors = [x for node in nodes if node.is_input for x in node.output_tensors]
    return [x.name for x in tensors if id(x) not in given]


def _check_names(names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ConfigError(
                f'The name "{name}" is used {names.count(name)} times in the model. '
                "All operation names should be unique."
            )
        seen.add(name)
