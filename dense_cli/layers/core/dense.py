"""Keras' Dense layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli import activations, constraints, initializers, regularizers
from dense_cli.errors import ConfigError, ShapeError
from dense_cli.layers.input_spec import InputSpec
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer
from dense_cli.layers.variable import Variable


class Dense(Layer):
    r"""A densely connected layer: ``activation(x @ kernel + bias)`` over the last axis.

    Args:
        units: the size of the last axis of the output.
        activation: a name, a call such as ``"leaky_relu(negative_slope=0.1)"``, a function of an array, or
            None for linear.
        use_bias: whether a bias is added.
        kernel_initializer: a name, a call pasted from Keras, Keras' JSON config, an initializer, an array,
            or None for glorot_uniform.
        bias_initializer: likewise.
        kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint:
            kept in the config; only training uses them.
        kwargs: `Layer`'s name, dtype and trainable.

    Input shape:
        ``(batch, …, features)``, rank 2 or more.

    Output shape:
        ``(batch, …, units)``.

    Raises:
        ConfigError: units below 1, an unknown name or dtype.
        ShapeError: an input of rank below 2, or with another number of features than the kernel has.

    Source: https://keras.io/api/layers/core_layers/dense/

    >>> layer = Dense(2, activation="softmax", kernel_initializer="ones")
    >>> layer(np.array([[1.0, 2.0]])).tolist()
    [[0.5, 0.5]]
    >>> layer.kernel.shape
    (2, 2)
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(units, bool) or not isinstance(units, (int, np.integer)) or units <= 0:
            raise ConfigError(
                "Received an invalid value for `units`, expected a positive integer. Received: "
                f"units={units!r}"
            )
        for name in ("lora_rank", "lora_alpha", "quantization_config"):
            if kwargs.pop(name, None) is not None:
                raise ConfigError(
                    f"Dense: `{name}` is about training or quantization, which is not supported"
                )
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = int(units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True
        self.bias: Variable | None = None

    def build(self, input_shape: Shape) -> None:
        """Make kernel and bias for inputs whose last axis is features."""
        if len(input_shape) < 2 or not input_shape[-1]:
            raise ShapeError(
                f"{self.name}: expected features on the last axis of rank 2 or more, found shape "
                f"{input_shape}"
            )
        self._kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.units,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.input_spec = InputSpec(min_ndim=2, axes={-1: input_shape[-1]})

    @property
    def kernel(self) -> Variable:
        """The kernel, ``(features, units)``.

        Raises:
            AttributeError: the layer is not built.
        """
        if not hasattr(self, "_kernel"):
            raise AttributeError("You must build the layer before accessing `kernel`.")
        return self._kernel

    def call(self, inputs: NDArray[Any], training: bool | None = None) -> NDArray[Any]:
        """Return ``activation(inputs @ kernel + bias)``."""
        kernel = self.kernel.value
        if inputs.dtype.kind != "f":
            inputs = inputs.astype(kernel.dtype)
        x: NDArray[Any] = inputs @ kernel
        if self.bias is not None:
            x += self.bias.value
        if self.activation is not None:
            x = self.activation(x)
        return x

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return ``(batch, …, units)``."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }
