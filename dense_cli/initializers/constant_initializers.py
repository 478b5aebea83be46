"""Keras' initializers that draw nothing.

Source: keras/src/initializers/constant_initializers.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dense_cli.errors import ConfigError, ShapeError
from dense_cli.initializers.initializer import Initializer, Shape
from dense_cli.spec import check_number, shown_value


class Zeros(Initializer):
    """All 0.

    >>> Zeros()((2,))
    array([0., 0.], dtype=float32)
    """

    _integers = True

    def _array(self, shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
        return np.zeros(shape, dtype)


class Ones(Initializer):
    """All 1.

    >>> Ones()((2,))
    array([1., 1.], dtype=float32)
    """

    _integers = True

    def _array(self, shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
        return np.ones(shape, dtype)


class Constant(Initializer):
    """All one value.

    Args:
        value: a number, or nested lists of numbers that broadcast to the shape.

    >>> Constant(0.5)((2,))
    array([0.5, 0.5], dtype=float32)
    """

    _integers = True

    def __init__(self, value: ArrayLike = 0.0) -> None:
        if isinstance(value, dict):  # as Keras writes an array in JSON
            value = _read_array(value)
        try:
            array = np.asarray(value)
        except ValueError:
            array = np.asarray(None)
        if array.dtype.kind not in "biuf":
            raise ConfigError(f"`value` must be a number, found {shown_value(value)}")
        self.value = value

    def _array(self, shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
        value = np.asarray(self.value).astype(dtype)
        try:
            return np.broadcast_to(value, shape).copy()
        except ValueError:
            raise ShapeError(
                f"Constant: a value of shape {value.shape} does not fill the shape {shape}"
            ) from None

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make it anew, as Keras writes them in JSON."""
        value = self.value
        return {"value": value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value}


class ArrayInitializer(Constant):
    """The array that was given in place of an initializer.

    >>> ArrayInitializer(np.eye(2))((2, 2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    def _array(self, shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
        if np.shape(self.value) != shape:
            raise ShapeError(
                f"Expected `shape` to be {np.shape(self.value)} for direct tensor as initializer. "
                f"Received shape={shape}"
            )
        return super()._array(shape, dtype)


class Identity(Initializer):
    """The identity matrix times ``gain``; for shapes of two sizes.

    Args:
        gain: what the diagonal holds.

    >>> Identity()((2, 3))
    array([[1., 0., 0.],
           [0., 1., 0.]], dtype=float32)
    """

    def __init__(self, gain: float = 1.0) -> None:
        check_number("gain", gain)
        self.gain = gain

    def _array(self, shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
        if len(shape) != 2:
            raise ShapeError(
                "Identity matrix initializer can only be used for 2D matrices. "
                f"Received: shape={shape} of rank {len(shape)}."
            )
        array: NDArray[Any] = np.eye(*shape, dtype=dtype)
        array *= dtype.type(self.gain)
        return array

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make it anew, as Keras writes them in JSON."""
        return {"gain": self.gain}


def _read_array(config: dict[str, Any]) -> Any:
    """Return the numbers of ``{"class_name": "__tensor__", "config": {"value": …}}``."""
    inner = config.get("config")
    if config.get("class_name") not in ("__tensor__", "__numpy__") or not isinstance(inner, dict):
        raise ConfigError(f"`value` must be a number, found {shown_value(config)}")
    return inner.get("value")
