"""Keras' Rescaling layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.layers.dtype_policy import work_dtype
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer


class Rescaling(Layer):
    """``x * scale + offset``, as for pixels from 0 to 255.

    Args:
        scale: a number, or an array that broadcasts to the input.
        offset: likewise.
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Input shape:
        any; integers are cast.

    Output shape:
        the input's.

    Source: https://keras.io/api/layers/preprocessing_layers/image_preprocessing/rescaling/

    >>> Rescaling(1 / 255)(np.array([0, 255], "uint8")).tolist()
    [0.0, 1.0]
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._allow_non_tensor_positional_args = True
        self.scale = scale
        self.offset = offset
        self.supports_masking = True

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return ``inputs * scale + offset``."""
        dtype = work_dtype(self.compute_dtype)
        scale, offset = np.asarray(self.scale, dtype), np.asarray(self.offset, dtype)
        scaled: NDArray[Any] = np.asarray(inputs, dtype) * scale + offset
        return scaled

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {**super().get_config(), "scale": _serialize(self.scale), "offset": _serialize(self.offset)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Rescaling:
        """Return the layer that these arguments make."""
        arrays = {name: _deserialize(config[name]) for name in ("scale", "offset") if name in config}
        return cls(**(config | arrays))


def _serialize(value: Any) -> Any:
    if not isinstance(value, (np.ndarray, np.generic)):
        return value
    return {"class_name": "__numpy__", "config": {"value": value.tolist(), "dtype": value.dtype.name}}


def _deserialize(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return np.array(value["config"]["value"], value["config"]["dtype"])
