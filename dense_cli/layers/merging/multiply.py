"""Keras' Multiply layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.layers.merging.base_merge import Mask, MaskedMerge


class Multiply(MaskedMerge):
    """The product of the inputs: ``x1 * x2 * …``; masked steps of an input count as 1.

    Args:
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Input shape:
        a list of arrays ``(batch, …)`` whose sizes broadcast.

    Output shape:
        the broadcast shape.

    Raises:
        ShapeError: no list, other batch sizes, or shapes that do not broadcast.

    Source: https://keras.io/api/layers/merging_layers/multiply/

    >>> Multiply()([np.array([[1.0, 4.0]]), np.array([[3.0, 2.0]])]).tolist()
    [[3.0, 8.0]]
    """

    def _merge_masked(self, inputs: list[NDArray[Any]], masks: list[Mask]) -> tuple[NDArray[Any], Mask]:
        kept: Mask = None
        every = all(mask is not None for mask in masks)
        output: Any = None
        for x, mask in zip(inputs, masks, strict=True):
            if mask is not None:
                x = np.where(mask, x, x.dtype.type(1))
            if mask is not None and every:
                kept = mask if kept is None else np.logical_or(kept, mask)
            output = x if output is None else output * x
        if kept is not None:
            output = np.where(kept, output, output.dtype.type(0))
        return output, kept


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """Return ``Multiply(**kwargs)(inputs)``.

    Source: https://keras.io/api/layers/merging_layers/multiply/

    >>> multiply([np.array([[1.0, 4.0]]), np.array([[3.0, 2.0]])]).tolist()
    [[3.0, 8.0]]
    """
    return Multiply(**kwargs)(inputs)
