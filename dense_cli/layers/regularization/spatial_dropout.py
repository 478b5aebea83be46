"""Keras' SpatialDropout1D and SpatialDropout2D layers."""

from __future__ import annotations

from typing import Any

from dense_cli.layers.arguments import standardize_data_format
from dense_cli.layers.input_spec import InputSpec
from dense_cli.layers.regularization.dropout import Dropout


class BaseSpatialDropout(Dropout):
    """Dropout of whole features."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {"rate": self.rate, "seed": self.seed, "name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Return the layer that these arguments make; ``trainable``, as Keras 2 writes it, says nothing."""
        return super().from_config({name: value for name, value in config.items() if name != "trainable"})


class SpatialDropout1D(BaseSpatialDropout):
    """The input unchanged; in training a share ``rate`` of the features would be 0 at all steps.

    Args:
        rate: the share, from 0 to 1.
        seed: kept in the config.
        name: the layer's name.
        dtype: the layer's dtype or policy.

    Input shape:
        ``(batch, steps, features)``.

    Output shape:
        the input's.

    Raises:
        ConfigError: a rate out of range, or a call with ``training=True``.

    Source: https://keras.io/api/layers/regularization_layers/spatial_dropout1d/

    >>> import numpy as np
    >>> SpatialDropout1D(0.5)(np.ones((1, 1, 2))).tolist()
    [[[1.0, 1.0]]]
    """

    def __init__(
        self, rate: float, seed: int | None = None, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.input_spec = InputSpec(ndim=3)


class SpatialDropout2D(BaseSpatialDropout):
    """The input unchanged; in training a share ``rate`` of the channels would be 0 at all pixels.

    Args:
        rate: the share, from 0 to 1.
        data_format: kept in the config.
        seed: kept in the config.
        name: the layer's name.
        dtype: the layer's dtype or policy.

    Input shape:
        ``(batch, height, width, channels)``.

    Output shape:
        the input's.

    Raises:
        ConfigError: a rate out of range, or a call with ``training=True``.

    Source: https://keras.io/api/layers/regularization_layers/spatial_dropout2d/

    >>> import numpy as np
    >>> SpatialDropout2D(0.5)(np.ones((1, 1, 1, 2))).tolist()
    [[[[1.0, 1.0]]]]
    """

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=4)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {**super().get_config(), "data_format": self.data_format}
