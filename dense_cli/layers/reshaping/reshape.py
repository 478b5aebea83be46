"""Keras' Reshape layer."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError, ShapeError
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer


class Reshape(Layer):
    """The numbers of each sample in another shape: ``y[b] = reshape(x[b], target_shape)``.

    Args:
        target_shape: the shape without the batch axis; one -1 stands for what is left.
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Input shape:
        ``(batch, …)`` with as many numbers a sample as ``target_shape`` has.

    Output shape:
        ``(batch, *target_shape)``.

    Raises:
        ConfigError: two -1, or a number below -1.
        ShapeError: another number of numbers.

    Source: https://keras.io/api/layers/reshaping_layers/reshape/

    >>> Reshape((3, -1))(np.zeros((2, 12))).shape
    (2, 3, 4)
    """

    def __init__(self, target_shape: Iterable[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = tuple(target_shape)
        known = [size for size in self.target_shape if isinstance(size, (int, np.integer))]
        if any(size < -1 for size in known):
            raise ConfigError(
                "Each dimension in `target_shape` must be a non-negative integer, or `-1` for one that is "
                f"not known. Received: target_shape={self.target_shape}."
            )
        if known.count(-1) > 1:
            raise ConfigError(
                "There must be at most one unknown dimension (-1) in `target_shape`. "
                f"Received: target_shape={self.target_shape}."
            )
        self.built = True

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return ``inputs`` in the target shape."""
        return inputs.reshape(len(inputs), *self._target(inputs.shape[1:]))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return ``(batch, *target_shape)``; None for a -1 that cannot be known yet."""
        return (input_shape[0], *self._target(input_shape[1:]))

    def _target(self, shape: Shape) -> Any:
        """Return the target shape with the size that -1 stands for in an input of ``shape``."""
        if None in shape:
            return tuple(None if size == -1 else size for size in self.target_shape)
        size = prod(shape)  # type: ignore[arg-type]
        known = prod(n for n in self.target_shape if n != -1)
        if -1 not in self.target_shape:
            if size == known:
                return self.target_shape
            raise ShapeError(
                "The total size of the tensor must be unchanged. "
                f"Received: input_shape={shape}, target_shape={self.target_shape}"
            )
        if not known or size % known:
            raise ShapeError(
                "The total size of the tensor must be unchanged, but the input's cannot be divided by the "
                f"sizes of `target_shape`. Received: input_shape={shape}, target_shape={self.target_shape}"
            )
        return tuple(size // known if n == -1 else n for n in self.target_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {**super().get_config(), "target_shape": self.target_shape}
