"""Keras' Dropout layer."""

from __future__ import annotations

from typing import Any

from dense_cli.errors import ConfigError
from dense_cli.layers.regularization.base_noise import BaseNoise


class Dropout(BaseNoise):
    """The input unchanged; in training a share ``rate`` of it would be 0.

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
        ConfigError: a rate out of range, a noise shape that is none, or a call with ``training=True``.

    Source: https://keras.io/api/layers/regularization_layers/dropout/

    >>> import numpy as np
    >>> Dropout(0.5)(np.array([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """

    def __init__(self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__("rate", rate, seed, **kwargs)
        self.rate = rate
        self.noise_shape = _noise_shape(noise_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {
            **super().get_config(),
            "rate": self.rate,
            "seed": self.seed,
            "noise_shape": self.noise_shape,
        }


def _noise_shape(value: Any) -> tuple[int | None, ...] | None:
    if value is None:
        return None
    start = "Invalid value received for argument `noise_shape`. "
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise ConfigError(f"{start}Expected a tuple or list of integers. Received: noise_shape={value}")
    shape = tuple(value)
    for i, size in enumerate(shape):
        if size is not None and not isinstance(size, int):
            raise ConfigError(
                f"{start}Expected all elements to be integers or None. Received element at index {i}: {size}"
            )
        if size is not None and size <= 0:
            raise ConfigError(
                f"{start}Expected all dimensions to be positive integers or None. "
                f"Received at index {i}: {size}"
            )
    return shape
