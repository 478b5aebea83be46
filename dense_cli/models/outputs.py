"""The layers of a model in their order, what can be run of them, and what each puts out.

In: a model, and one `Source` for each of its inputs. Out: `ModelLayer`s, and a `Watch` that has seen every
array that the layers took and gave, block by block.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from dense_cli.layers.keras_tensor import KerasTensor, Node, Shape, UnknownTensor
from dense_cli.layers.masks import get_mask
from dense_cli.layers.unknown import UnknownLayer
from dense_cli.models.functional import Functional, Seen
from dense_cli.models.gates import gates_of
from dense_cli.models.graph import graph_of, last_calls, node_of
from dense_cli.models.inputs import blocks_of, require_fit
from dense_cli.models.kinds import kind_of, units_axis
from dense_cli.models.predict import UNKNOWN_SIZE, block_size
from dense_cli.models.source import BLOCK_BYTES, MOST, run_padded
from dense_cli.sources.source import Source
from dense_cli.views.layers import KINDS, PLAIN, Statistics, Tally


class ModelLayer(NamedTuple):
    """A layer of a model's graph.

    Attributes:
        operation: the layer, or the operation that is no layer.
        node: its last call in the graph; None: the model has no graph.
        sources: the names of the layers whose outputs it takes, in any of its calls.
        refusal: why it cannot be run; None: it can.
        path: the names of the models that it is in, each with a slash.
    """

    operation: Any
    node: Node | None
    sources: list[str]
    refusal: str | None
    path: str = ""

    @property
    def name(self) -> str:
        """Its name, behind those of the models that it is in: ``encoder/gru``."""
        return f"{self.path}{self.operation.name}"

    @property
    def class_name(self) -> str:
        """The class, as the file names it."""
        return getattr(self.operation, "class_name", None) or type(self.operation).__name__

    @property
    def own_refusal(self) -> str | None:
        """Why the layer itself cannot be run, whatever comes before it."""
        return self.operation.reason if isinstance(self.operation, UnknownLayer) else None

    @property
    def shapes(self) -> list[Shape | None]:
        """The shape of each output; None where it is not known."""
        if self.node is None or self.refusal is not None:
            return [None] * (1 if self.node is None else len(self.node.output_tensors))
        return [None if isinstance(x, UnknownTensor) else x.shape for x in self.node.output_tensors]

    @property
    def names(self) -> list[str]:
        """The name of each output: the layer's, with its number where it has several; of ONNX the value's."""
        own: list[str] | None = getattr(self.operation, "value_names", None)
        if own is not None and self.node is not None:
            return own
        if len(self.shapes) == 1:
            return [self.name]
        return [f"{self.name}__{i}" for i in range(len(self.shapes))]

    @property
    def parameters(self) -> int | None:
        """How many numbers its weights hold; None where nobody knows."""
        if isinstance(self.operation, UnknownLayer) or not getattr(self.operation, "built", True):
            return None
        return sum(int(w.size) for w in getattr(self.operation, "weights", []))


def layers_of(model: Any) -> list[ModelLayer]:
    """Return the layers of a model in the order of its graph, those of a model in it right after it."""
    return list(_layers(model, "", None))


def _layers(model: Any, path: str, refusal: str | None) -> Iterator[ModelLayer]:
    """Give the layers of a model that cannot be run because of ``refusal``."""
    graph = graph_of(model)
    if graph is None:
        yield from (ModelLayer(layer, None, [], _own_refusal(layer), path) for layer in model.layers)
        return
    last = last_calls(graph)
    refused = _refused(graph.nodes)
    sources: dict[int, dict[str, None]] = {}
    for node in graph.nodes:
        names = sources.setdefault(id(node.operation), {})
        names |= dict.fromkeys(f"{path}{parent.operation.name}" for parent in node.parent_nodes)
    for operation in graph.operations:
        node = last[id(operation)]
        why = refused.get(id(node)) or refusal
        yield ModelLayer(operation, node, list(sources[id(operation)]), why, path)
        if graph_of(operation) is not None:
            # Of a model that cannot be run because of a layer in it, the layers before that one can.
            inside = None if why is None or _own_refusal(operation) is None else _IN_PART
            yield from _layers(operation, f"{path}{operation.name}/", inside or why)


_IN_PART = "the model that it is in cannot be run as a whole: --until runs it by its name"


def _own_refusal(layer: Any) -> str | None:
    """Return why a layer cannot be run, or which layer in it cannot."""
    if isinstance(layer, UnknownLayer):
        return layer.reason
    graph = graph_of(layer)
    for inner in [] if graph is None else graph.operations:
        if _own_refusal(inner) is not None:
            return f"its layer {inner.name!r} cannot be run"
    return None


def _refused(nodes: Sequence[Node]) -> dict[int, str]:
    """Return why calls cannot be run: their layer is unknown, or an earlier one is."""
    refused: dict[int, str] = {}
    own = {id(operation): _own_refusal(operation) for operation in {n.operation: None for n in nodes}}
    for node in nodes:
        reason = own[id(node.operation)]
        if reason is None and any(id(parent) in refused for parent in node.parent_nodes):
            reason = "it comes after a layer that cannot be run"
        if reason is not None:
            refused[id(node)] = reason
    return refused


def runnable_part(model: Any) -> Functional:
    """Return the model of all calls that can be run; its outputs are what no other of these calls takes."""
    graph = graph_of(model)
    assert graph is not None
    refused = _refused(graph.nodes)
    nodes = [node for node in graph.nodes if id(node) not in refused]
    taken = {id(x) for node in nodes for x in node.input_tensors}
    ends: list[KerasTensor] = [x for node in nodes for x in node.output_tensors if id(x) not in taken]
    return Functional(list(model.inputs), ends)


_MOVES = {
    *("Reshape", "Permute", "Flatten", "Concatenate", "Cast", "Identity", "Concat", "Transpose"),
    *("Unsqueeze", "Squeeze", "Slice", "Split", "Gather"),
}
"""Layers of Keras and of ONNX that put numbers elsewhere and leave them as they are."""


def output_operations(model: Any) -> set[int]:
    """Return the ids of the layers that give a model's outputs.

    Those behind layers that only move numbers are among them, and those in a model at the end.
    """
    waiting = [node for x in model.outputs if (node := node_of(x)) is not None]
    found: set[int] = set()
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        operation = node.operation
        if graph_of(operation) is not None and id(operation) not in found:
            found |= output_operations(operation)
        found.add(id(operation))
        if getattr(operation, "class_name", type(operation).__name__) in _MOVES:
            waiting += node.parent_nodes
    return found


def parents_across(model: Any) -> dict[int, list[Node]]:
    """Return what the calls at the edges of a model in a model come after, by the id of the call.

    Its inputs come after what it is called with, and its own call after the layers that give its outputs.
    """
    parents: dict[int, list[Node]] = {}
    graph = graph_of(model)
    for node in [] if graph is None else graph.nodes:
        inner = node.operation
        if graph_of(inner) is None:
            continue
        parents[id(node)] = [end for x in inner.outputs if (end := node_of(x)) is not None]
        for x, given in zip(inner.inputs, node.input_tensors, strict=False):
            start, before = node_of(x), node_of(given)
            if start is not None and before is not None:
                parents.setdefault(id(start), []).append(before)
    for operation in [] if graph is None else graph.operations:
        parents |= parents_across(operation)
    return parents


class Watch:
    """Adds up what every output of every call holds, and the gates of recurrent layers.

    Attributes:
        nodes: the calls that were seen, in the order in which they ran.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._outputs: dict[int, list[Tally]] = {}
        self._gates: dict[int, Tally] = {}

    def __call__(self, node: Node, inputs: list[Any], outputs: list[Any]) -> None:
        """Take what a call took and gave for some samples."""
        tallies = self._outputs.get(id(node))
        if tallies is None:
            kind = kind_of(node.operation)
            if not kind.rows:  # a softmax goes along the last axis, whatever the layout
                kind = kind._replace(axis=units_axis(node))
            tallies = [Tally(kind if i == 0 else PLAIN) for i in range(len(outputs))]
            self._outputs[id(node)] = tallies
            self.nodes.append(node)
        for tally, y in zip(tallies, outputs, strict=True):
            if y is not None:
                tally.add(np.asarray(y), get_mask(y))
        gates = gates_of(node.operation, inputs)
        if gates is not None:
            self._gates.setdefault(id(node), Tally(KINDS["sigmoid"])).add(np.asarray(gates), get_mask(gates))

    def outputs(self, node: Node) -> list[Statistics | None]:
        """Return the statistics of each output of a call; none of a call that was not run.

        None stands for an output that has no samples.
        """
        return [tally.result() if tally.samples else None for tally in self._outputs.get(id(node), [])]

    def gates(self, node: Node) -> Statistics | None:
        """Return the statistics of the gates of a call; None of a layer that has none."""
        tally = self._gates.get(id(node))
        return None if tally is None else tally.result()


