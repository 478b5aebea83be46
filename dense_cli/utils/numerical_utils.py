"""Class numbers as one-hot rows, and rows scaled to a norm.

Source: keras/src/utils/numerical_utils.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dense_cli.errors import ConfigError, ShapeError


def to_categorical(x: ArrayLike, num_classes: int | None = None) -> NDArray[Any]:
    """Return a one-hot row of float64 for each class number.

    Args:
        x: integers from 0; a last axis of size 1 is taken off.
        num_classes: how many classes there are; None is the largest number and one.

    Raises:
        ShapeError: a number that is no class.

    Source: https://keras.io/api/utils/python_utils/

    >>> to_categorical([0, 2])
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    numbers = np.array(x, dtype=np.int64)
    shape = numbers.shape
    if len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    flat = numbers.reshape(-1)
    count = int(num_classes or (flat.max(initial=-1) + 1))
    if flat.size and not (-count <= flat.min() and flat.max() < count):
        raise ShapeError(
            f"to_categorical: expected class numbers from 0 to {count - 1}, found {flat.min()} to "
            f"{flat.max()}"
        )
    rows = np.zeros((flat.size, count))
    rows[np.arange(flat.size), flat] = 1
    return rows.reshape(*shape, count)


def normalize(x: ArrayLike, axis: int = -1, order: int = 2) -> NDArray[Any]:
    """Return ``x`` divided by its norm of ``order`` along ``axis``; a norm of 0 counts as 1.

    Raises:
        ConfigError: ``order`` is no positive integer.

    >>> normalize([[3.0, 4.0]])
    array([[0.6, 0.8]])
    """
    if not isinstance(order, int) or order < 1:
        raise ConfigError(f"Argument `order` must be an int >= 1. Received: order={order}")
    array = np.asarray(x)
    norm = np.atleast_1d(np.linalg.norm(array, order, axis))
    norm[norm == 0] = 1
    result: NDArray[Any] = array / np.expand_dims(norm, axis)
    return result
