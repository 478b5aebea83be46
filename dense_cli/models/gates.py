"""The gates of LSTM and GRU layers, which their outputs do not show.

In: a layer and the arrays that it takes. Out: what its recurrent activation gave at every step.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.activations import find
from dense_cli.layers.masks import get_mask, with_mask
from dense_cli.layers.rnn.bidirectional import Bidirectional
from dense_cli.layers.rnn.gru import GRU
from dense_cli.layers.rnn.lstm import LSTM


def gates_of(layer: Any, inputs: Sequence[Any]) -> NDArray[Any] | None:
    """Return the gates ``(batch, time, gates * units)`` of a layer, with its mask; None of one without gates.

    The layer runs a second time, on a copy whose recurrent activation notes what it gives.

    Args:
        layer: an LSTM or GRU, or a Bidirectional of one.
        inputs: the sequences, then the initial states and the mask where the call has them.
    """
    if not isinstance(layer, (Bidirectional, LSTM, GRU)):
        return None
    states = [x for x in inputs[1:] if x.dtype.kind == "f"]
    given = [x for x in inputs[1:] if x.dtype.kind == "b"]
    mask = given[0] if given else get_mask(inputs[0])
    gates = _gates(layer, np.asarray(inputs[0]), states, mask)
    return None if gates is None else with_mask(gates, mask)


def _gates(
    layer: Any, sequences: NDArray[Any], states: list[NDArray[Any]], mask: NDArray[Any] | None
) -> NDArray[Any] | None:
    if isinstance(layer, Bidirectional):
        half = len(states) // 2
        forward = _gates(layer.forward_layer, sequences, states[:half], mask)
        backward = _gates(layer.backward_layer, sequences, states[half:], mask)
        return None if forward is None or backward is None else np.concatenate([forward, backward], axis=-1)
    if type(layer) not in (LSTM, GRU) or layer.stateful:
        return None
    if states and len(states) != len(layer.state_size):
        return None
    activation = layer.recurrent_activation
    if find(activation).name not in ("sigmoid", "hard_sigmoid"):
        return None
    noted: list[NDArray[Any]] = []

    def noting(x: NDArray[Any]) -> NDArray[Any]:
        noted.append(np.array(activation(x)))
        return noted[-1]

    twin = copy.copy(layer)
    twin.cell = copy.copy(layer.cell)
    twin.cell.recurrent_activation = noting
    twin.call(sequences, initial_state=states or None, mask=mask)
    gates = np.stack(noted, axis=1).reshape(*sequences.shape[:2], -1)
    return gates[:, ::-1] if layer.go_backwards else gates
