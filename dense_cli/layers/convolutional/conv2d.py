"""Keras' Conv2D layer."""

from __future__ import annotations

from typing import Any

from dense_cli.layers.convolutional.base_conv import BaseConv


class Conv2D(BaseConv):
    """A convolution over images: every window times the kernel, summed, plus bias.

    ``y[b, i, j, f] = activation(sum of the window of x at (i, j) * kernel[…, f] + bias[f])``

    Args:
        filters: the number of output channels.
        kernel_size: the window's size, one number or (rows, columns).
        strides: how far the windows' starts are apart, one number or (rows, columns).
        padding: "valid" for windows inside the input, "same" for one window a stride.
        data_format: "channels_last" or "channels_first".
        dilation_rate: how far a window's places are apart, one number or (rows, columns).
        groups: into how many groups channels and filters are split, each convolved by itself.
        activation: what is applied last; None for nothing.
        use_bias: whether a bias is added.
        kernel_initializer, bias_initializer: what they are before training.
        kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint: kept
            in the config.
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Weights:
        kernel ``(rows, columns, channels / groups, filters)``, bias ``(filters,)``.

    Input shape:
        ``(batch, height, width, channels)``; ``(batch, channels, height, width)`` if channels first.

    Output shape:
        the same with the number of windows for height and width and ``filters`` for channels.

    Raises:
        ConfigError: an argument out of range, or strides and dilation together.
        ShapeError: another rank or number of channels, or an axis shorter than its window.

    Source: https://keras.io/api/layers/convolution_layers/convolution2d/

    >>> import numpy as np
    >>> Conv2D(1, 2, kernel_initializer="ones")(np.arange(4.0).reshape(1, 2, 2, 1)).tolist()
    [[[[6.0]]]]
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            2,
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


Convolution2D = Conv2D
