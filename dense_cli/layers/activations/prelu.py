"""Keras' PReLU layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli import constraints, initializers, regularizers
from dense_cli.layers.input_spec import InputSpec
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer


class PReLU(Layer):
    """A slope of its own for each feature's negative part: ``max(x, 0) + alpha * min(x, 0)``.

    Args:
        alpha_initializer: what the slopes are before training.
        alpha_regularizer: kept in the config.
        alpha_constraint: kept in the config.
        shared_axes: axes along which one slope is used, such as [1, 2] for the pixels of an image.
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Weights:
        alpha: the input's shape without the batch axis, 1 along the shared axes.

    Input shape:
        ``(batch, …)``.

    Output shape:
        the input's.

    Source: https://keras.io/api/layers/activation_layers/prelu/ and https://arxiv.org/abs/1502.01852

    >>> PReLU(alpha_initializer="ones")(np.array([[-2.0, 1.0]])).tolist()
    [[-2.0, 1.0]]
    """

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        if shared_axes is not None:
            shared_axes = list(shared_axes) if isinstance(shared_axes, (list, tuple)) else [shared_axes]
        self.shared_axes: list[int] | None = shared_axes

    def build(self, input_shape: Shape) -> None:
        """Make ``alpha`` for inputs of ``input_shape``."""
        shape = list(input_shape[1:])
        shared = self.shared_axes or []
        for axis in shared:
            shape[axis - 1] = 1
        self.alpha = self.add_weight(
            shape=tuple(shape),
            name="alpha",
            initializer=self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
        )
        axes = {i: n for i, n in enumerate(input_shape) if i and i not in shared} if shared else {}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes)

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the activation of ``inputs``."""
        negative = self.alpha.value * np.minimum(inputs, 0)
        outputs: NDArray[Any] = np.maximum(inputs, 0) + negative
        return outputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {
            **super().get_config(),
            "alpha_initializer": initializers.serialize(self.alpha_initializer),
            "alpha_regularizer": regularizers.serialize(self.alpha_regularizer),
            "alpha_constraint": constraints.serialize(self.alpha_constraint),
            "shared_axes": self.shared_axes,
        }
