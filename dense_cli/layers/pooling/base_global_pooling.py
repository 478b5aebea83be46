"""What the pooling layers share that leave one number a channel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.layers.arguments import spatial_axes, standardize_data_format
from dense_cli.layers.input_spec import InputSpec
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer
from dense_cli.layers.normalization.moments import as_float


class BaseGlobalPooling(Layer):
    """One number for all places of each channel.

    Subclasses have ``call``, which takes it along ``_axes``.
    """

    def __init__(
        self, pool_dimensions: int, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.keepdims = keepdims
        self.input_spec = InputSpec(ndim=pool_dimensions + 2)
        self._axes = tuple(spatial_axes(self.data_format, pool_dimensions))
        self._build_at_init()

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return ``(batch, channels)``, with 1 for each spatial axis where they are kept."""
        if self.keepdims:
            return tuple(1 if axis in self._axes else n for axis, n in enumerate(input_shape))
        return tuple(n for axis, n in enumerate(input_shape) if axis not in self._axes)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {**super().get_config(), "data_format": self.data_format, "keepdims": self.keepdims}


class GlobalMaxPooling(BaseGlobalPooling):
    """The largest number of each channel."""

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the largest numbers."""
        largest: NDArray[Any] = inputs.max(axis=self._axes, keepdims=self.keepdims)
        return largest


class GlobalAveragePooling(BaseGlobalPooling):
    """The mean of each channel."""

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the means."""
        mean: NDArray[Any] = np.mean(as_float(inputs), axis=self._axes, keepdims=self.keepdims)
        return mean
