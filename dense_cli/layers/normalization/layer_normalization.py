"""Keras' LayerNormalization layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli import constraints, initializers, regularizers
from dense_cli.layers.arguments import check_axes
from dense_cli.layers.dtype_policy import round_to
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer
from dense_cli.layers.normalization.moments import as_float, scale_and_shift
from dense_cli.layers.variable import Variable


class LayerNormalization(Layer):
    """Each place by the mean and variance of its own features.

    ``gamma * (x - mean(x)) / sqrt(var(x) + epsilon) + beta``, mean and variance over ``axis``

    Args:
        axis: the axis of the features, or several.
        epsilon: keeps the square root away from 0.
        center: whether there is a ``beta``.
        scale: whether there is a ``gamma``.
        beta_initializer, gamma_initializer: what they are before training.
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: kept in the config.
        **kwargs: ``name``, ``dtype`` and what else every layer takes; ``rms_scaling`` for
            ``gamma * x / sqrt(var(x) + epsilon)``, as older files have it.

    Weights:
        ``gamma`` and ``beta`` of the sizes of ``axis``.

    Input shape:
        any of rank 1 or more.

    Output shape:
        the input's.

    Raises:
        TypeError: ``axis`` is neither an integer nor a list of them.
        ConfigError: an axis out of bounds.

    Source: https://keras.io/api/layers/normalization_layers/layer_normalization/ and
    https://arxiv.org/abs/1607.06450

    >>> LayerNormalization(epsilon=0)(np.array([[1.0, 3.0]])).tolist()
    [[-1.0, 1.0]]
    """

    def __init__(
        self,
        axis: Any = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        self.rms_scaling = kwargs.pop("rms_scaling", False)
        super().__init__(**kwargs)
        if not isinstance(axis, (int, list, tuple)):
            raise TypeError(
                f"Expected an int or a list/tuple of ints for the argument 'axis', but received: {axis!r}"
            )
        self.axis: Any = axis if isinstance(axis, int) else list(axis)
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.supports_masking = True
        self.autocast = False
        self.gamma: Variable | None = None
        self.beta: Variable | None = None

    def build(self, input_shape: Shape) -> None:
        """Make the weights for inputs of ``input_shape``; ``axis`` is a sorted list from here on."""
        self.axis = [self.axis] if isinstance(self.axis, int) else sorted(self.axis)
        check_axes(self.axis, input_shape)
        shape = tuple(input_shape[axis] for axis in self.axis)
        if self.scale or self.rms_scaling:
            self.gamma = self.add_weight(
                name="gamma",
                shape=shape,
                initializer=self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                autocast=False,
            )
        if self.center and not self.rms_scaling:
            self.beta = self.add_weight(
                name="beta",
                shape=shape,
                initializer=self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                autocast=False,
            )

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the normalized array."""
        x = as_float(inputs)
        axes = tuple(axis % x.ndim for axis in self.axis)
        shape = [n if axis in axes else 1 for axis, n in enumerate(x.shape)]
        gamma, beta = (
            None if weight is None else weight.value.astype(x.dtype).reshape(shape)
            for weight in (self.gamma, self.beta)
        )
        mean = x.mean(axis=axes, keepdims=True)
        # The variance by hand: np.var would take the mean anew.
        variance = np.square(x - mean).mean(axis=axes, keepdims=True)
        if self.rms_scaling:
            mean = np.zeros_like(mean)
        out = scale_and_shift(x, mean, variance, gamma, beta, self.epsilon)
        if inputs.dtype.kind != "f":
            out = out.astype(inputs.dtype)  # as Keras casts: of integers the outputs are whole numbers
        return round_to(out, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape.

        Raises:
            ConfigError: it has no such axis.
        """
        check_axes(self.axis, input_shape)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {
            **super().get_config(),
            "axis": self.axis,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "rms_scaling": self.rms_scaling,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }
