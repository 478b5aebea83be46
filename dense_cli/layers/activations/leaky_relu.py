"""Keras' LeakyReLU layer."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from dense_cli import activations
from dense_cli.errors import ConfigError
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer
from dense_cli.layers.normalization.moments import as_float


class LeakyReLU(Layer):
    """A slope for what is negative: ``x`` from 0 on, ``negative_slope * x`` below.

    Args:
        negative_slope: the slope; ``alpha`` is its name in Keras 2.
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Input shape:
        any.

    Output shape:
        the input's.

    Raises:
        ConfigError: no slope, or a negative one.

    Source: https://keras.io/api/layers/activation_layers/leaky_relu/

    >>> import numpy as np
    >>> LeakyReLU(0.5)(np.array([-2.0, 1.0])).tolist()
    [-1.0, 1.0]
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        negative_slope = kwargs.pop("alpha", negative_slope)
        super().__init__(**kwargs)
        if negative_slope is None or negative_slope < 0:
            raise ConfigError(
                "The negative_slope value of a Leaky ReLU layer cannot be None or negative value. "
                f"Received: negative_slope={negative_slope}"
            )
        self.negative_slope = negative_slope
        self.supports_masking = True
        self._build_at_init()

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the activation of ``inputs``, in floats."""
        return activations.leaky_relu(as_float(inputs), negative_slope=self.negative_slope)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {**super().get_config(), "negative_slope": self.negative_slope}
