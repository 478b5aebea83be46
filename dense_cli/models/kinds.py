"""Which activation a layer ends with, as far as it bounds or silences what the layer puts out."""

from __future__ import annotations

from typing import Any

from dense_cli.activations import find
from dense_cli.errors import ConfigError
from dense_cli.layers.activations.relu import ReLU
from dense_cli.layers.activations.softmax import Softmax
from dense_cli.layers.names import to_snake_case
from dense_cli.layers.rnn.bidirectional import Bidirectional
from dense_cli.layers.rnn.time_distributed import TimeDistributed
from dense_cli.ops import Function
from dense_cli.views.layers import KINDS, PLAIN, OutputKind


def kind_of(operation: Any) -> OutputKind:
    """Return what the activation of a layer makes of its first output."""
    if isinstance(operation, TimeDistributed):
        return kind_of(operation.layer)
    if isinstance(operation, Bidirectional):
        return kind_of(operation.forward_layer) if operation.merge_mode in ("concat", None) else PLAIN
    if isinstance(operation, Function):
        return KINDS.get(to_snake_case(type(operation).__name__), PLAIN) if not operation.arguments else PLAIN
    if isinstance(operation, ReLU):
        return KINDS["relu"] if not operation.negative_slope and not operation.threshold else PLAIN
    if isinstance(operation, Softmax):
        return KINDS["softmax"] if operation.axis == -1 else PLAIN
    activation = getattr(operation, "activation", None)
    if activation is None:
        return PLAIN
    try:
        known = find(activation)
    except ConfigError:
        return PLAIN
    return PLAIN if known.config else KINDS.get(known.name, PLAIN)
