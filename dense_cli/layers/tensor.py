"""A stand-in for an array in Keras' functional style: ``Dense(3)(Input(shape=(2,)))``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

Shape = tuple[int | None, ...]


class Layer(Protocol):
    """What `Model` asks of a layer."""

    name: str

    def __call__(self, x: NDArray[Any], /) -> NDArray[Any]: ...
    def compute_output_shape(self, input_shape: Shape) -> Shape: ...
    def count_params(self) -> int: ...


@dataclass(frozen=True, slots=True)
class KerasTensor:
    """The shape of what a layer will get or give, and the layer and tensor it comes from."""

    shape: Shape
    layer: Layer | None = None
    source: KerasTensor | None = None


def Input(shape: tuple[int | None, ...], *, batch_size: int | None = None) -> KerasTensor:  # noqa: N802
    """Return the tensor that a model starts from; ``shape`` is without the batch axis, as in Keras.

    Source: https://keras.io/api/layers/core_layers/input/

    >>> Input(shape=(2, 3)).shape
    (None, 2, 3)
    """
    return KerasTensor((batch_size, *shape))
