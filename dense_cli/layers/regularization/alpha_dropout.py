"""Keras' AlphaDropout layer."""

from __future__ import annotations

from typing import Any

from dense_cli.layers.regularization.base_noise import BaseNoise


class AlphaDropout(BaseNoise):
    """The input unchanged; in training a share ``rate`` would be SELU's lowest value.

    Args:
        rate: the share, from 0 to 1.
        noise_shape: kept in the config.
        seed: kept in the config.
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Input shape:
        any.

    Output shape:
        the input's.

    Raises:
        ConfigError: a rate out of range, or a call with ``training=True``.

    Source: https://keras.io/api/layers/regularization_layers/alpha_dropout/

    >>> import numpy as np
    >>> AlphaDropout(0.5)(np.array([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """

    def __init__(self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__("rate", rate, seed, **kwargs)
        self.rate = rate
        self.noise_shape = noise_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {
            **super().get_config(),
            "rate": self.rate,
            "seed": self.seed,
            "noise_shape": self.noise_shape,
        }
