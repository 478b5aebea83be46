"""Keras' ELU layer."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from dense_cli import activations
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer


class ELU(Layer):
    """An exponential for what is negative: ``x`` from 0 on, ``alpha * (exp(x) - 1)`` below.

    Args:
        alpha: the limit far below 0 is ``-alpha``.
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Input shape:
        any.

    Output shape:
        the input's.

    Source: https://keras.io/api/layers/activation_layers/elu/ and https://arxiv.org/abs/1511.07289

    >>> import numpy as np
    >>> ELU(2.0)(np.array([-100.0, 1.0])).tolist()
    [-2.0, 1.0]
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = alpha
        self.supports_masking = True
        self._build_at_init()

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the activation of ``inputs``."""
        return activations.elu(inputs, alpha=self.alpha)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape
