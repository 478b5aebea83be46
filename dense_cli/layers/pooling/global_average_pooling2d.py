"""Keras' GlobalAveragePooling2D layer."""

from __future__ import annotations

from typing import Any

from dense_cli.layers.pooling.base_global_pooling import GlobalAveragePooling


class GlobalAveragePooling2D(GlobalAveragePooling):
    """The mean of each channel over all pixels: ``y[b, c] = mean(x[b, …, c])``.

    Args:
        data_format: "channels_last" or "channels_first".
        keepdims: whether the pooled axes stay, with size 1.
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Input shape:
        ``(batch, height, width, channels)``; ``(batch, channels, height, width)`` if channels first.

    Output shape:
        ``(batch, channels)``; ``(batch, 1, 1, channels)`` or ``(batch, channels, 1, 1)`` if they are kept.

    Raises:
        ConfigError: an unknown data format.

    Source: https://keras.io/api/layers/pooling_layers/global_average_pooling2d/

    >>> import numpy as np
    >>> GlobalAveragePooling2D()(np.arange(4.0).reshape(1, 2, 2, 1)).tolist()
    [[1.5]]
    """

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(2, data_format, keepdims, **kwargs)


GlobalAvgPool2D = GlobalAveragePooling2D
