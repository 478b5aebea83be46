"""Which activation a layer ends with, as far as it bounds or silences what the layer puts out, and where its
units are."""

from __future__ import annotations

from typing import Any

from dense_cli.activations import find
from dense_cli.errors import ConfigError
from dense_cli.layers.activations.activation import Activation
from dense_cli.layers.activations.relu import ReLU
from dense_cli.layers.activations.softmax import Softmax
from dense_cli.layers.keras_tensor import Node
from dense_cli.layers.merging.add import Add
from dense_cli.layers.merging.average import Average
from dense_cli.layers.merging.maximum import Maximum
from dense_cli.layers.merging.minimum import Minimum
from dense_cli.layers.merging.multiply import Multiply
from dense_cli.layers.merging.subtract import Subtract
from dense_cli.layers.names import to_snake_case
from dense_cli.layers.normalization.batch_normalization import BatchNormalization
from dense_cli.layers.regularization.base_noise import BaseNoise
from dense_cli.layers.rnn.bidirectional import Bidirectional
from dense_cli.layers.rnn.time_distributed import TimeDistributed
from dense_cli.models.graph import graph_of, node_of
from dense_cli.ops import Function
from dense_cli.views.layers import KINDS, PLAIN, OutputKind


def kind_of(operation: Any) -> OutputKind:
    """Return what the activation of a layer makes of its first output."""
    if isinstance(operation, TimeDistributed):
        return kind_of(operation.layer)
    if isinstance(operation, Bidirectional):
        return kind_of(operation.forward_layer) if operation.merge_mode in ("concat", None) else PLAIN
    name = _activation_of(operation)
    return PLAIN if name is None else KINDS.get(name, PLAIN)


def _activation_of(operation: Any) -> str | None:
    """Return the name of the activation that a layer ends with; None where it has arguments of its own."""
    if isinstance(operation, Function):
        return None if operation.arguments else to_snake_case(type(operation).__name__)
    if isinstance(operation, ReLU):
        return None if operation.negative_slope or operation.threshold else "relu"
    if isinstance(operation, Softmax):
        return "softmax" if operation.axis == -1 else None
    try:
        activation = find(getattr(operation, "activation", None))
    except ConfigError:
        return None
    return None if activation.config else activation.name


_IN_PLACE = (
    Activation,
    ReLU,
    BatchNormalization,
    BaseNoise,
    Add,
    Average,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
)
"""Layers that leave the units on the axis on which they come."""
_FUNCTIONS_IN_PLACE = {*KINDS, "add", "multiply", "subtract"}


def units_axis(node: Node) -> int:
    """Return the axis of the units of a call's first output.

    It is the last, but for a layer of ``channels_first``, and for what comes after one and moves no axis.
    """
    while True:
        operation, axis = node.operation, 1
        if graph_of(operation) is not None:  # a model in a model: what gives its first output
            inner = node_of(operation.outputs[0])
            if inner is None:
                return -1
            node = inner
            continue
        while isinstance(operation, TimeDistributed):
            operation, axis = operation.layer, axis + 1
        layout = getattr(operation, "data_format", None)
        if layout is not None:
            return axis if layout == "channels_first" else -1
        if not _in_place(operation) or not node.parent_nodes:
            return -1
        node = node.parent_nodes[0]


def _in_place(operation: Any) -> bool:
    if isinstance(operation, Function):
        return to_snake_case(type(operation).__name__) in _FUNCTIONS_IN_PLACE
    return isinstance(operation, _IN_PLACE) or getattr(operation, "in_place", False)
