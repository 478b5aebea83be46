"""Keras' TimeDistributed wrapper and Masking layer on NumPy arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError, ShapeError
from dense_cli.layers.dense import Dense
from dense_cli.layers.tensor import KerasTensor, Shape


class TimeDistributed:
    """Apply a `Dense` layer to every time step: ``y[:, t] = layer(x[:, t])``.

    Args:
        layer: the layer that every step goes through, with the same weights.
        name: shown in `Model.summary`.

    Input shape:
        ``(batch, time, …, features)``, rank 3 or more.

    Output shape:
        ``(batch, time, …, units)``.

    Raises:
        ShapeError: the rank is below 3, there is no time step, or the mask does not fit.

    Source: https://keras.io/api/layers/recurrent_layers/time_distributed/

    >>> y = TimeDistributed(Dense(3, activation="softmax"))(np.zeros((2, 4, 5)))
    >>> y.shape
    (2, 4, 3)
    """

    def __init__(self, layer: Dense, name: str | None = None) -> None:
        if not isinstance(layer, Dense):
            raise ConfigError(f"TimeDistributed: expected a Dense layer, found {type(layer).__name__}")
        self.layer = layer
        self.name = name or "time_distributed"

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the inner layer's weights for inputs of ``input_shape``."""
        self._check_rank(tuple(input_shape))
        self.layer.build(input_shape)

    @overload
    def __call__(self, x: KerasTensor, mask: NDArray[Any] | None = None) -> KerasTensor: ...
    @overload
    def __call__(self, x: NDArray[Any], mask: NDArray[Any] | None = None) -> NDArray[Any]: ...
    def __call__(
        self, x: NDArray[Any] | KerasTensor, mask: NDArray[Any] | None = None
    ) -> NDArray[Any] | KerasTensor:
        """Return ``layer(x)`` for every step.

        ``mask``, shape ``(batch, time)``, True where a step counts, does not change the values, as in
        Keras; it is checked, and `compute_mask` hands it on.
        """
        if isinstance(x, KerasTensor):
            shape = self.compute_output_shape(x.shape)
            if not self.layer.built:
                self.layer.build(x.shape)
            return KerasTensor(shape, self, x)
        x = np.asarray(x)
        self._check_rank(x.shape)
        if not x.shape[1]:
            raise ShapeError(f"{self.name}: expected at least one time step, found shape {x.shape}")
        self.compute_mask(x, mask)
        return self.layer(x)

    def compute_mask(self, x: NDArray[Any], mask: NDArray[Any] | None = None) -> NDArray[Any] | None:
        """Return the mask of the output, which is that of the input, as booleans ``(batch, time)``."""
        if mask is None:
            return None
        mask = np.asarray(mask)
        if mask.shape != x.shape[:2]:
            raise ShapeError(f"mask: expected shape (batch, time) = {x.shape[:2]}, found {mask.shape}")
        return mask.astype(bool)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the output's shape for an input's."""
        self._check_rank(input_shape)
        return self.layer.compute_output_shape(input_shape)

    def get_weights(self) -> list[NDArray[Any]]:
        """Return the inner layer's ``[kernel, bias]``."""
        return self.layer.get_weights()

    def set_weights(self, weights: Sequence[NDArray[Any]]) -> None:
        """Give the inner layer ``[kernel, bias]``."""
        self.layer.set_weights(weights)

    def count_params(self) -> int:
        """Return how many numbers the weights hold."""
        return self.layer.count_params()

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer, as Keras' ``get_config`` does."""
        return {"name": self.name, "layer": {"class_name": "Dense", "config": self.layer.get_config()}}

    def _check_rank(self, shape: Shape) -> None:
        if len(shape) < 3:
            raise ShapeError(
                f"{self.name}: expected rank 3 or more (batch, time, …, features), found shape {shape}"
            )

    def __repr__(self) -> str:
        return f"TimeDistributed({self.layer!r})"


class Masking:
    """Mark the steps whose features all equal ``mask_value``, and set them to zero.

    Input shape:
        ``(batch, time, …, features)``; the output has the same.

    Source: https://keras.io/api/layers/core_layers/masking/

    >>> x = np.array([[[1.0, 2.0], [9.0, 9.0]]])
    >>> Masking(mask_value=9.0).compute_mask(x).tolist()
    [[True, False]]
    """

    def __init__(self, mask_value: float = 0.0, name: str | None = None) -> None:
        self.mask_value = mask_value
        self.name = name or "masking"

    @overload
    def __call__(self, x: KerasTensor) -> KerasTensor: ...
    @overload
    def __call__(self, x: NDArray[Any]) -> NDArray[Any]: ...
    def __call__(self, x: NDArray[Any] | KerasTensor) -> NDArray[Any] | KerasTensor:
        """Return ``x`` with the masked steps at zero."""
        if isinstance(x, KerasTensor):
            return KerasTensor(x.shape, self, x)
        x = np.asarray(x)
        return np.where(self.compute_mask(x)[..., None], x, x.dtype.type(0))

    def compute_mask(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return booleans of ``x.shape[:-1]``, True where a step counts."""
        x = np.asarray(x)
        counts: NDArray[np.bool_] = np.any(x != self.mask_value, axis=-1)
        return counts

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return ``input_shape``."""
        return input_shape

    def count_params(self) -> int:
        """Return 0: there are no weights."""
        return 0

    def __repr__(self) -> str:
        return f"Masking(mask_value={self.mask_value!r})"
