"""Keras' ActivityRegularization layer."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from dense_cli import regularizers
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer


class ActivityRegularization(Layer):
    """The input unchanged; in training ``l1 * sum(abs(x)) + l2 * sum(x**2)`` would be added to the loss.

    Args:
        l1: the factor of the absolute values.
        l2: the factor of the squares.
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Input shape:
        any.

    Output shape:
        the input's.

    Source: https://keras.io/api/layers/regularization_layers/activity_regularization/

    >>> import numpy as np
    >>> ActivityRegularization(l2=0.1)(np.array([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.supports_masking = True
        self.l1 = l1
        self.l2 = l2
        self._build_at_init()

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return ``inputs``."""
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        config = {**super().get_config(), "l1": self.l1, "l2": self.l2}
        config.pop("activity_regularizer", None)
        return config
