"""What SimpleRNNCell, LSTMCell and GRUCell have in common: arguments, weights and how one step is run.

Source: keras/src/layers/rnn/.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dense_cli import activations, constraints, initializers, regularizers
from dense_cli.errors import ConfigError
from dense_cli.layers import tree
from dense_cli.layers.dtype_policy import work_dtype
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer
from dense_cli.layers.rnn.scan import Options, Scan
from dense_cli.layers.variable import Variable
from dense_cli.random.seed_generator import SeedGenerator

Array = NDArray[Any]

WEIGHTS = ("kernel", "recurrent", "bias")
MODULES = {"initializer": initializers, "regularizer": regularizers, "constraint": constraints}
TRAINING = (
    *(f"{weight}_{kind}" for kind in ("regularizer", "constraint") for weight in WEIGHTS),
    "dropout",
    "recurrent_dropout",
    "seed",
    "implementation",
)
"""Arguments of a cell that change nothing here, but for the seed that a cell without one draws."""


class Cell(Layer):
    """One step of a recurrent layer with ``units`` units.

    Subclasses say how many gates they have and, in `scan`, what is done with them.
    """

    gates: ClassVar[int]
    draws_seed_first: ClassVar[bool] = False
    """Whether the seed of the dropout is drawn before those of the initializers."""
    state_size: int | list[int]
    kernel: Variable
    recurrent_kernel: Variable
    bias: Variable | None

    def __init__(
        self,
        units: int,
        activation: Any,
        use_bias: bool,
        kernel_initializer: Any,
        recurrent_initializer: Any,
        bias_initializer: Any,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        implementation: int = 2,
        **kwargs: Any,
    ) -> None:
        if units <= 0:
            raise ConfigError(
                f"Received an invalid value for argument `units`, expected a positive integer, got {units}."
            )
        super().__init__(**kwargs)
        if self.draws_seed_first:
            self.seed_generator = SeedGenerator(seed)
        self.units = units
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.dropout = min(1.0, max(0.0, dropout))
        self.recurrent_dropout = min(1.0, max(0.0, recurrent_dropout))
        self.implementation = 1 if self.recurrent_dropout else implementation
        self.seed = seed
        if not self.draws_seed_first:
            self.seed_generator = SeedGenerator(seed)
        self.state_size = units
        self.output_size = units

    def build(self, input_shape: Shape) -> None:
        """Make the weights for inputs of ``input_shape``, whose last number is features."""
        columns = self.gates * self.units
        self.kernel = self._weight("kernel", (input_shape[-1], columns))
        self.recurrent_kernel = self._weight("recurrent_kernel", (self.units, columns))
        self.bias = self._make_bias() if self.use_bias else None

    def _make_bias(self) -> Variable:
        return self._weight("bias", (self.gates * self.units,))

    def _weight(self, name: str, shape: Shape, initializer: Any = None) -> Variable:
        kind = name.removesuffix("_kernel")
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=initializer or getattr(self, f"{kind}_initializer"),
            regularizer=getattr(self, f"{kind}_regularizer"),
            constraint=getattr(self, f"{kind}_constraint"),
        )

    def call(self, inputs: Array, states: Any, training: bool = False) -> tuple[Array, Any]:
        """Return the output and the new states, in the form of ``states``.

        Args:
            inputs: ``(batch, features)``.
            states: ``(batch, units)`` each.
            training: changes nothing.
        """
        before = list(states) if tree.is_nested(states) else [states]
        result = self.scan(inputs[:, None], before, Options(return_sequences=False))
        return result.last, result.states if tree.is_nested(states) else result.states[0]

    def scan(self, x: Array, states: Sequence[Array], options: Options) -> Scan:
        """Run over the sequences ``(batch, time, features)`` from the states ``(batch, units)``."""
        raise NotImplementedError

    def get_initial_state(self, batch_size: int | None = None) -> list[Array]:
        """Return zeros, ``(batch_size, units)`` for each state."""
        return [
            np.zeros((batch_size or 0, size), work_dtype(self.compute_dtype)) for size in self.state_sizes
        ]

    @property
    def state_sizes(self) -> list[int]:
        """The size of each state."""
        return [self.state_size] if isinstance(self.state_size, int) else self.state_size

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this cell, as Keras' ``get_config`` does."""
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **{
                f"{weight}_{kind}": module.serialize(getattr(self, f"{weight}_{kind}"))
                for kind, module in MODULES.items()
                for weight in WEIGHTS
            },
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "seed": self.seed,
        }


def cell_arguments(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Take the arguments of a layer that are its cell's alone out of ``kwargs``; return the cell's."""
    own = {name: kwargs.pop(name) for name in TRAINING if name in kwargs}
    return own | {name: kwargs[name] for name in ("dtype", "trainable") if name in kwargs}
