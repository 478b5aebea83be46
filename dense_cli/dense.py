"""One dense layer as plain arrays: what the command line runs blocks of rows through."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from dense_cli import activations
from dense_cli.activations import Activation
from dense_cli.errors import ConfigError, DtypeError, ShapeError

DTYPES = ("float16", "float32", "float64")


def as_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """Return the NumPy dtype that is meant, one of float16, float32 and float64."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if found is None or found.name not in DTYPES:
        raise ConfigError(f"dtype: expected one of {', '.join(DTYPES)}, found {dtype!r}")
    return found


def compute_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype that products of ``dtype`` are computed in: float32 for float16, else its own."""
    return np.dtype(np.float32) if dtype == np.float16 else dtype


def cast(x: NDArray[Any], dtype: np.dtype[Any], name: str = "x") -> NDArray[Any]:
    """Return ``x`` in ``dtype``.

    Raises:
        DtypeError: ``x`` is not real numbers, or a finite value is out of the dtype's range.
    """
    if x.dtype == dtype:
        return x
    if x.dtype.kind not in "fiub":
        raise DtypeError(f"{name}: expected real numbers, found {x.dtype}")
    with np.errstate(over="ignore", invalid="ignore"):  # a signalling NaN is as good as any
        out = x.astype(dtype)
    # Only a cast to a narrower type can overflow, so the common casts skip the look.
    if not np.can_cast(x.dtype, dtype) and np.isinf(out).any():
        lost = np.isinf(out) & np.isfinite(x)
        if lost.any():
            at = tuple(int(i) for i in np.argwhere(lost)[0])
            raise DtypeError(
                f"{name}: {x[at]!s} does not fit {dtype}, at {list(at)}", hint="compute with --dtype float64"
            )
    return out


class DenseArrays(NamedTuple):
    """``activation(x @ kernel + bias)``: kernel ``(features, units)``, bias ``(units,)`` or None.

    >>> DenseArrays.of(np.eye(2), None, "softmax")
    Dense(2, activation='softmax', use_bias=False)
    """

    kernel: NDArray[Any]
    bias: NDArray[Any] | None
    activation: Activation
    dtype: np.dtype[Any]

    @classmethod
    def of(
        cls,
        kernel: NDArray[Any],
        bias: NDArray[Any] | None,
        activation: str | Activation | None = None,
        dtype: DTypeLike = "float32",
    ) -> DenseArrays:
        """Return the layer of these arrays, cast to ``dtype``.

        Raises:
            ShapeError: kernel and bias do not fit each other.
            DtypeError: a finite value is out of the dtype's range.
        """
        standard = as_dtype(dtype)
        if kernel.ndim != 2:
            raise ShapeError(f"kernel: expected rank 2 (features, units), found shape {kernel.shape}")
        units = kernel.shape[1]
        if not kernel.size:
            raise ShapeError(f"kernel: expected shape (features, {units}), found {kernel.shape}")
        if bias is not None:
            if bias.shape != (units,):
                raise ShapeError(f"bias: expected shape ({units},), found {bias.shape}")
            bias = cast(bias, standard, "bias")
        return cls(cast(kernel, standard, "kernel"), bias, activations.find(activation), standard)

    @property
    def units(self) -> int:
        """How many logits a row has."""
        return int(self.kernel.shape[1])

    @property
    def use_bias(self) -> bool:
        """Whether there is a bias."""
        return self.bias is not None

    def __repr__(self) -> str:
        parts = [str(self.units)]
        if self.activation.name != "linear":
            parts.append(f"activation={repr(self.activation)!r}")
        if not self.use_bias:
            parts.append("use_bias=False")
        return f"Dense({', '.join(parts)})"
