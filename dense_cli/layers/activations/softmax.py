"""Keras' Softmax layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli import activations
from dense_cli.errors import ShapeError
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer


class Softmax(Layer):
    """Shares that sum to 1 along an axis: ``exp(x) / sum(exp(x))``.

    Args:
        axis: the axis of the classes, or several of them.
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Call arguments:
        inputs: the logits.
        mask: what counts, of a shape that broadcasts to the input's; the rest gets 0.

    Input shape:
        any.

    Output shape:
        the input's.

    Raises:
        ShapeError: a mask that does not broadcast to the input.

    Source: https://keras.io/api/layers/activation_layers/softmax/

    >>> Softmax()(np.array([[1.0, 1.0]])).tolist()
    [[0.5, 0.5]]
    """

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis
        self.supports_masking = True
        self._build_at_init()

    def call(self, inputs: NDArray[Any], mask: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return the shares; 0 where the mask is false."""
        if mask is None:
            return self._softmax(inputs)
        _check_mask(mask, inputs)
        kept = mask if mask.dtype == bool else mask > 0.5
        low = -3e4 if self.compute_dtype == "float16" else -1e9
        shares = self._softmax(np.where(kept, inputs, inputs.dtype.type(low)))
        return np.where(kept, shares, inputs.dtype.type(0))

    def _softmax(self, x: NDArray[Any]) -> NDArray[Any]:
        axis = tuple(self.axis) if isinstance(self.axis, (list, tuple)) else self.axis
        return activations.softmax(x, axis=axis)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {**super().get_config(), "axis": self.axis}


def _check_mask(mask: NDArray[Any], x: NDArray[Any]) -> None:
    if mask.ndim > x.ndim:
        raise ShapeError(
            "The `mask` must be broadcastable to `inputs` and must not have more dimensions. "
            f"Received: inputs.shape={x.shape}, mask.shape={mask.shape}"
        )
    if any(m not in (1, n) for m, n in zip(mask.shape[::-1], x.shape[::-1], strict=False)):
        raise ShapeError(
            "The `mask` must be broadcastable to `inputs`: each of its axes must be 1 or the input's. "
            f"Received: inputs.shape={x.shape}, mask.shape={mask.shape}"
        )
