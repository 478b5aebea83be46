"""What Keras' initializers have in common.

Source: keras/src/initializers/initializer.py.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from dense_cli.errors import DtypeError, ShapeError
from dense_cli.spec import make, shown_value

Shape = tuple[int, ...]

DTYPES = ("float16", "float32", "float64")


class InitializerLike(Protocol):
    """What Keras takes for an initializer: anything that makes an array of a shape and a dtype."""

    def __call__(self, shape: Any, dtype: Any = ...) -> NDArray[Any]: ...


class Initializer:
    """What all initializers have in common.

    ``initializer(shape, dtype="float32")`` returns an array; ``get_config()`` returns the arguments that
    make the initializer anew, as Keras writes them; its repr is the call that makes it.
    """

    _integers = False  # whether it also fills arrays of integers and booleans

    def __call__(self, shape: Sequence[int], dtype: DTypeLike | None = "float32") -> NDArray[Any]:
        """Return an array.

        Args:
            shape: its shape.
            dtype: float16, float32 or float64; None is float32. Zeros, Ones and Constant also take the dtypes
                of integers and booleans.

        Raises:
            ShapeError: ``shape`` is no shape, or none that this initializer can fill.
            DtypeError: another dtype, or one in which Keras does not have these numbers.
            SeedError: a seed that the backend of Keras refuses.
        """
        with np.errstate(all="ignore"):  # what does not fit the dtype is infinite, as in Keras
            return self._array(_standard_shape(shape), _standard_dtype(dtype, self._integers))

    def _array(self, shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
        raise NotImplementedError("Initializer subclasses must implement the `__call__()` method.")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make it anew, as Keras writes them in JSON."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """Return an initializer made of these arguments.

        >>> from dense_cli.initializers import RandomNormal
        >>> RandomNormal.from_config({"mean": 0.0, "stddev": 0.1, "seed": 1})
        RandomNormal(mean=0.0, stddev=0.1, seed=1)
        """
        return make(cls.__name__, cls, [], dict(config))

    def _arguments(self) -> dict[str, Any]:
        """Return what stands in the repr."""
        return self.get_config()

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self._arguments().items())
        return f"{type(self).__name__}({arguments})"


def _standard_shape(shape: Sequence[int]) -> Shape:
    try:
        standard = tuple(operator.index(size) for size in shape)
    except TypeError:
        raise ShapeError(f"expected a shape such as (3, 4), found {shown_value(shape)}") from None
    if min(standard, default=0) < 0:
        raise ShapeError(f"a shape has no negative sizes, found {standard}")
    return standard


def _standard_dtype(dtype: DTypeLike | None, integers: bool) -> np.dtype[Any]:
    try:
        standard = np.dtype("float32" if dtype is None else dtype)
    except TypeError:
        standard = None
    if standard is None or not (standard.name in DTYPES or (integers and standard.kind in "iub")):
        raise DtypeError(f"expected dtype float16, float32 or float64, found {shown_value(dtype)}")
    return standard.newbyteorder("=")
