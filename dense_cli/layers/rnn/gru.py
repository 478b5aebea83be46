"""Keras' GRU layer and cell.

Source: keras/src/layers/rnn/gru.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dense_cli import activations
from dense_cli.layers.rnn.cell import Array, Cell, cell_arguments
from dense_cli.layers.rnn.rnn import CellRNN, check_use_cudnn, of_cell
from dense_cli.layers.rnn.scan import InPlace, Options, Scan, Step, in_place, scan
from dense_cli.layers.variable import Variable


class GRUCell(Cell):
    """One step of a `GRU`: it takes the inputs and state of a time step and gives the next state.

    ``z = recurrent_activation(x @ W_z + h @ U_z + b_z)``, ``r`` likewise,
    ``c = activation(x @ W_h + r * (h @ U_h + b) + b_h)``, ``h = z * h + (1 - z) * c``.

    Args:
        units: size of the state and the output.
        activation: of the candidate ``c``.
        recurrent_activation: of the update gate ``z`` and the reset gate ``r``.
        use_bias: whether biases are added.
        kernel_initializer: of the kernel ``(features, 3 * units)``, gates in the order z, r, h.
        recurrent_initializer: of the recurrent kernel ``(units, 3 * units)``.
        bias_initializer: of the bias, ``(2, 3 * units)`` for inputs and state, or ``(3 * units,)`` without
            ``reset_after``.
        reset_after: whether the reset gate multiplies ``h @ U_h``, or ``h`` before the product.
        kwargs: the arguments about training (regularizers, constraints, ``dropout``, ``recurrent_dropout``,
            ``seed``, ``implementation``), which change nothing, and those of `Layer`.

    Input shape:
        ``(batch, features)``, and the state ``(batch, units)``.

    Output shape:
        ``(batch, units)``, and the new state of the same shape.

    Raises:
        ConfigError: units below 1, an unknown name, another argument.

    Source: https://keras.io/api/layers/recurrent_layers/gru_cell/; Cho and others, 2014,
    https://arxiv.org/abs/1406.1078

    >>> cell = GRUCell(2, kernel_initializer="zeros")
    >>> output, states = cell(np.ones((1, 3)), [np.ones((1, 2))])
    >>> output.shape, len(states)
    ((1, 2), 1)
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        *,
        reset_after: bool = True,
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
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = reset_after

    def _make_bias(self) -> Variable:
        columns = self.gates * self.units
        return self._weight("bias", (2, columns) if self.reset_after else (columns,))

    def scan(self, x: Array, states: Sequence[Array], options: Options) -> Scan:
        """Run over the sequences ``(batch, time, features)`` from the state ``(batch, units)``."""
        bias, recurrent_bias = self._biases()
        make_step = gru_step(
            self.recurrent_kernel.value,
            recurrent_bias,
            in_place(self.activation),
            in_place(self.recurrent_activation),
            self.reset_after,
        )
        return scan(x, self.kernel.value, bias, make_step, states, self.state_sizes, options)

    def _biases(self) -> tuple[Array | None, Array | None]:
        """Return what is added to the inputs' product, and to the candidate's recurrent product."""
        if self.bias is None:
            return None, None
        bias = self.bias.value
        if not self.reset_after:
            return bias, None
        split = 2 * self.units
        return np.concatenate([bias[0, :split] + bias[1, :split], bias[0, split:]]), bias[1, split:]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this cell, as Keras' ``get_config`` does."""
        return {
            **super().get_config(),
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "reset_after": self.reset_after,
        }


def gru_step(
    recurrent_kernel: Array,
    recurrent_bias: Array | None,
    activation: InPlace,
    recurrent_activation: InPlace,
    reset_after: bool,
) -> Callable[[int], Step]:
    """Return what makes a GRU's step for a number of samples.

    Args:
        recurrent_kernel: ``(units, 3 * units)``, the gates in Keras' order: update, reset, candidate.
        recurrent_bias: ``(units,)``, what is added to the candidate's recurrent product before the reset gate
            multiplies it; None for none.
        activation: of the candidate; overwrites ``(units, batch)``.
        recurrent_activation: of the update and reset gates, likewise.
        reset_after: whether the reset gate multiplies the recurrent product, or the state before it.
    """
    units = len(recurrent_kernel)
    gates = 3 * units if reset_after else 2 * units
    first = np.ascontiguousarray(recurrent_kernel[:, :gates].T)
    rest = np.ascontiguousarray(recurrent_kernel[:, gates:].T)

    def make_step(batch: int) -> Step:
        product = np.empty((gates, batch), recurrent_kernel.dtype)
        update, reset = product[:units], product[units : 2 * units]

        def step(projected: Array, states: list[Array]) -> None:
            (h,) = states
            np.matmul(first, h, out=product)
            for gate, inputs in ((update, projected[:units]), (reset, projected[units : 2 * units])):
                gate += inputs
                recurrent_activation(gate)
            if reset_after:
                candidate = product[2 * units :]
                if recurrent_bias is not None:
                    candidate += recurrent_bias[:, None]
                candidate *= reset
            else:
                candidate = rest @ np.multiply(reset, h, out=reset)
            candidate += projected[2 * units :]
            activation(candidate)
            # h = update * h + (1 - update) * candidate, in Keras' order of operations.
            h *= update
            np.subtract(1, update, out=update)
            np.multiply(update, candidate, out=update)
            h += update

        return step

    return make_step


class GRU(CellRNN):
    """Gated recurrent units over time: `GRUCell` on one step after another.

    Args:
        units, activation, recurrent_activation, use_bias, kernel_initializer, recurrent_initializer,
            bias_initializer, reset_after: of the `GRUCell`.
        use_cudnn: "auto" or False; True is refused when the layer is called, as in Keras without a GPU.
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

    Source: https://keras.io/api/layers/recurrent_layers/gru/

    >>> output, state = GRU(4, return_sequences=True, return_state=True)(np.ones((2, 3, 5)))
    >>> output.shape, bool((output[:, -1] == state).all())
    ((2, 3, 4), True)
    """

    cell: GRUCell
    recurrent_activation = of_cell("recurrent_activation")
    reset_after = of_cell("reset_after")

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        *,
        reset_after: bool = True,
        use_cudnn: bool | str = "auto",
        **kwargs: Any,
    ) -> None:
        cell = GRUCell(
            units,
            activation,
            recurrent_activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            reset_after=reset_after,
            name="gru_cell",
            **cell_arguments(kwargs),
        )
        super().__init__(cell, **kwargs)
        self.use_cudnn = check_use_cudnn(use_cudnn)
