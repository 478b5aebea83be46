"""Keras' Concatenate layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ShapeError
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.merging.base_merge import Mask, Merge, any_of, check_list, check_masks


class Concatenate(Merge):
    """The inputs one after the other along an axis: ``concatenate([x1, x2, …], axis)``.

    Args:
        axis: the axis, of which the sizes may differ.
        **kwargs: ``name``, ``dtype`` and what else every layer takes.

    Input shape:
        a list of arrays of one rank, of one size along every other axis.

    Output shape:
        theirs, with the sum of the sizes along ``axis``.

    Raises:
        ShapeError: no list, or sizes that differ along another axis.

    Source: https://keras.io/api/layers/merging_layers/concatenate/

    >>> Concatenate()([np.array([[1.0, 4.0]]), np.array([[3.0]])]).tolist()
    [[1.0, 4.0, 3.0]]
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, input_shape: Any) -> None:
        """Check that the inputs' shapes differ along ``axis`` alone."""
        _check_shapes(input_shape)
        others = []
        for shape in input_shape:
            sizes = list(shape)
            if -len(sizes) <= self.axis < len(sizes):
                del sizes[self.axis]
            others.append(sizes)
        same = len({len(sizes) for sizes in others}) == 1 and all(
            len(set(sizes) - {None}) <= 1 for sizes in zip(*others, strict=True)
        )
        if not same:
            raise ShapeError(
                "A `Concatenate` layer requires inputs with matching shapes except for the concatenation "
                f"axis. Received: input_shape={input_shape}"
            )

    def call(self, inputs: Any) -> NDArray[Any]:
        """Return the inputs as one array."""
        return np.concatenate(check_list(inputs), axis=self.axis)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the first input's shape with the sum of the sizes along ``axis``."""
        _check_shapes(input_shape)
        output = list(input_shape[0])
        sizes = [shape[self.axis] for shape in input_shape]
        output[self.axis] = None if None in sizes else sum(sizes)
        return tuple(output)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Mask:
        """Return the masks one after the other; along the last axis, the steps that any of them has.

        An input without a mask counts as a whole.
        """
        if mask is None:
            return None
        check_masks(inputs, mask)
        if all(one is None for one in mask):
            return None
        masks = [_steps(x, one) for x, one in zip(inputs, mask, strict=True)]
        if self.axis % inputs[0].ndim < inputs[0].ndim - 1:
            return np.concatenate(masks, axis=self.axis if self.axis >= 0 else self.axis + 1)
        return any_of(masks)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {**super().get_config(), "axis": self.axis}


def _check_shapes(shapes: Any) -> None:
    if not isinstance(shapes, (list, tuple)) or not shapes or not isinstance(shapes[0], (list, tuple)):
        raise ShapeError(
            "A `Concatenate` layer should be called on a list of at least 1 input. "
            f"Received: input_shape={shapes}"
        )


def _steps(x: NDArray[Any], mask: Mask) -> NDArray[Any]:
    """Return the mask of an input, of its shape without the last axis."""
    if mask is None:
        return np.ones(x.shape[:-1], bool)
    if mask.ndim == x.ndim:
        steps: NDArray[Any] = np.any(mask, axis=-1)
        return steps
    return np.broadcast_to(np.asarray(mask, bool), x.shape[:-1])


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """Return ``Concatenate(axis, **kwargs)(inputs)``.

    Source: https://keras.io/api/layers/merging_layers/concatenate/

    >>> concatenate([np.array([[1.0]]), np.array([[3.0]])], axis=0).tolist()
    [[1.0], [3.0]]
    """
    return Concatenate(axis=axis, **kwargs)(inputs)
