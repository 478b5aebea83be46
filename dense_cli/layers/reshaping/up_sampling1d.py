"""Keras' UpSampling1D layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.layers.arguments import check_positive
from dense_cli.layers.input_spec import InputSpec
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer


class UpSampling1D(Layer):
    """Each time step ``size`` times in a row: ``y[b, t] = x[b, t // size]``.

    Args:
        size: how often each step is repeated.
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Input shape:
        ``(batch, steps, features)``.

    Output shape:
        ``(batch, steps * size, features)``.

    Raises:
        TypeError: ``size`` is no integer.
        ConfigError: ``size`` is below 1.

    Source: https://keras.io/api/layers/reshaping_layers/up_sampling1d/

    >>> UpSampling1D(2)(np.array([[[1.0], [2.0]]])).tolist()
    [[[1.0], [1.0], [2.0], [2.0]]]
    """

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_positive(size, "size")
        self.size = size
        self.input_spec = InputSpec(ndim=3)

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the repeated steps."""
        return np.repeat(inputs, self.size, axis=1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return ``(batch, steps * size, features)``."""
        batch, steps, features = input_shape
        return (batch, None if steps is None else steps * self.size, features)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {**super().get_config(), "size": self.size}
