"""Keras' StackedRNNCells: cells on top of each other that act as one.

Source: keras/src/layers/rnn/stacked_rnn_cells.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError
from dense_cli.layers import tree
from dense_cli.layers.dtype_policy import work_dtype
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer
from dense_cli.layers.rnn.scan import Options, Scan
from dense_cli.saving.serialization import deserialize_keras_object, serialize_keras_object

Array = NDArray[Any]


def check_cell(cell: Any, no_call: str, no_state_size: str) -> None:
    """Check that ``cell`` can be one.

    Raises:
        ConfigError: it has no ``call`` or no ``state_size``; the messages say so.
    """
    for attribute, message in (("call", no_call), ("state_size", no_state_size)):
        if attribute not in dir(cell):
            raise ConfigError(f"{message}Received: cell={cell}")


def zero_states(sizes: Sequence[int], batch_size: int, dtype: str) -> list[Array]:
    """Return zeros ``(batch_size, size)`` for each size."""
    return [np.zeros((batch_size, size), work_dtype(dtype)) for size in sizes]


class StackedRNNCells(Layer):
    """Cells on top of each other: the output of one is the input of the next.

    Args:
        cells: the cells, from the bottom; see `RNN` for what a cell is.
        kwargs: those of `Layer`.

    Input shape:
        ``(batch, features)``, and for each cell its state or list of states, ``(batch, state_size)`` each.

    Output shape:
        ``(batch, output_size)`` of the last cell, and the new states, nested as the states are.

    Raises:
        ConfigError: a cell without ``call`` or ``state_size``.

    Source: https://keras.io/api/layers/recurrent_layers/stacked_rnn_cell/

    >>> from dense_cli.layers.rnn.lstm import LSTMCell
    >>> cell = StackedRNNCells([LSTMCell(4), LSTMCell(3)])
    >>> output, states = cell(np.ones((2, 5)), cell.get_initial_state(2))
    >>> output.shape, [[state.shape for state in one] for one in states]
    ((2, 3), [[(2, 4), (2, 4)], [(2, 3), (2, 3)]])
    """

    def __init__(self, cells: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for cell in cells:
            check_cell(
                cell,
                "All cells must have a `call` method. ",
                "All cells must have a `state_size` attribute. ",
            )
        self.cells = list(cells)

    @property
    def state_size(self) -> list[Any]:
        """The state size of each cell."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        """The size of the last cell's output."""
        return _output_size(self.cells[-1])

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """Return the states that each cell starts from."""
        return [self._initial_state(cell, batch_size or 0) for cell in self.cells]

    def _initial_state(self, cell: Any, batch_size: int) -> Any:
        if hasattr(cell, "get_initial_state"):
            return cell.get_initial_state(batch_size=batch_size)
        if isinstance(cell.state_size, int):
            return zero_states([cell.state_size], batch_size, self.compute_dtype)[0]
        return zero_states(cell.state_size, batch_size, self.compute_dtype)

    def build(self, input_shape: Shape) -> None:
        """Build each cell for the output of the one below."""
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
            input_shape = (input_shape[0], _output_size(cell))

    def call(self, inputs: Array, states: Any, training: bool = False, **kwargs: Any) -> tuple[Array, Any]:
        """Return the last cell's output and the new states of all.

        Args:
            inputs: ``(batch, features)``.
            states: for each cell its state or list of states.
            training: changes nothing.
            kwargs: handed to each cell.
        """
        new_states = []
        for cell, state in zip(self.cells, states, strict=True):
            nested = tree.is_nested(state)
            inputs, new = cell(inputs, list(state) if nested else [state], **kwargs)
            new_states.append(new if nested or len(new) > 1 else new[0])
        return inputs, new_states[0] if len(new_states) == 1 else new_states

    def scan(self, x: Array, states: Sequence[Any], options: Options) -> Scan:
        """Run over the sequences ``(batch, time, features)``, one cell after another over all steps.

        A masked step changes the state of no cell, so that the cells need not take turns.
        """
        below = options._replace(return_sequences=True, zero_output_for_mask=False)
        new_states: list[Any] = []
        for i, (cell, state) in enumerate(zip(self.cells, states, strict=True)):
            nested = tree.is_nested(state)
            top = i == len(self.cells) - 1
            result: Scan = cell.scan(x, state if nested else [state], options if top else below)
            new_states.append(result.states if nested else result.states[0])
            if not top and result.outputs is not None:
                x = result.outputs[:, :: -1 if options.go_backwards else 1]  # in the order of time again
        return Scan(result.last, result.outputs, new_states)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this cell, as Keras' ``get_config`` does."""
        cells = [serialize_keras_object(cell) for cell in self.cells]
        return {**super().get_config(), "cells": cells}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """Return the cell of a config; ``custom_objects`` has the classes that are not Keras'."""
        config = dict(config)
        cells = [
            deserialize_keras_object(cell, custom_objects=custom_objects) for cell in config.pop("cells")
        ]
        return cls(cells, **config)


def _output_size(cell: Any) -> int:
    size = getattr(cell, "output_size", None)
    if size is None:
        size = cell.state_size
    return int(tree.flatten(size)[0])
