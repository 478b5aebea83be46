"""Keras' Masking layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer
from dense_cli.layers.masks import with_mask


class Masking(Layer):
    """Mark the steps whose features all equal ``mask_value``, and set them to zero.

    Input shape:
        ``(batch, time, …, features)``; the output has the same, and a mask of all axes but the last.

    Source: https://keras.io/api/layers/core_layers/masking/

    >>> x = np.array([[[1.0, 2.0], [9.0, 9.0]]])
    >>> y = Masking(mask_value=9.0)(x)
    >>> y.tolist(), y._keras_mask.tolist()
    ([[[1.0, 2.0], [0.0, 0.0]]], [[True, False]])
    """

    def __init__(self, mask_value: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(mask_value, dict):  # Keras writes a number of NumPy so
            mask_value = mask_value.get("config", {}).get("value")
        self.mask_value = mask_value
        self.supports_masking = True
        self._build_at_init()

    def compute_mask(self, inputs: NDArray[Any], mask: Any = None) -> NDArray[np.bool_]:
        """Return booleans of all axes but the last, True where a step counts."""
        counts: NDArray[np.bool_] = np.any(inputs != self.mask_value, axis=-1)
        return counts

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return ``inputs`` with the masked steps at zero, and the mask."""
        mask = self.compute_mask(inputs)
        return with_mask(np.where(mask[..., None], inputs, inputs.dtype.type(0)), mask)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return ``input_shape``."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        value = self.mask_value
        return {
            **super().get_config(),
            "mask_value": value.item() if isinstance(value, np.generic) else value,
        }
