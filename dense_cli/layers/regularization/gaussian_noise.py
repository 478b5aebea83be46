"""Keras' GaussianNoise layer."""

from __future__ import annotations

from typing import Any

from dense_cli.layers.regularization.base_noise import BaseNoise


class GaussianNoise(BaseNoise):
    """The input unchanged; in training normal noise of standard deviation ``stddev`` would be added.

    Args:
        stddev: the standard deviation, from 0 to 1.
        seed: kept in the config.
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Input shape:
        any.

    Output shape:
        the input's.

    Raises:
        ConfigError: ``stddev`` out of range, or a call with ``training=True``.

    Source: https://keras.io/api/layers/regularization_layers/gaussian_noise/

    >>> import numpy as np
    >>> GaussianNoise(0.5)(np.array([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__("stddev", stddev, seed, **kwargs)
        self.stddev = stddev

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}
