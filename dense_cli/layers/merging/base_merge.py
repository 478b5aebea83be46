"""What the layers share that merge a list of inputs element by element."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ShapeError
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer
from dense_cli.layers.masks import with_mask

Array = NDArray[Any]
Mask = NDArray[Any] | None


class Merge(Layer):
    """A function of a list of inputs, element by element, their sizes broadcast.

    Subclasses have ``_merge(inputs)``. Inputs of a lower rank get axes of size 1 after the batch axis.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Check that the inputs' shapes go together."""
        if not input_shape or not isinstance(input_shape[0], (tuple, list)):
            raise ShapeError(
                "A merge layer should be called on a list of inputs. "
                f"Received: input_shape={input_shape} (not a list of shapes)"
            )
        batches = {shape[0] for shape in input_shape if shape} - {None}
        if len(batches) > 1:
            raise ShapeError(
                f"Cannot merge tensors with different batch sizes. Received tensors with shapes {input_shape}"
            )
        self.compute_output_shape(input_shape)

    def _merge(self, inputs: list[Array]) -> Array:
        """Return the merged array of inputs of one rank."""
        raise NotImplementedError

    def call(self, inputs: Any) -> Array:
        """Return the merged array."""
        return self._merge(_same_rank(check_list(inputs)))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the broadcast shape; the batch axis is None where no input tells it."""
        output = tuple(input_shape[0][1:])
        for shape in input_shape[1:]:
            output = broadcast_shapes(output, tuple(shape[1:]))
        batches = {shape[0] for shape in input_shape} - {None}
        return (batches.pop() if len(batches) == 1 else None, *output)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Mask:
        """Return the mask of the steps that any input's mask has; None where an input has none."""
        if mask is None:
            return None
        check_masks(inputs, mask)
        if any(one is None for one in mask):
            return None
        return any_of(mask)


class MaskedMerge(Merge):
    """A merge in which masked steps do not count: ``_merge_masked(inputs, masks)`` gives output and mask."""

    def call(self, inputs: Any, mask: Any = None) -> Array:
        """Return the merged array, with its mask where every input has one."""
        masks = list(mask) if isinstance(mask, (list, tuple)) else [None] * len(check_list(inputs))
        arrays = _same_rank(inputs)
        wide = [
            None if one is None or x.ndim < arrays[0].ndim else np.broadcast_to(one[..., None], x.shape)
            for one, x in zip(masks, inputs, strict=True)
        ]
        output, kept = self._merge_masked(arrays, wide)
        return output if kept is None else with_mask(output, np.any(kept, axis=-1))

    def _merge_masked(self, inputs: list[Array], masks: list[Mask]) -> tuple[Array, Mask]:
        raise NotImplementedError


def extreme(
    function: Callable[[Array, Array], Array], inputs: list[Array], masks: list[Mask]
) -> tuple[Array, Mask]:
    """Return ``function`` of all inputs, of each place those that its mask has, and the mask of the output.

    Input by input, as in Keras: a place that only one of the two has is that one's, and the mask is lost at
    the first input without one.
    """
    output, kept = inputs[0], masks[0]
    for x, mask in zip(inputs[1:], masks[1:], strict=True):
        if mask is not None:
            x = np.where(mask, x, output)
        if kept is not None:
            output = np.where(kept, output, x)
        kept = None if mask is None or kept is None else np.logical_or(kept, mask)
        output = function(output, x)
    return output, kept


def any_of(masks: Sequence[Any]) -> Array:
    """Return the mask that is true where any of ``masks`` is."""
    merged = np.asarray(masks[0], bool)
    for mask in masks[1:]:
        merged = np.logical_or(merged, np.asarray(mask, bool))
    return merged


def check_list(inputs: Any) -> Any:
    """Return ``inputs``, a list.

    Raises:
        ShapeError: it is none.
    """
    if not isinstance(inputs, (list, tuple)):
        raise ShapeError("A merge layer should be called on a list of inputs. Received: no list of tensors")
    return inputs


def check_masks(inputs: Any, mask: Any) -> None:
    """Check that there is one mask, or None, for each input.

    Raises:
        ShapeError: there is not.
    """
    for name, value in (("mask", mask), ("inputs", inputs)):
        if not isinstance(value, (list, tuple)):
            raise ShapeError(f"`{name}` should be a list. Received: {name}={value}")
    if len(mask) != len(inputs):
        raise ShapeError(
            "The lists `inputs` and `mask` should have the same length. "
            f"Received: {len(inputs)} inputs and {len(mask)} masks"
        )


def broadcast_shapes(a: Shape, b: Shape) -> Shape:
    """Return the shape of an operation element by element; None where one size is not known.

    Raises:
        ShapeError: the shapes do not broadcast.

    >>> broadcast_shapes((4, None, 1), (3, 5))
    (4, None, 5)
    """
    if len(a) < len(b):
        a, b = b, a
    output = list(a[: len(a) - len(b)])
    for i, j in zip(a[len(output) :], b, strict=True):
        if i is None or j is None:
            output.append(None)
        elif i != j and 1 not in (i, j):
            raise ShapeError(f"Inputs have incompatible shapes. Received shapes {a} and {b}")
        else:
            output.append(j if i == 1 else i)
    return tuple(output)


def _same_rank(inputs: Any) -> list[Array]:
    rank = max(x.ndim for x in inputs)
    return [
        x.reshape(x.shape[0], *[1] * (rank - x.ndim), *x.shape[1:]) if x.ndim < rank else x for x in inputs
    ]
