"""Keras' ReLU layer."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from dense_cli import activations
from dense_cli.errors import ConfigError
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer


class ReLU(Layer):
    """What is above a threshold, and a slope below: ``max(x, 0)`` by default.

    ``max_value`` for ``x >= max_value``, ``x`` from ``threshold`` on, ``negative_slope * (x - threshold)``
    below it.

    Args:
        max_value: the largest output; None for no limit.
        negative_slope: the slope below the threshold.
        threshold: where the slope ends.
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Input shape:
        any.

    Output shape:
        the input's.

    Raises:
        ConfigError: a negative argument.

    Source: https://keras.io/api/layers/activation_layers/relu/

    >>> import numpy as np
    >>> ReLU(max_value=2.0, negative_slope=0.5)(np.array([-2.0, 1.0, 3.0])).tolist()
    [-1.0, 1.0, 2.0]
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if max_value is not None and max_value < 0:
            raise ConfigError(
                f"max_value of a ReLU layer cannot be a negative value. Received: max_value={max_value}"
            )
        for name, value in (("negative_slope", negative_slope), ("threshold", threshold)):
            if value is None or value < 0:
                raise ConfigError(
                    f"{name} of a ReLU layer cannot be None or a negative value. Received: {name}={value}"
                )
        self.max_value = max_value
        self.negative_slope = negative_slope
        self.threshold = threshold
        self.supports_masking = True
        self._build_at_init()

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the activation of ``inputs``, in their dtype."""
        outputs = activations.relu(
            inputs,
            negative_slope=self.negative_slope,
            max_value=self.max_value,
            threshold=self.threshold,
        )
        return outputs.astype(inputs.dtype, copy=False)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {
            **super().get_config(),
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }
