"""Keras' ZeroPadding1D layer."""

from __future__ import annotations

from typing import Any

from dense_cli.layers.arguments import standardize_tuple
from dense_cli.layers.reshaping.base_zero_padding import BaseZeroPadding


class ZeroPadding1D(BaseZeroPadding):
    """Steps of zeros before and after each sequence: ``y[b] = zeros(left) | x[b] | zeros(right)``.

    Args:
        padding: the number of steps at either end, or (left, right).
        data_format: "channels_last" or "channels_first".
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Input shape:
        ``(batch, steps, features)``; ``(batch, features, steps)`` if channels first.

    Output shape:
        the same with ``left + steps + right`` steps.

    Raises:
        ConfigError: no two integers, or a negative one.

    Source: https://keras.io/api/layers/reshaping_layers/zero_padding1d/

    >>> import numpy as np
    >>> ZeroPadding1D((2, 1))(np.ones((1, 1, 1))).ravel().tolist()
    [0.0, 0.0, 1.0, 0.0]
    """

    def __init__(
        self, padding: int | tuple[int, int] = 1, data_format: str | None = None, **kwargs: Any
    ) -> None:
        pair = standardize_tuple(padding, 2, "padding", allow_zero=True)
        super().__init__((pair,), data_format, **kwargs)
        self.padding = pair