class LayeredModel(NamedTuple):
    """A saved model of which every layer is seen as it runs.

    Attributes:
        layers: all of them, those that cannot be run among them.
        body: what runs: a `Functional`, or an `OnnxGraph`.
        outputs: the names of the model's outputs.
        ends: the ids of the layers that give them; see `output_operations`.
        across: see `parents_across`.
        size: how many samples run at once.
        fixed: whether it takes no other number of them.
    """

    layers: list[ModelLayer]
    body: Any
    outputs: list[str]
    ends: set[int]
    across: dict[int, list[Node]]
    size: int
    fixed: bool = False

    @classmethod
    def of(cls, model: Any) -> LayeredModel:
        """Return that of a model of Keras."""
        body = runnable_part(model)
        layers = layers_of(model)
        names = {id(layer.node): layer.names for layer in layers if layer.node is not None}
        ends = [(node_of(x), x._keras_history.tensor_index) for x in model.outputs]
        outputs = [names[id(node)][index] for node, index in ends if id(node) in names]
        return cls(layers, body, outputs, output_operations(model), parents_across(model), _size_of(body))


def run_blocks(model: LayeredModel, inputs: Sequence[Source], seen: Seen) -> Iterator[int]:
    """Run a model on all samples, a block at a time; yield how many samples there were in each.

    Raises:
        ShapeError: an input does not fit.
    """
    require_fit(inputs, model.body.inputs)
    for block in blocks_of(inputs, model.size):
        run_padded(model.body, block, model.size, seen)
        yield len(block.numbers)


_ALL_BYTES = 64 << 20  # of all outputs of a block


def _size_of(model: Functional) -> int:
    """Return how many samples run at once where all outputs are kept for a while."""
    sizes = (
        math.prod(UNKNOWN_SIZE if n is None else n for n in x.shape[1:])
        for node in model._graph.nodes
        for x in node.output_tensors
    )
    return min(max(_ALL_BYTES // (4 * max(sum(sizes), 1)), 1), block_size(model, BLOCK_BYTES, 1, MOST))
