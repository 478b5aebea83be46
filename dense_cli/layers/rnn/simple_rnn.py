"""Keras' SimpleRNN layer and cell.

Source: keras/src/layers/rnn/simple_rnn.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dense_cli.layers.rnn.cell import Array, Cell, cell_arguments
from dense_cli.layers.rnn.rnn import CellRNN
from dense_cli.layers.rnn.scan import InPlace, Options, Scan, Step, in_place, scan


class SimpleRNNCell(Cell):
    """One step of a `SimpleRNN`: ``h = activation(x @ kernel + bias + h @ recurrent_kernel)``.

    Args:
        units: size of the state and the output.
        activation: of the new state.
        use_bias: whether a bias is added.
        kernel_initializer: of the kernel ``(features, units)``.
        recurrent_initializer: of the recurrent kernel ``(units, units)``.
        bias_initializer: of the bias ``(units,)``.
        kwargs: the arguments about training (regularizers, constraints, ``dropout``, ``recurrent_dropout``,
            ``seed``), which change nothing, and those of `Layer`.

    Input shape:
        ``(batch, features)``, and the state ``(batch, units)``.

    Output shape:
        ``(batch, units)``, and the new state of the same shape.

    Raises:
        ConfigError: units below 1, an unknown name, another argument.

    Source: https://keras.io/api/layers/recurrent_layers/simple_rnn_cell/

    >>> cell = SimpleRNNCell(2, activation="linear", kernel_initializer="ones")
    >>> cell(np.ones((1, 3)), [np.zeros((1, 2))])[0].tolist()
    [[3.0, 3.0]]
    """

    gates = 1
    draws_seed_first = True

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units,
            activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            **kwargs,
        )

    def scan(self, x: Array, states: Sequence[Array], options: Options) -> Scan:
        """Run over the sequences ``(batch, time, features)`` from the state ``(batch, units)``."""
        make_step = simple_rnn_step(self.recurrent_kernel.value, in_place(self.activation))
        bias = None if self.bias is None else self.bias.value
        return scan(x, self.kernel.value, bias, make_step, states, self.state_sizes, options)


def simple_rnn_step(recurrent_kernel: Array, activation: InPlace) -> Callable[[int], Step]:
    """Return what makes a SimpleRNN's step for a number of samples.

    Args:
        recurrent_kernel: ``(units, units)``.
        activation: overwrites the new state ``(units, batch)``.
    """
    recurrent = np.ascontiguousarray(recurrent_kernel.T)

    def make_step(batch: int) -> Step:
        def step(projected: Array, states: list[Array]) -> None:
            (h,) = states
            np.add(recurrent @ h, projected, out=h)
            activation(h)

        return step

    return make_step


class SimpleRNN(CellRNN):
    """A fully connected recurrent layer: `SimpleRNNCell` on one step after another.

    Args:
        units, activation, use_bias, kernel_initializer, recurrent_initializer, bias_initializer: of the
            `SimpleRNNCell`.
        kwargs: ``return_sequences``, ``return_state``, ``go_backwards``, ``stateful``, ``unroll`` and
            ``zero_output_for_mask`` of `RNN`, the arguments about training, and those of `Layer`.

    Input shape:
        ``(batch, time, features)``; ``initial_state``: ``(batch, units)``; ``mask``: ``(batch, time)``.

    Output shape:
        ``(batch, units)``, or ``(batch, time, units)`` with ``return_sequences``; with ``return_state`` also
        the last state, ``(batch, units)``.

    Raises:
        ConfigError: units below 1, an unknown name, another argument.
        ShapeError: an input of another rank than 3, or no time step.

    Source: https://keras.io/api/layers/recurrent_layers/simple_rnn/

    >>> layer = SimpleRNN(1, "linear", kernel_initializer="ones", recurrent_initializer="ones",
    ...                   return_sequences=True)
    >>> layer(np.array([[[1.0], [2.0], [3.0]]])).tolist()
    [[[1.0], [3.0], [6.0]]]
    """

    cell: SimpleRNNCell

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        cell = SimpleRNNCell(
            units,
            activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            name="simple_rnn_cell",
            **cell_arguments(kwargs),
        )
        super().__init__(cell, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer, as Keras' ``get_config`` does: without the seed."""
        config = super().get_config()
        del config["seed"]
        return config
