"""Keras' Average layer."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from dense_cli.layers.merging.base_merge import Merge


class Average(Merge):
    """The mean of the inputs: ``(x1 + x2 + …) / n``.

    Args:
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Input shape:
        a list of arrays ``(batch, …)`` whose sizes broadcast.

    Output shape:
        the broadcast shape.

    Raises:
        ShapeError: no list, other batch sizes, or shapes that do not broadcast.

    Source: https://keras.io/api/layers/merging_layers/average/

    >>> import numpy as np
    >>> Average()([np.array([[1.0, 4.0]]), np.array([[3.0, 2.0]])]).tolist()
    [[2.0, 3.0]]
    """

    def _merge(self, inputs: list[NDArray[Any]]) -> NDArray[Any]:
        output = inputs[0]
        for x in inputs[1:]:
            output = output + x
        return output / len(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """Return ``Average(**kwargs)(inputs)``.

    Source: https://keras.io/api/layers/merging_layers/average/

    >>> import numpy as np
    >>> average([np.array([[1.0, 4.0]]), np.array([[3.0, 2.0]])]).tolist()
    [[2.0, 3.0]]
    """
    return Average(**kwargs)(inputs)
