"""Keras' Subtract layer."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from dense_cli.errors import ShapeError
from dense_cli.layers.merging.base_merge import Merge


class Subtract(Merge):
    """The difference of two inputs: ``x1 - x2``.

    Args:
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Input shape:
        a list of two arrays ``(batch, …)`` whose sizes broadcast.

    Output shape:
        the broadcast shape.

    Raises:
        ShapeError: no two inputs, other batch sizes, or shapes that do not broadcast.

    Source: https://keras.io/api/layers/merging_layers/subtract/

    >>> import numpy as np
    >>> Subtract()([np.array([[1.0, 4.0]]), np.array([[3.0, 2.0]])]).tolist()
    [[-2.0, 2.0]]
    """

    def build(self, input_shape: Any) -> None:
        """Check that there are two inputs whose shapes go together."""
        super().build(input_shape)
        if len(input_shape) != 2:
            raise ShapeError(
                "A `Subtract` layer should be called on exactly 2 inputs. "
                f"Received: input_shape={input_shape}"
            )

    def _merge(self, inputs: list[NDArray[Any]]) -> NDArray[Any]:
        if len(inputs) != 2:
            raise ShapeError(
                f"A `Subtract` layer should be called on exactly 2 inputs. Received: {len(inputs)} inputs"
            )
        difference: NDArray[Any] = inputs[0] - inputs[1]
        return difference


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """Return ``Subtract(**kwargs)(inputs)``.

    Source: https://keras.io/api/layers/merging_layers/subtract/

    >>> import numpy as np
    >>> subtract([np.array([[1.0, 4.0]]), np.array([[3.0, 2.0]])]).tolist()
    [[-2.0, 2.0]]
    """
    return Subtract(**kwargs)(inputs)
