"""Keras' Flatten layer."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.layers.arguments import standardize_data_format
from dense_cli.layers.input_spec import InputSpec
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer


class Flatten(Layer):
    """All axes but the first as one: ``y[b] = ravel(x[b])``.

    Args:
        data_format: "channels_last", or "channels_first" to move axis 1 to the end before.
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Input shape:
        ``(batch, …)``.

    Output shape:
        ``(batch, product of the other axes)``; ``(batch, 1)`` for rank 1.

    Raises:
        ConfigError: an unknown data format.

    Source: https://keras.io/api/layers/reshaping_layers/flatten/

    >>> Flatten()(np.zeros((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return ``inputs`` as a matrix."""
        if self.data_format == "channels_first" and inputs.ndim > 1:
            inputs = np.moveaxis(inputs, 1, -1)
        return inputs.reshape(len(inputs), prod(inputs.shape[1:]))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return ``(batch, product)``, None where an axis is not known."""
        return (input_shape[0], None if None in input_shape[1:] else prod(input_shape[1:]))  # type: ignore[arg-type]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {**super().get_config(), "data_format": self.data_format}
