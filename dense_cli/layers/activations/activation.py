"""Keras' Activation layer."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from dense_cli import activations
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer


class Activation(Layer):
    """An activation function as a layer.

    Args:
        activation: a name, a call with Keras' arguments, or a function of an array.

    Input shape:
        any; the output has the same.

    Raises:
        ConfigError: an unknown name.

    Source: https://keras.io/api/layers/core_layers/activation/

    >>> import numpy as np
    >>> Activation("relu")(np.array([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.activation = activations.get(activation)
        self._build_at_init()

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the activation of ``inputs``."""
        outputs: NDArray[Any] = self.activation(inputs)
        return outputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return ``input_shape``."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {**super().get_config(), "activation": activations.serialize(self.activation)}
