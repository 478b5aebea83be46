"""Keras' Identity layer."""

from __future__ import annotations

from typing import Any

from dense_cli.layers import tree
from dense_cli.layers.keras_tensor import KerasTensor
from dense_cli.layers.layer import Layer


class Identity(Layer):
    """Return the input as it is.

    Source: https://keras.io/api/layers/core_layers/identity/

    >>> import numpy as np
    >>> Identity()(np.ones((1, 2))).tolist()
    [[1.0, 1.0]]
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        """Return ``inputs``."""
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return ``input_shape``."""
        return input_shape

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return tensors like ``inputs``."""
        return tree.map_structure(lambda x: KerasTensor(x.shape, x.dtype), inputs)
