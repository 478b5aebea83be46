"""What stands in a model's summary: rows of layers, counts of parameters, bytes.

Comes in: a model. Goes out: texts, which `writers.model_summary` draws as Keras' table.

Source: keras/src/utils/summary_utils.py.
"""

from __future__ import annotations

import math
import re
from typing import Any

from dense_cli.errors import ConfigError
from dense_cli.layers import tree
from dense_cli.layers.dtype_policy import array_dtype


def count_params(weights: Any) -> int:
    """Return how many numbers ``weights`` hold."""
    return sum(math.prod(w.shape) for w in weights)


def weight_memory_size(weights: Any) -> float:
    """Return how many bytes ``weights`` take."""
    unique = {id(w): w for w in weights}.values()
    return float(sum(math.prod(w.shape) * _itemsize(w.dtype) for w in unique))


def _itemsize(dtype: str) -> int:
    return 2 if dtype == "bfloat16" else array_dtype(dtype).itemsize


def readable_memory_size(size: float) -> str:
    """Return a number of bytes in the unit that suits it.

    >>> readable_memory_size(2048)
    '2.00 KB'
    """
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} PB"


class SummaryTable:
    """The rows of a summary."""

    def __init__(self, model: Any, expand_nested: bool, show_trainable: bool) -> None:
        self.expand_nested = expand_nested
        self.show_trainable = show_trainable
        self.graph = getattr(model, "_graph", None)
        self.layers = model.layers if self.graph is None else self.graph.operations
        self.nodes = set() if self.graph is None else {id(node) for node in self.graph.nodes}
        self.sequential = self.graph is None or self._is_chain()

    def _is_chain(self) -> bool:
        assert self.graph is not None
        by_depth = self.graph.by_depth.values()
        if any(len(nodes) > 1 or len(nodes[0].input_tensors) > 1 for nodes in by_depth):
            return False
        return all(sum(id(node) in self.nodes for node in layer._inbound_nodes) <= 1 for layer in self.layers)

    def rows(self, layer_range: Any) -> list[list[Any]]:
        first, last = layer_bounds(self.layers, layer_range)
        return [row for layer in self.layers[first:last] for row in self.rows_of(layer, 0)]

    def rows_of(self, layer: Any, level: int) -> list[list[Any]]:
        prefix = "   " * level + "└ " if level else ""
        fields = [
            f"{prefix}{layer.name} ({type(layer).__name__})",
            _output_shape(layer),
            f"{layer.count_params():,}" if getattr(layer, "built", False) else "0 (unbuilt)",
        ]
        if not hasattr(layer, "built"):
            fields[2] = "0"
        if not self.sequential:
            fields.append(self.connections(layer))
        if self.show_trainable:
            fields.append(("Y" if layer.trainable else "N") if getattr(layer, "weights", None) else "-")
        rows = [fields]
        if self.expand_nested:
            for inner in getattr(layer, "layers", None) or []:
                rows += self.rows_of(inner, level + 1)
        return rows

    def connections(self, layer: Any) -> str:
        places = [
            f"{x._keras_history.operation.name}[{x._keras_history.node_index}][{x._keras_history.tensor_index}]"
            for node in layer._inbound_nodes
            if not self.nodes or id(node) in self.nodes
            for x in node.input_tensors
        ]
        return ", ".join(places) or "-"


def _output_shape(layer: Any) -> str:
    shapes: Any = None
    if layer._inbound_nodes:
        shapes = [x.shape for x in layer._inbound_nodes[-1].output_tensors]
    elif getattr(layer, "_build_shapes_dict", None):
        try:
            shapes = layer.compute_output_shape(**layer._build_shapes_dict)
        except NotImplementedError:
            return "?"
        if isinstance(shapes, dict):
            shapes = list(shapes.values())
        shapes = [shapes] if tree.is_shape(shapes) else shapes
    if not shapes:
        return "?"
    texts = [f"({', '.join(str(n) for n in shape)})" for shape in shapes]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def layer_bounds(layers: Any, layer_range: Any) -> tuple[int, int]:
    """Return the first index and the one after the last of the layers that ``layer_range`` names.

    Raises:
        ConfigError: it is not two names, or matches no layers.
    """
    if layer_range is None:
        return 0, len(layers)
    if len(layer_range) != 2:
        raise ConfigError(
            "layer_range must be a list or tuple of length 2. Received: "
            f"layer_range = {layer_range} of length {len(layer_range)}"
        )
    if not all(isinstance(name, str) for name in layer_range):
        raise ConfigError(f"layer_range should contain string type only. Received: {layer_range}")
    first, last = (
        [i for i, layer in enumerate(layers) if re.match(name, layer.name)] for name in layer_range
    )
    if not first or not last:
        raise ConfigError(
            f"Passed layer_names do not match the layer names in the model. Received: {layer_range}"
        )
    if min(first) > max(last):  # named the other way round
        return min(last), max(first) + 1
    return min(first), max(last) + 1
