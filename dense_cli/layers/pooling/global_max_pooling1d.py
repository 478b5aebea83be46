"""Keras' GlobalMaxPooling1D layer."""

from __future__ import annotations

from typing import Any

from dense_cli.layers.pooling.base_global_pooling import GlobalMaxPooling


class GlobalMaxPooling1D(GlobalMaxPooling):
    """The largest number of each feature over all steps: ``y[b, c] = max(x[b, …, c])``.

    Args:
        data_format: "channels_last" or "channels_first".
        keepdims: whether the pooled axes stay, with size 1.
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Input shape:
        ``(batch, steps, features)``; ``(batch, features, steps)`` if channels first.

    Output shape:
        ``(batch, features)``; ``(batch, 1, features)`` or ``(batch, features, 1)`` if the axes are kept.

    Raises:
        ConfigError: an unknown data format.

    Source: https://keras.io/api/layers/pooling_layers/global_max_pooling1d/

    >>> import numpy as np
    >>> GlobalMaxPooling1D()(np.arange(3.0).reshape(1, 3, 1)).tolist()
    [[2.0]]
    """

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(1, data_format, keepdims, **kwargs)


GlobalMaxPool1D = GlobalMaxPooling1D
