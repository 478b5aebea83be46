"""Keras' Conv1D layer."""

from __future__ import annotations

from typing import Any

from dense_cli.layers.convolutional.base_conv import BaseConv


class Conv1D(BaseConv):
    """A convolution over time: every window times the kernel, summed, plus bias.

    ``y[b, t, f] = activation(sum of x[b, t * stride + k * dilation, c] * kernel[k, c, f] + bias[f])``, the
    sum over k and c

    Args:
        filters: the number of output channels.
        kernel_size: the window's size.
        strides: how far the windows' starts are apart.
        padding: "valid" for windows inside the input, "same" for one window a stride,
            "causal" for windows that end at their step.
        data_format: "channels_last" or "channels_first".
        dilation_rate: how far a window's places are apart.
        groups: into how many groups channels and filters are split, each convolved by itself.
        activation: what is applied last; None for nothing.
        use_bias: whether a bias is added.
        kernel_initializer, bias_initializer: what they are before training.
        kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint: kept
            in the config.
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Weights:
        kernel ``(size, channels / groups, filters)``, bias ``(filters,)``.

    Input shape:
        ``(batch, steps, channels)``; ``(batch, channels, steps)`` if channels first.

    Output shape:
        the same with the number of windows for steps and ``filters`` for channels.

    Raises:
        ConfigError: an argument out of range, or strides and dilation together.
        ShapeError: another rank or number of channels, or an axis shorter than its window.

    Source: https://keras.io/api/layers/convolution_layers/convolution1d/

    >>> import numpy as np
    >>> Conv1D(1, 2, kernel_initializer="ones")(np.arange(3.0).reshape(1, 3, 1)).ravel().tolist()
    [1.0, 3.0]
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            1,
            filters,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            groups,
            activation,
            use_bias,
            **kwargs,
        )


Convolution1D = Conv1D
