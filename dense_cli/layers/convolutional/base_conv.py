"""What Conv1D and Conv2D share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli import activations, constraints, initializers, regularizers
from dense_cli.errors import ConfigError, ShapeError
from dense_cli.layers.arguments import standardize_data_format, standardize_padding, standardize_tuple
from dense_cli.layers.dtype_policy import work_dtype
from dense_cli.layers.input_spec import InputSpec
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer
from dense_cli.layers.variable import Variable
from dense_cli.layers.windows import convolve, pad_widths, window_length


class BaseConv(Layer):
    """``activation(sum over a window of x * kernel + bias)`` for every window of ``rank`` axes."""

    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
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
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.rank = rank
        self.filters = filters
        self.groups = groups
        self.kernel_size = standardize_tuple(kernel_size, rank, "kernel_size")
        self.strides = standardize_tuple(strides, rank, "strides")
        self.dilation_rate = standardize_tuple(dilation_rate, rank, "dilation_rate")
        allowed = ("valid", "same", "causal") if rank == 1 else ("valid", "same")
        self.padding = standardize_padding(padding, allowed)
        self.data_format = standardize_data_format(data_format)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(min_ndim=rank + 2)
        self.kernel: Any = None
        self.bias: Variable | None = None
        self._check_arguments()

    def _check_arguments(self) -> None:
        if self.filters is not None and self.filters <= 0:
            raise ConfigError(
                "Invalid value for argument `filters`. Expected a strictly positive value. "
                f"Received filters={self.filters}."
            )
        if self.groups <= 0:
            raise ConfigError(
                f"The number of groups must be a positive integer. Received: groups={self.groups}."
            )
        if self.filters is not None and self.filters % self.groups:
            raise ConfigError(
                "The number of filters must be evenly divisible by the number of groups. "
                f"Received: groups={self.groups}, filters={self.filters}."
            )
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ConfigError(
                "`strides > 1` not supported in conjunction with `dilation_rate > 1`. "
                f"Received: strides={self.strides} and dilation_rate={self.dilation_rate}"
            )

    @property
    def _channel_axis(self) -> int:
        return -1 if self.data_format == "channels_last" else 1

    def build(self, input_shape: Shape) -> None:
        """Make the weights for inputs of ``input_shape``."""
        channels = input_shape[self._channel_axis]
        if channels is None:
            raise ShapeError(f"{self.name}: the number of channels must be known. Received: {input_shape}")
        if channels % self.groups:
            raise ShapeError(
                "The number of input channels must be evenly divisible by the number of groups. "
                f"Received groups={self.groups}, but the input has {channels} channels "
                f"(full input shape is {input_shape})."
            )
        self.compute_output_shape(input_shape)
        self.input_spec = InputSpec(min_ndim=self.rank + 2, axes={self._channel_axis: channels})
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, channels // self.groups, self.filters),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.filters,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return ``activation(convolution + bias)``."""
        self.compute_output_shape(inputs.shape)
        x = np.asarray(inputs, work_dtype(self.compute_dtype))
        x = self._padded(np.moveaxis(x, self._channel_axis, -1))
        outputs = convolve(x, self.kernel.value, self.strides, self.dilation_rate, self.groups)
        if self.bias is not None:
            outputs += self.bias.value
        y: NDArray[Any] = self.activation(np.moveaxis(outputs, -1, self._channel_axis))
        return y

    def _padded(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return channels-last ``x`` with the zeros that the padding asks for."""
        widths = [(0, 0)] * x.ndim
        for i, (size, stride, dilation) in enumerate(
            zip(self.kernel_size, self.strides, self.dilation_rate, strict=True)
        ):
            if self.padding == "causal":
                widths[i + 1] = (dilation * (size - 1), 0)
            elif self.padding == "same":
                widths[i + 1] = pad_widths(x.shape[i + 1], size, stride, dilation)
        return np.pad(x, widths) if any(map(any, widths)) else x

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape with the number of windows along each spatial axis and ``filters`` channels.

        Raises:
            ShapeError: another rank, or an axis shorter than its window.
        """
        if len(input_shape) != self.rank + 2:
            raise ShapeError(
                f"{self.name}: expected an input of rank {self.rank + 2}, found shape {tuple(input_shape)}"
            )
        shape = list(input_shape)
        last = self.data_format == "channels_last"
        sides = zip(self.kernel_size, self.strides, self.dilation_rate, strict=True)
        for axis, (size, stride, dilation) in enumerate(sides, start=1 if last else 2):
            shape[axis] = window_length(shape[axis], size, stride, self.padding, dilation)
        shape[self._channel_axis] = self.filters
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }
