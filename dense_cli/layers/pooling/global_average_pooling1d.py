"""Keras' GlobalAveragePooling1D layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.layers.normalization.moments import as_float
from dense_cli.layers.pooling.base_global_pooling import GlobalAveragePooling


class GlobalAveragePooling1D(GlobalAveragePooling):
    """The mean of each feature over all steps that count: ``y[b, c] = mean(x[b, mask[b], c])``.

    Args:
        data_format: "channels_last" or "channels_first".
        keepdims: whether the time axis stays, with size 1.
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Call arguments:
        inputs: the sequences.
        mask: ``(batch, steps)``, true where a step counts; a sample without one gives NaN, as in Keras.

    Input shape:
        ``(batch, steps, features)``; ``(batch, features, steps)`` if channels first.

    Output shape:
        ``(batch, features)``; ``(batch, 1, features)`` or ``(batch, features, 1)`` if the axis is kept.

    Raises:
        ConfigError: an unknown data format.

    Source: https://keras.io/api/layers/pooling_layers/global_average_pooling1d/

    >>> layer = GlobalAveragePooling1D()
    >>> layer(np.array([[[1.0], [2.0], [9.0]]]), mask=np.array([[True, True, False]])).tolist()
    [[1.5]]
    """

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(1, data_format, keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs: NDArray[Any], mask: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return the means over the steps that count."""
        if mask is None:
            return super().call(inputs)
        x = as_float(inputs)
        counts = np.expand_dims(np.asarray(mask, bool), 2 if self.data_format == "channels_last" else 1)
        total = np.where(counts, x, x.dtype.type(0)).sum(axis=self._axes, keepdims=self.keepdims)
        mean: NDArray[Any] = total / counts.sum(axis=self._axes, keepdims=self.keepdims, dtype=x.dtype)
        return mean

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """Return None: no steps are left."""


GlobalAvgPool1D = GlobalAveragePooling1D
