"""The layers of a model in their order, what can be run of them, and what each puts out.

In: a model, and one `Source` for each of its inputs. Out: `ModelLayer`s, and a `Watch` that has seen every
array that the layers took and gave, block by block.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from dense_cli.layers.keras_tensor import KerasTensor, Node, Shape
from dense_cli.layers.masks import get_mask
from dense_cli.layers.unknown import UnknownLayer
from dense_cli.models.functional import Functional, Seen
from dense_cli.models.gates import gates_of
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
    """

    operation: Any
    node: Node | None
    sources: list[str]
    refusal: str | None

    @property
    def class_name(self) -> str:
        """The class, as the file names it."""
        if isinstance(self.operation, UnknownLayer):
            return self.operation.class_name
        return type(self.operation).__name__

    @property
    def shapes(self) -> list[Shape | None]:
        """The shape of each output; None where it is not known."""
        if self.node is None or self.refusal is not None:
            return [None] * (1 if self.node is None else len(self.node.output_tensors))
        return [x.shape for x in self.node.output_tensors]

    @property
    def names(self) -> list[str]:
        """The name of each output: the layer's, with its number where there are several."""
        if len(self.shapes) == 1:
            return [self.operation.name]
        return [f"{self.operation.name}__{i}" for i in range(len(self.shapes))]

    @property
    def parameters(self) -> int | None:
        """How many numbers its weights hold; None where nobody knows."""
        if isinstance(self.operation, UnknownLayer) or not getattr(self.operation, "built", True):
            return None
        return sum(int(w.size) for w in getattr(self.operation, "weights", []))


def layers_of(model: Any) -> list[ModelLayer]:
    """Return the layers of a model in the order of its graph."""
    graph = _graph(model)
    if graph is None:
        return [ModelLayer(layer, None, [], _own_refusal(layer)) for layer in model.layers]
    last: dict[int, Node] = {}
    sources: dict[int, dict[str, None]] = {}
    for node in graph.nodes:
        known = last.get(id(node.operation))
        calls = node.operation._inbound_nodes
        if known is None or calls.index(node) > calls.index(known):
            last[id(node.operation)] = node
        names = sources.setdefault(id(node.operation), {})
        names |= dict.fromkeys(parent.operation.name for parent in node.parent_nodes)
    refused = _refused(graph.nodes)
    return [
        ModelLayer(
            operation, last[id(operation)], list(sources[id(operation)]), refused.get(id(last[id(operation)]))
        )
        for operation in graph.operations
    ]


def _graph(model: Any) -> Any:
    return getattr(getattr(model, "_functional", None) or model, "_graph", None)


def _own_refusal(layer: Any) -> str | None:
    return layer.reason if isinstance(layer, UnknownLayer) else None


def _refused(nodes: Sequence[Node]) -> dict[int, str]:
    """Return why calls cannot be run: their layer is unknown, or an earlier one is."""
    refused: dict[int, str] = {}
    for node in nodes:
        reason = _own_refusal(node.operation)
        if reason is None and any(id(parent) in refused for parent in node.parent_nodes):
            reason = "it comes after a layer that cannot be run"
        if reason is not None:
            refused[id(node)] = reason
    return refused


def runnable_part(model: Any) -> Functional:
    """Return the model of all calls that can be run; its outputs are what no other of these calls takes."""
    graph = _graph(model)
    refused = _refused(graph.nodes)
    nodes = [node for node in graph.nodes if id(node) not in refused]
    taken = {id(x) for node in nodes for x in node.input_tensors}
    ends: list[KerasTensor] = [x for node in nodes for x in node.output_tensors if id(x) not in taken]
    return Functional(list(model.inputs), ends)


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
            tally.add(np.asarray(y), get_mask(y))
        gates = gates_of(node.operation, inputs)
        if gates is not None:
            self._gates.setdefault(id(node), Tally(KINDS["sigmoid"])).add(np.asarray(gates), get_mask(gates))

    def outputs(self, node: Node) -> list[Statistics]:
        """Return the statistics of each output of a call; none of a call that was not run."""
        return [tally.result() for tally in self._outputs.get(id(node), [])]

    def gates(self, node: Node) -> Statistics | None:
        """Return the statistics of the gates of a call; None of a layer that has none."""
        tally = self._gates.get(id(node))
        return None if tally is None else tally.result()


def run_blocks(model: Functional, inputs: Sequence[Source], seen: Seen) -> Iterator[int]:
    """Run a model on all samples, a block at a time; yield how many samples there were in each.

    Raises:
        ShapeError: an input does not fit.
    """
    require_fit(inputs, model.inputs)
    size = block_size(model, BLOCK_BYTES, 1, MOST)
    for block in blocks_of(inputs, size):
        run_padded(model, block, size, seen)
        yield len(block.numbers)


_ALL_BYTES = 64 << 20  # of all outputs of a block


def size_of_all(model: Functional) -> int:
    """Return how many samples run at once where all outputs are kept for a while."""
    sizes = (
        math.prod(UNKNOWN_SIZE if n is None else n for n in x.shape[1:])
        for node in model._graph.nodes
        for x in node.output_tensors
    )
    return min(max(_ALL_BYTES // (4 * max(sum(sizes), 1)), 1), block_size(model, BLOCK_BYTES, 1, MOST))
