"""What ZeroPadding1D and ZeroPadding2D share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.layers.arguments import spatial_axes, standardize_data_format
from dense_cli.layers.input_spec import InputSpec
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer


class BaseZeroPadding(Layer):
    """Zeros before and after the spatial axes; ``pairs`` has (before, after) of each."""

    def __init__(self, pairs: tuple[tuple[int, ...], ...], data_format: str | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._pairs = pairs
        self.padding: Any = pairs
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=len(pairs) + 2)

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return ``inputs`` with the zeros."""
        widths: list[tuple[int, ...]] = [(0, 0)] * inputs.ndim
        for axis, pair in zip(spatial_axes(self.data_format, len(self._pairs)), self._pairs, strict=True):
            widths[axis] = pair
        return np.pad(inputs, widths)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape with the zeros counted in."""
        shape = list(input_shape)
        for axis, pair in zip(spatial_axes(self.data_format, len(self._pairs)), self._pairs, strict=True):
            size = shape[axis]
            shape[axis] = None if size is None else size + sum(pair)
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {**super().get_config(), "padding": self.padding, "data_format": self.data_format}
