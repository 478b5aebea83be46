"""Keras' LSTM layer and cell.

Source: keras/src/layers/rnn/lstm.py.
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


class LSTMCell(Cell):
    """One step of an `LSTM`: it takes the inputs and states of a time step and gives the next states.

    ``i = recurrent_activation(x @ W_i + h @ U_i + b_i)``, ``f`` and ``o`` likewise,
    ``c = f * c + i * activation(x @ W_c + h @ U_c + b_c)``, ``h = o * activation(c)``.

    Args:
        units: size of the states and the output.
        activation: of the candidate and of the carry ``c``.
        recurrent_activation: of the input gate ``i``, the forget gate ``f`` and the output gate ``o``.
        use_bias: whether a bias is added.
        kernel_initializer: of the kernel ``(features, 4 * units)``, gates in the order i, f, c, o.
        recurrent_initializer: of the recurrent kernel ``(units, 4 * units)``.
        bias_initializer: of the bias ``(4 * units,)``.
        unit_forget_bias: whether the bias of the forget gate starts at 1.
        kwargs: the arguments about training (regularizers, constraints, ``dropout``, ``recurrent_dropout``,
            ``seed``, ``implementation``), which change nothing, and those of `Layer`.

    Input shape:
        ``(batch, features)``, and the states ``h`` and ``c``, ``(batch, units)`` each.

    Output shape:
        ``(batch, units)``, and the new states of the same shape.

    Raises:
        ConfigError: units below 1, an unknown name, another argument.

    Source: https://keras.io/api/layers/recurrent_layers/lstm_cell/; Hochreiter and Schmidhuber, 1997,
    https://www.bioinf.jku.at/publications/older/2604.pdf

    >>> cell = LSTMCell(2, kernel_initializer="zeros")
    >>> output, (h, c) = cell(np.ones((1, 3)), [np.zeros((1, 2)), np.ones((1, 2))])
    >>> output.shape, c.shape
    ((1, 2), (1, 2))
    """

    gates = 4

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
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
        self.unit_forget_bias = unit_forget_bias
        self.state_size = [units, units]

    def _make_bias(self) -> Variable:
        def with_forget_bias(shape: Any, dtype: Any = None) -> Array:
            parts = (
                self.bias_initializer((self.units,), dtype=dtype),
                np.ones(self.units, dtype),
                self.bias_initializer((2 * self.units,), dtype=dtype),
            )
            return np.concatenate(parts)

        return self._weight("bias", (4 * self.units,), with_forget_bias if self.unit_forget_bias else None)

    def scan(self, x: Array, states: Sequence[Array], options: Options) -> Scan:
        """Run over the sequences ``(batch, time, features)`` from the states ``(batch, units)``."""
        make_step = lstm_step(
            self.recurrent_kernel.value, in_place(self.activation), in_place(self.recurrent_activation)
        )
        bias = None if self.bias is None else self.bias.value
        return scan(x, self.kernel.value, bias, make_step, states, self.state_sizes, options)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this cell, as Keras' ``get_config`` does."""
        return {
            **super().get_config(),
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "unit_forget_bias": self.unit_forget_bias,
        }


def lstm_step(
    recurrent_kernel: Array, activation: InPlace, recurrent_activation: InPlace
) -> Callable[[int], Step]:
    """Return what makes an LSTM's step for a number of samples.

    Args:
        recurrent_kernel: ``(units, 4 * units)``, the gates in Keras' order: input, forget, candidate, output.
        activation: of the candidate and the carry; overwrites ``(units, batch)``.
        recurrent_activation: of the three gates, likewise.
    """
    units = len(recurrent_kernel)
    recurrent = np.ascontiguousarray(recurrent_kernel.T)

    def make_step(batch: int) -> Step:
        product = np.empty((4 * units, batch), recurrent_kernel.dtype)
        keep, forget, candidate, output = product.reshape(4, units, batch)

        def step(projected: Array, states: list[Array]) -> None:
            h, carry = states
            np.matmul(recurrent, h, out=product)
            np.add(product, projected, out=product)
            for gate in (keep, forget, output):
                recurrent_activation(gate)
            activation(candidate)
            carry *= forget
            np.multiply(keep, candidate, out=candidate)
            carry += candidate
            h[...] = carry
            activation(h)
            h *= output

        return step

    return make_step


class LSTM(CellRNN):
    """Long short-term memory over time: `LSTMCell` on one step after another.

    Args:
        units, activation, recurrent_activation, use_bias, kernel_initializer, recurrent_initializer,
            bias_initializer, unit_forget_bias: of the `LSTMCell`.
        use_cudnn: "auto" or False; True is refused when the layer is called, as in Keras without a GPU.
        kwargs: ``return_sequences``, ``return_state``, ``go_backwards``, ``stateful``, ``unroll`` and
            ``zero_output_for_mask`` of `RNN`, the arguments about training, and those of `Layer`.

    Input shape:
        ``(batch, time, features)``; ``initial_state``: two ``(batch, units)``; ``mask``: ``(batch, time)``.

    Output shape:
        ``(batch, units)``, or ``(batch, time, units)`` with ``return_sequences``; with ``return_state`` also
        the last states ``h`` and ``c``, ``(batch, units)`` each.

    Raises:
        ConfigError: units below 1, an unknown name, another argument.
        ShapeError: an input of another rank than 3, or no time step.

    Source: https://keras.io/api/layers/recurrent_layers/lstm/

    >>> output, h, c = LSTM(4, return_state=True)(np.ones((2, 3, 5)))
    >>> output.shape, bool((output == h).all()), c.shape
    ((2, 4), True, (2, 4))
    """

    cell: LSTMCell
    recurrent_activation = of_cell("recurrent_activation")
    unit_forget_bias = of_cell("unit_forget_bias")

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        *,
        use_cudnn: bool | str = "auto",
        **kwargs: Any,
    ) -> None:
        cell = LSTMCell(
            units,
            activation,
            recurrent_activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            unit_forget_bias,
            name="lstm_cell",
            **cell_arguments(kwargs),
        )
        super().__init__(cell, **kwargs)
        self.use_cudnn = check_use_cudnn(use_cudnn)
