"""Keras' Minimum layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.layers.merging.base_merge import Mask, MaskedMerge, extreme


class Minimum(MaskedMerge):
    """The smallest of the inputs: ``minimum(x1, x2, …)``; masked steps of an input do not count.

    Args:
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Input shape:
        a list of arrays ``(batch, …)`` whose sizes broadcast.

    Output shape:
        the broadcast shape.

    Raises:
        ShapeError: no list, other batch sizes, or shapes that do not broadcast.

    Source: https://keras.io/api/layers/merging_layers/minimum/

    >>> Minimum()([np.array([[1.0, 4.0]]), np.array([[3.0, 2.0]])]).tolist()
    [[1.0, 2.0]]
    """

    def _merge_masked(self, inputs: list[NDArray[Any]], masks: list[Mask]) -> tuple[NDArray[Any], Mask]:
        return extreme(np.minimum, inputs, masks)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """Return ``Minimum(**kwargs)(inputs)``.

    Source: https://keras.io/api/layers/merging_layers/minimum/

    >>> minimum([np.array([[1.0, 4.0]]), np.array([[3.0, 2.0]])]).tolist()
    [[1.0, 2.0]]
    """
    return Minimum(**kwargs)(inputs)
