"""Keras' UpSampling2D layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError
from dense_cli.layers.arguments import spatial_axes, standardize_data_format, standardize_tuple
from dense_cli.layers.input_spec import InputSpec
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer
from dense_cli.layers.normalization.moments import as_float


class UpSampling2D(Layer):
    """Images with each row and column ``size`` times: ``y[b, i, j] = x[b, i // rows, j // columns]``.

    Args:
        size: how often, one number or (rows, columns).
        data_format: "channels_last" or "channels_first".
        interpolation: "nearest", or "bilinear" for the weighted mean of the nearest four pixels.
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Input shape:
        ``(batch, height, width, channels)``; ``(batch, channels, height, width)`` if channels first.

    Output shape:
        the same with ``height * rows`` rows and ``width * columns`` columns.

    Raises:
        ConfigError: a size below 1, or another interpolation.

    Source: https://keras.io/api/layers/reshaping_layers/up_sampling2d/

    >>> UpSampling2D((1, 2), interpolation="bilinear")(np.array([[[[0.0], [4.0]]]])).ravel().tolist()
    [0.0, 1.0, 3.0, 4.0]
    """

    def __init__(
        self,
        size: Any = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.size = standardize_tuple(size, 2, "size")
        self.interpolation = interpolation.lower()
        if self.interpolation not in ("nearest", "bilinear"):
            raise ConfigError(
                f"{self.name}: `interpolation` must be 'nearest' or 'bilinear'. Received: {interpolation!r}"
            )
        self.input_spec = InputSpec(ndim=4)

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the larger images."""
        enlarge = np.repeat if self.interpolation == "nearest" else _interpolate
        for axis, size in zip(spatial_axes(self.data_format, 2), self.size, strict=True):
            inputs = enlarge(inputs, size, axis)
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape with height and width times ``size``."""
        shape = list(input_shape)
        for axis, size in zip(spatial_axes(self.data_format, 2), self.size, strict=True):
            length = shape[axis]
            shape[axis] = None if length is None else length * size
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {
            **super().get_config(),
            "size": self.size,
            "data_format": self.data_format,
            "interpolation": self.interpolation,
        }


def _interpolate(x: NDArray[Any], size: int, axis: int) -> NDArray[Any]:
    """Return ``x`` with ``size`` times the places along ``axis``, each between the two nearest.

    Places are the middles of equal parts of one line, so the outer ones lie beyond the first and last of
    ``x`` and are these.
    """
    x = as_float(x)
    length = x.shape[axis]
    at = np.clip((np.arange(length * size) + 0.5) / size - 0.5, 0, length - 1)
    before = at.astype(np.intp)
    shape = [1] * x.ndim
    shape[axis] = -1
    share = (at - before).astype(x.dtype).reshape(shape)
    low = x.take(before, axis=axis)
    between: NDArray[Any] = low + share * (x.take(np.minimum(before + 1, length - 1), axis=axis) - low)
    return between
