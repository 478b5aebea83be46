"""Keras' UnitNormalization layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.layers.arguments import check_axes
from dense_cli.layers.dtype_policy import round_to
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer
from dense_cli.layers.normalization.moments import as_float


class UnitNormalization(Layer):
    """Each place with a Euclidean norm of 1: ``x / sqrt(sum(x**2))`` over ``axis``; zeros stay.

    Args:
        axis: the axis of the features, or several.
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Input shape:
        any of rank 1 or more.

    Output shape:
        the input's.

    Raises:
        TypeError: ``axis`` is neither an integer nor a list of them.
        ConfigError: an axis out of bounds.

    Source: https://keras.io/api/layers/normalization_layers/unit_normalization/

    >>> UnitNormalization()(np.array([[0.0, 2.0]])).tolist()
    [[0.0, 1.0]]
    """

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(axis, (int, list, tuple)):
            raise TypeError(
                "Invalid value for `axis` argument: expected an int or a list/tuple of ints. "
                f"Received: axis={axis}"
            )
        self.axis: Any = axis if isinstance(axis, int) else list(axis)
        self.supports_masking = True
        self._build_at_init()

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the normalized array."""
        return unit_norm(as_float(inputs), self.axis, 1e-12, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape.

        Raises:
            ConfigError: it has no such axis.
        """
        check_axes(self.axis, input_shape)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {**super().get_config(), "axis": self.axis}


def unit_norm(x: NDArray[Any], axis: Any, epsilon: float, dtype: str) -> NDArray[Any]:
    """Return ``x`` over its Euclidean norm along ``axis``, the norm being at least ``epsilon``.

    ``dtype`` is the layer's: in float16, ``1 / epsilon`` is infinite and zeros become NaN, as in Keras.
    """
    axes = axis if isinstance(axis, int) else tuple(axis)
    limit = round_to(np.array(1 / epsilon, x.dtype), dtype).astype(x.dtype)
    factor = 1 / np.sqrt(np.square(x).sum(axis=axes, keepdims=True))
    unit: NDArray[Any] = x * np.minimum(factor, limit)
    return unit
