"""Keras' MaxPooling1D layer."""

from __future__ import annotations

from typing import Any

from dense_cli.layers.pooling.base_pooling import MaxPooling


class MaxPooling1D(MaxPooling):
    """The largest number of each window of steps: ``y[b, w] = max(x[b, w * stride : w * stride + size])``.

    Args:
        pool_size: the window's size.
        strides: how far the windows' starts are apart; None for their size, so that they do not overlap.
        padding: "valid" for windows inside the input, "same" for one window a stride.
        data_format: "channels_last" or "channels_first".
        name: the layer's name.
        **kwargs: ``dtype`` and what else every layer takes.

    Input shape:
        ``(batch, steps, features)``; ``(batch, features, steps)`` if channels first.

    Output shape:
        the same with the number of windows for steps: ``(n - size) // stride + 1`` if valid,
        ``ceil(n / stride)`` if same.

    Raises:
        ConfigError: an argument out of range.
        ShapeError: an axis shorter than its window.

    Source: https://keras.io/api/layers/pooling_layers/max_pooling1d/

    >>> import numpy as np
    >>> MaxPooling1D(2, strides=1)(np.arange(3.0).reshape(1, 3, 1)).ravel().tolist()
    [1.0, 2.0]
    """

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, 1, padding, data_format, name, **kwargs)


MaxPool1D = MaxPooling1D
