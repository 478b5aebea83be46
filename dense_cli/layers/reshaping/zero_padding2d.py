"""Keras' ZeroPadding2D layer."""

from __future__ import annotations

from typing import Any

from dense_cli.layers.arguments import standardize_pairs
from dense_cli.layers.reshaping.base_zero_padding import BaseZeroPadding


class ZeroPadding2D(BaseZeroPadding):
    """Rows and columns of zeros around each image: ``y[b, top + i, left + j] = x[b, i, j]``.

    Args:
        padding: one number for all sides, (rows, columns), or ((top, bottom), (left, right)).
        data_format: "channels_last" or "channels_first".
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Input shape:
        ``(batch, height, width, channels)``; ``(batch, channels, height, width)`` if channels first.

    Output shape:
        the same with ``top + height + bottom`` rows and ``left + width + right`` columns.

    Raises:
        ConfigError: another form of ``padding``, or a negative number.

    Source: https://keras.io/api/layers/reshaping_layers/zero_padding2d/

    >>> import numpy as np
    >>> ZeroPadding2D(((1, 0), (0, 1)))(np.ones((1, 1, 1, 1)))[0, :, :, 0].tolist()
    [[0.0, 0.0], [1.0, 0.0]]
    """

    def __init__(self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(standardize_pairs(padding, "padding"), data_format, **kwargs)
