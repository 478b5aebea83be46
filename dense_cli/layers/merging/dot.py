"""Keras' Dot layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError, ShapeError
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.merging.base_merge import Merge
from dense_cli.layers.normalization.unit_normalization import unit_norm

EPSILON = 1e-7


class Dot(Merge):
    """The sums of products of two inputs along an axis of each, sample by sample.

    ``y[b, i, j] = sum(x1[b, i, :] * x2[b, j, :])`` for two inputs of rank 3 and ``axes=2``

    Args:
        axes: the axis in both, or (axis of the first, axis of the second); the batch axis, 0, is neither.
        normalize: whether to bring both to a Euclidean norm of 1 along it before.
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Input shape:
        a list of two arrays of rank 2 or more, of one size along these axes.

    Output shape:
        the first's axes without its own, then the second's without batch and its own; ``(batch, 1)`` for two
        of rank 2.

    Raises:
        TypeError: ``axes`` is neither an integer nor a pair.
        ConfigError: ``axes`` are no two integers, or the batch axis.
        ShapeError: no two inputs, or sizes that differ.

    Source: https://keras.io/api/layers/merging_layers/dot/

    >>> Dot(axes=1)([np.array([[1.0, 4.0]]), np.array([[3.0, 2.0]])]).tolist()
    [[11.0]]
    """

    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(axes, int):
            _check_pair(axes)
        self.axes = axes
        self.normalize = normalize

    def build(self, input_shape: Any) -> None:
        """Check that the axes have one size."""
        first, second = _two(input_shape)
        a, b = self._axes(len(first), len(second))
        if first[a] != second[b]:
            raise ShapeError(
                f"Incompatible input shapes: axis values {first[a]} (at axis {a}) != {second[b]} "
                f"(at axis {b}). Full input shapes: {first}, {second}"
            )

    def _axes(self, *ranks: int) -> list[int]:
        axes = [self.axes] * 2 if isinstance(self.axes, int) else self.axes
        if any(not -rank <= axis < rank for axis, rank in zip(axes, ranks, strict=True)):
            raise ConfigError(f"Dot: axes={self.axes} are out of bounds for inputs of rank {ranks}")
        return [axis % rank for axis, rank in zip(axes, ranks, strict=True)]

    def call(self, inputs: Any) -> NDArray[Any]:
        """Return the sums of products."""
        x, y = inputs
        a, b = self._axes(x.ndim, y.ndim)
        if x.ndim < 2 or y.ndim < 2 or 0 in (a, b):
            raise ShapeError(
                "Dot needs inputs of rank 2 or more and axes behind the batch axis. "
                f"Received: shapes {x.shape} and {y.shape}, axes={self.axes}"
            )
        if self.normalize:
            x, y = (unit_norm(z, axis, EPSILON, self.compute_dtype) for z, axis in ((x, a), (y, b)))
        x, y = np.moveaxis(x, a, -1), np.moveaxis(y, b, 1)
        shape = (*x.shape[:-1], *y.shape[2:])
        products: NDArray[Any] = x.reshape(len(x), -1, x.shape[-1]) @ y.reshape(len(y), y.shape[1], -1)
        return products.reshape(shape if len(shape) > 1 else (*shape, 1))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the first's axes without its own, then the second's without batch and its own."""
        first, second = (list(shape) for shape in _two(input_shape))
        a, b = self._axes(len(first), len(second))
        del first[a], second[b]
        output = first + second[1:]
        return tuple(output) if len(output) > 1 else (*output, 1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """Return None: the output has no mask."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}


def _check_pair(axes: Any) -> None:
    if not isinstance(axes, (list, tuple)):
        raise TypeError(
            f"Invalid type for argument `axes`: it should be a list or an int. Received: axes={axes}"
        )
    if len(axes) != 2 or not all(isinstance(axis, int) for axis in axes):
        raise ConfigError(
            f"Invalid format for argument `axes`: it should contain two integers. Received: axes={axes}"
        )


def _two(shapes: Any) -> Any:
    if not isinstance(shapes, (list, tuple)) or len(shapes) != 2 or not isinstance(shapes[0], (list, tuple)):
        raise ShapeError(
            f"A `Dot` layer should be called on a list of 2 inputs. Received: input_shape={shapes}"
        )
    return shapes


def dot(inputs: Any, axes: Any = -1, **kwargs: Any) -> Any:
    """Return ``Dot(axes, **kwargs)(inputs)``.

    Source: https://keras.io/api/layers/merging_layers/dot/

    >>> dot([np.array([[3.0, 4.0]]), np.array([[3.0, 4.0]])], normalize=True).round(5).tolist()
    [[1.0]]
    """
    return Dot(axes=axes, **kwargs)(inputs)
