"""Keras' RepeatVector layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.layers.arguments import check_positive
from dense_cli.layers.input_spec import InputSpec
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer


class RepeatVector(Layer):
    """Each sample ``n`` times along a new time axis: ``y[b, t] = x[b]``.

    Args:
        n: the number of time steps.
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Input shape:
        ``(batch, features)``.

    Output shape:
        ``(batch, n, features)``.

    Raises:
        TypeError: ``n`` is no integer.
        ConfigError: ``n`` is below 1.

    Source: https://keras.io/api/layers/reshaping_layers/repeat_vector/

    >>> RepeatVector(2)(np.array([[1.0, 2.0]])).tolist()
    [[[1.0, 2.0], [1.0, 2.0]]]
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_positive(n, "n")
        self.n = n
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the repeated samples."""
        return np.repeat(inputs[:, None], self.n, axis=1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return ``(batch, n, features)``."""
        return (input_shape[0], self.n, input_shape[1])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {**super().get_config(), "n": self.n}
