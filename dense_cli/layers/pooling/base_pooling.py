"""What the pooling layers share: windows along each spatial axis, and the number that stands for each."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.layers.arguments import (
    spatial_axes,
    standardize_data_format,
    standardize_padding,
    standardize_tuple,
)
from dense_cli.layers.input_spec import InputSpec
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer
from dense_cli.layers.normalization.moments import as_float
from dense_cli.layers.windows import pad_widths, places, window_length

Array = NDArray[Any]


class BasePooling(Layer):
    """One number for each window of ``pool_size`` places; windows start ``strides`` apart.

    Subclasses have ``_pool``, which pools along one axis. All axes one after the other are the whole window,
    and cost the sum of its sides where the window costs their product.
    """

    def __init__(
        self,
        pool_size: Any,
        strides: Any,
        pool_dimensions: int,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.pool_size = standardize_tuple(pool_size, pool_dimensions, "pool_size")
        self.strides = standardize_tuple(
            pool_size if strides is None else strides, pool_dimensions, "strides"
        )
        self.padding = standardize_padding(padding)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=pool_dimensions + 2)
        self._build_at_init()

    def _sides(self) -> list[tuple[int, int, int]]:
        """Return axis, size and stride for each spatial axis."""
        axes = spatial_axes(self.data_format, len(self.pool_size))
        return list(zip(axes, self.pool_size, self.strides, strict=True))

    def call(self, inputs: Array) -> Array:
        """Return the array of windows."""
        shape = self.compute_output_shape(inputs.shape)
        for axis, size, stride in self._sides():
            length, windows = inputs.shape[axis], shape[axis]
            assert windows is not None
            before = pad_widths(length, size, stride)[0] if self.padding == "same" else 0
            moved = np.moveaxis(inputs, axis, 0)
            pooled = self._pool(moved, windows, list(places(length, size, stride, before, windows)))
            inputs = np.moveaxis(pooled, 0, axis)
        return inputs

    def _pool(self, x: Array, windows: int, at: list[tuple[slice, slice]]) -> Array:
        """Return ``x`` with the ``windows`` of its first axis, of which `places` tells ``at``."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape with the number of windows along each spatial axis.

        Raises:
            ShapeError: an axis is shorter than its window.
        """
        shape = list(input_shape)
        for axis, size, stride in self._sides():
            shape[axis] = window_length(shape[axis], size, stride, self.padding)
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "padding": self.padding,
            "strides": self.strides,
            "data_format": self.data_format,
        }


class MaxPooling(BasePooling):
    """The largest number of each window."""

    def _pool(self, x: Array, windows: int, at: list[tuple[slice, slice]]) -> Array:
        lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
        out = np.full_like(x, lowest, shape=(windows, *x.shape[1:]))
        for into, source in at:
            np.maximum(out[into], x[source], out=out[into])
        return out


class AveragePooling(BasePooling):
    """The mean of each window, padding left out."""

    def _pool(self, x: Array, windows: int, at: list[tuple[slice, slice]]) -> Array:
        x = as_float(x)
        out = np.zeros_like(x, shape=(windows, *x.shape[1:]))
        counts = np.zeros(windows, x.dtype)
        for into, source in at:
            out[into] += x[source]
            counts[into] += 1
        out /= counts.reshape(-1, *[1] * (x.ndim - 1))
        return out
