"""Keras' Normalization layer."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError, ShapeError
from dense_cli.layers.dtype_policy import work_dtype
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer

EPSILON = 1e-7


class Normalization(Layer):
    """The input by a mean and variance that are given, or were measured by `adapt`.

    ``(x - mean) / max(sqrt(variance), 1e-7)``

    Args:
        axis: the axis or axes of which each place has its own mean and variance; None for one of all numbers.
        mean: the mean, which broadcasts to the sizes of ``axis``.
        variance: likewise.
        invert: ``mean + x * max(sqrt(variance), 1e-7)`` instead.
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Weights:
        without a given ``mean``: mean and variance, each of the sizes of ``axis``, and count, one integer.

    Input shape:
        any with such axes; integers are cast.

    Output shape:
        the input's.

    Raises:
        ConfigError: one of mean and variance without the other, shapes that differ, an axis out of bounds.
        ShapeError: an axis of unknown size, or data of another shape.
        TypeError: data that is no array and no iterable of arrays.

    Source: https://keras.io/api/layers/preprocessing_layers/numerical/normalization/

    >>> layer = Normalization()
    >>> layer.adapt(np.array([[1.0, 0.0], [3.0, 4.0]]))
    >>> layer(np.array([[3.0, 0.0]])).tolist()
    [[1.0, -1.0]]
    """

    def __init__(
        self,
        axis: int | Iterable[int] | None = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._allow_non_tensor_positional_args = True
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.input_mean = mean
        self.input_variance = variance
        self.invert = invert
        self.supports_masking = True
        self._kept: tuple[int, ...] = ()
        self._shape: Shape = ()
        _check_given(mean, variance, self.axis)

    def build(self, input_shape: Shape) -> None:
        """Find the axes, and make the weights where no mean is given, for inputs of ``input_shape``."""
        rank = len(input_shape)
        if any(not -rank <= axis < rank for axis in self.axis):
            raise ConfigError(
                "All `axis` values must be in the range [-ndim, ndim). "
                f"Received inputs with ndim={rank}, while axis={self.axis}"
            )
        self._kept = tuple(sorted(axis % rank for axis in self.axis))
        self._shape = tuple(input_shape)
        if any(input_shape[axis] is None for axis in self._kept):
            raise ShapeError(
                "All `axis` values to be kept must have a known shape. "
                f"Received axis={self.axis}, inputs.shape={input_shape}"
            )
        if self.input_mean is None:
            shape = tuple(input_shape[axis] for axis in self._kept)
            self.adapt_mean = self._statistic("mean", shape, "zeros")
            self.adapt_variance = self._statistic("variance", shape, "ones")
            self.count = self._statistic("count", (), "zeros", dtype="int64")

    def _statistic(self, name: str, shape: Shape, initializer: str, dtype: Any = None) -> Any:
        return self.add_weight(name=name, shape=shape, initializer=initializer, trainable=False, dtype=dtype)

    @property
    def mean(self) -> Any:
        """The mean, of the input's rank; None before the layer is built."""
        if not self.built:
            return None
        return self._broadcast(self.adapt_mean.value if self.input_mean is None else self.input_mean)

    @property
    def variance(self) -> Any:
        """The variance, of the input's rank; None before the layer is built."""
        if not self.built:
            return None
        return self._broadcast(self.adapt_variance.value if self.input_mean is None else self.input_variance)

    def _broadcast(self, value: Any) -> NDArray[Any]:
        """Return ``value`` with an axis for each of the input's; its own are the last of ``axis``."""
        array = np.asarray(value, work_dtype(self.compute_dtype))
        shape = [1] * len(self._shape)
        for axis, size in zip(self._kept[::-1], array.shape[::-1], strict=False):
            shape[axis] = size
        whole: Any = [n if axis in self._kept else 1 for axis, n in enumerate(self._shape)]
        return np.broadcast_to(array.reshape(shape), whole)

    def adapt(self, data: Any) -> None:
        """Measure the mean and variance of ``data``: an array, or an iterable of batches.

        Of a batch that is a tuple the first element counts.

        Raises:
            ShapeError: data of another shape than the layer was built for, or none.
            TypeError: data or a batch that is no array.
        """
        if hasattr(data, "__array__") and hasattr(data, "shape"):
            self._check_data(data.shape)
            array = np.asarray(data)
            mean, variance = array.mean(axis=self._reduced), array.var(axis=self._reduced)
        elif isinstance(data, Iterable):
            mean, variance = self._measure(data)
        else:
            raise TypeError(
                f"Unsupported data type: {type(data)}. `adapt` takes an array or an iterable of batches."
            )
        self.adapt_mean.assign(mean)
        self.adapt_variance.assign(variance)

    @property
    def _reduced(self) -> tuple[int, ...]:
        return tuple(axis for axis in range(len(self._shape)) if axis not in self._kept)

    def _measure(self, batches: Iterable[Any]) -> tuple[Any, Any]:
        """Return the mean and variance of all batches, with one batch in memory at a time."""
        mean: Any = 0.0
        variance: Any = 0.0
        total = 0
        for batch in batches:
            part = batch[0] if isinstance(batch, tuple) else batch
            if not hasattr(part, "shape"):
                raise TypeError(
                    "adapt() expects an iterable of arrays, each with a `.shape`. "
                    f"Got an element of type {type(part).__name__}."
                )
            self._check_data(part.shape)
            array = np.asarray(part, np.float64)
            count = prod(array.shape[axis] for axis in self._reduced)
            total += count
            weight = count / total
            step = array.mean(axis=self._reduced) - mean
            variance = variance * (1 - weight) + array.var(axis=self._reduced) * weight
            variance = variance + step**2 * weight * (1 - weight)
            mean = mean + step * weight
        if not total:
            raise ShapeError("adapt() received an empty iterable (no batches): expected at least one batch.")
        return mean, variance

    def _check_data(self, shape: Any) -> None:
        """Build the layer for data of ``shape``, or check the axes that have a mean of their own."""
        if not self.built:
            self.build(tuple(shape))
        elif len(shape) != len(self._shape) or any(shape[i] != self._shape[i] for i in self._kept):
            raise ShapeError(
                f"The layer was built with input_shape={self._shape}, but adapt() is being called with data "
                f"with an incompatible shape, data.shape={tuple(shape)}"
            )

    def call(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """Return the normalized array, or with ``invert`` the array that it was."""
        x = np.asarray(inputs, work_dtype(self.compute_dtype))
        spread = np.maximum(np.sqrt(self.variance), x.dtype.type(EPSILON))
        normal: NDArray[Any] = self.mean + x * spread if self.invert else (x - self.mean) / spread
        return normal

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {
            **super().get_config(),
            "axis": self.axis,
            "invert": self.invert,
            "mean": np.array(self.input_mean).tolist(),
            "variance": np.array(self.input_variance).tolist(),
        }


def _check_given(mean: Any, variance: Any, axis: tuple[int, ...]) -> None:
    if (mean is None) != (variance is None):
        raise ConfigError(
            "When setting values directly, both `mean` and `variance` must be set. "
            f"Received: mean={mean} and variance={variance}"
        )
    if mean is None:
        return
    if np.shape(mean) != np.shape(variance):
        raise ConfigError(
            "When setting values directly, `mean` and `variance` must have the same shape. "
            f"Received: {np.shape(mean)} and {np.shape(variance)}"
        )
    if np.ndim(mean) > len(axis):
        raise ConfigError(
            f"The rank of `mean` must be at most the number of axes ({len(axis)}). "
            f"Received: mean shape {np.shape(mean)} for axis {axis}"
        )
