"""Keras' MaxPooling2D layer."""

from __future__ import annotations

from typing import Any

from dense_cli.layers.pooling.base_pooling import MaxPooling


class MaxPooling2D(MaxPooling):
    """The largest number of each window of pixels: ``y[b, i, j] = max(x[b, rows of i, columns of j])``.

    Args:
        pool_size: the window's size, one number or (rows, columns).
        strides: how far the windows' starts are apart; None for their size, so that they do not overlap.
        padding: "valid" for windows inside the input, "same" for one window a stride.
        data_format: "channels_last" or "channels_first".
        name: the layer's name.
        **kwargs: ``dtype`` and what else every layer takes.

    Input shape:
        ``(batch, height, width, channels)``; ``(batch, channels, height, width)`` if channels first.

    Output shape:
        the same with the number of windows for height and width: ``(n - size) // stride + 1`` if valid,
        ``ceil(n / stride)`` if same.

    Raises:
        ConfigError: an argument out of range.
        ShapeError: an axis shorter than its window.

    Source: https://keras.io/api/layers/pooling_layers/max_pooling2d/

    >>> import numpy as np
    >>> MaxPooling2D(2, strides=1)(np.arange(4.0).reshape(1, 2, 2, 1)).ravel().tolist()
    [3.0]
    """

    def __init__(
        self,
        pool_size: Any = (2, 2),
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, 2, padding, data_format, name, **kwargs)


MaxPool2D = MaxPooling2D
