"""Keras' Cropping1D layer."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from dense_cli.errors import ShapeError
from dense_cli.layers.arguments import standardize_tuple
from dense_cli.layers.input_spec import InputSpec
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer


class Cropping1D(Layer):
    """Sequences without their first and last steps: ``y = x[:, left : steps - right]``.

    Args:
        cropping: the number of steps to cut at either end, or (left, right).
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Input shape:
        ``(batch, steps, features)``.

    Output shape:
        ``(batch, steps - left - right, features)``.

    Raises:
        ConfigError: no two integers, or a negative one.
        ShapeError: nothing would be left.

    Source: https://keras.io/api/layers/reshaping_layers/cropping1d/

    >>> import numpy as np
    >>> Cropping1D((1, 0))(np.array([[[1.0], [2.0]]])).tolist()
    [[[2.0]]]
    """

    def __init__(self, cropping: int | tuple[int, int] = (1, 1), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cropping = standardize_tuple(cropping, 2, "cropping", allow_zero=True)
        self.input_spec = InputSpec(ndim=3)

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return what is left of ``inputs``."""
        steps = inputs.shape[1]
        self.compute_output_shape(inputs.shape)
        return inputs[:, self.cropping[0] : steps - self.cropping[1]]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return ``(batch, steps - left - right, features)``."""
        batch, steps, features = input_shape
        if steps is None:
            return (batch, None, features)
        if steps <= sum(self.cropping):
            raise ShapeError(
                "`cropping` parameter of `Cropping1D` layer must be smaller than the input length. "
                f"Received: input_shape={input_shape}, cropping={self.cropping}"
            )
        return (batch, steps - sum(self.cropping), features)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {**super().get_config(), "cropping": self.cropping}
