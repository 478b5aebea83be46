"""Keras' GaussianDropout layer."""

from __future__ import annotations

from typing import Any

from dense_cli.layers.regularization.base_noise import BaseNoise


class GaussianDropout(BaseNoise):
    """The input unchanged; in training it would be multiplied by normal noise around 1.

    Args:
        rate: the share that Dropout would drop, from 0 to 1.
        seed: kept in the config.
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Input shape:
        any.

    Output shape:
        the input's.

    Raises:
        ConfigError: ``rate`` out of range, or a call with ``training=True``.

    Source: https://keras.io/api/layers/regularization_layers/gaussian_dropout/

    >>> import numpy as np
    >>> GaussianDropout(0.5)(np.array([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__("rate", rate, seed, **kwargs)
        self.rate = rate

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
