"""Keras' Permute layer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError
from dense_cli.layers.input_spec import InputSpec
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer


class Permute(Layer):
    """The axes of each sample in another order: ``y = transpose(x, (0, *dims))``.

    Args:
        dims: the axes in their new order, counted from 1, the batch axis left out.
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Input shape:
        ``(batch, …)`` with one axis for each of ``dims``.

    Output shape:
        the same sizes in the order of ``dims``.

    Raises:
        ConfigError: ``dims`` are not 1 to their count, each once.

    Source: https://keras.io/api/layers/reshaping_layers/permute/

    >>> Permute((2, 1))(np.zeros((2, 3, 4))).shape
    (2, 4, 3)
    """

    def __init__(self, dims: Iterable[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ConfigError(
                "Invalid permutation argument `dims` for Permute Layer: they must be the axes from 1 on, "
                f"each once. Received dims={self.dims}"
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return ``inputs`` with the axes in their new order."""
        return np.transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's sizes in the order of ``dims``."""
        return tuple(input_shape[axis] for axis in (0, *self.dims))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {**super().get_config(), "dims": self.dims}
