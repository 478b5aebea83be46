"""Keras' Cropping2D layer."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from dense_cli.errors import ShapeError
from dense_cli.layers.arguments import spatial_axes, standardize_data_format, standardize_pairs
from dense_cli.layers.input_spec import InputSpec
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer


class Cropping2D(Layer):
    """Images without their outer rows and columns: ``y = x[:, top : height - bottom, left : width - right]``.

    Args:
        cropping: one number for all sides, (rows, columns), or ((top, bottom), (left, right)).
        data_format: "channels_last" or "channels_first".
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Input shape:
        ``(batch, height, width, channels)``; ``(batch, channels, height, width)`` if channels first.

    Output shape:
        the same with ``height - top - bottom`` rows and ``width - left - right`` columns.

    Raises:
        ConfigError: another form of ``cropping``, or a negative number.
        ShapeError: nothing would be left.

    Source: https://keras.io/api/layers/reshaping_layers/cropping2d/

    >>> import numpy as np
    >>> Cropping2D(((1, 0), (2, 2)))(np.zeros((1, 4, 5, 3))).shape
    (1, 3, 1, 3)
    """

    def __init__(
        self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.cropping = standardize_pairs(cropping, "cropping")
        self.input_spec = InputSpec(ndim=4)

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return what is left of ``inputs``."""
        self.compute_output_shape(inputs.shape)
        kept = [slice(None)] * inputs.ndim
        for axis, (before, after) in self._axes():
            kept[axis] = slice(before, inputs.shape[axis] - after)
        return inputs[tuple(kept)]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape without what is cut off."""
        shape = list(input_shape)
        for axis, pair in self._axes():
            size = shape[axis]
            if size is None:
                continue
            if size <= sum(pair):
                raise ShapeError(
                    "Values in `cropping` argument should be smaller than the corresponding spatial "
                    f"dimension of the input. Received: input_shape={input_shape}, cropping={self.cropping}"
                )
            shape[axis] = size - sum(pair)
        return tuple(shape)

    def _axes(self) -> list[tuple[int, tuple[int, ...]]]:
        return list(zip(spatial_axes(self.data_format, 2), self.cropping, strict=True))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {**super().get_config(), "cropping": self.cropping, "data_format": self.data_format}
