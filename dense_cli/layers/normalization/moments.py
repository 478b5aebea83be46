"""Mean, variance, and an array brought to others, in the order of operations in which Keras does it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def as_float(x: Array) -> Array:
    """Return ``x`` in the dtype to normalize it in: float64 stays, everything else is float32."""
    return x if x.dtype == np.float64 else x.astype(np.float32, copy=False)


def scale_and_shift(
    x: Array, mean: Any, variance: Any, gamma: Array | None, beta: Array | None, epsilon: float
) -> Array:
    """Return ``gamma * (x - mean) / sqrt(variance + epsilon) + beta`` as ``x * a + b``.

    All are arrays that broadcast to ``x``; ``gamma`` and ``beta`` may be None.
    """
    factor = 1 / np.sqrt(variance + x.dtype.type(epsilon))
    if gamma is not None:
        factor = factor * gamma
    shift = -mean * factor
    if beta is not None:
        shift = shift + beta
    out: Array = x * factor
    out += shift
    return out
