"""Masks: which time steps of a layer's output count. They travel with the array, as in Keras.

An array has no room for a mask, so an output that has one is an `ArrayWithMask`: an ndarray with the
attribute ``_keras_mask``. Whatever is computed from it has no mask, as in Keras.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class ArrayWithMask(np.ndarray[Any, np.dtype[Any]]):
    """An output and its mask, booleans that are True where a step counts.

    >>> y = with_mask(np.zeros((1, 2, 3)), np.array([[True, False]]))
    >>> y._keras_mask.tolist(), get_mask(y + 1)
    ([[True, False]], None)
    """

    _keras_mask: NDArray[Any] | None = None


def get_mask(x: Any) -> NDArray[Any] | None:
    """Return the mask of an output, or None."""
    return getattr(x, "_keras_mask", None)


def with_mask(x: NDArray[Any], mask: NDArray[Any] | None) -> NDArray[Any]:
    """Return ``x`` with ``mask``: a view, where there is one."""
    if mask is None:
        return x
    view = x.view(ArrayWithMask)
    view._keras_mask = np.asarray(mask)
    return view
