"""Keras' Dense layer on NumPy arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from dense_cli import activations, initializers
from dense_cli.activations import Activation
from dense_cli.errors import ConfigError, DtypeError, ShapeError
from dense_cli.initializers import InitializerLike
from dense_cli.layers.tensor import KerasTensor, Shape

DTYPES = ("float16", "float32", "float64")


def as_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """Return the NumPy dtype of a layer, one of float16, float32 and float64."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if found is None or found.name not in DTYPES:
        raise ConfigError(f"dtype: expected one of {', '.join(DTYPES)}, found {dtype!r}")
    return found


def compute_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype a layer of ``dtype`` computes in: float32 for float16, else its own."""
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


class Dense:
    r"""A densely connected layer: ``activation(x @ kernel + bias)`` over the last axis.

    Args:
        units: number of classes (the size of the last axis of the output).
        activation: a name, a call such as ``"leaky_relu(negative_slope=0.1)"``, or None for linear.
        use_bias: whether a bias is added.
        kernel_initializer: a name, a call pasted from Keras, Keras' JSON config, or an initializer.
        bias_initializer: likewise.
        dtype: float16 (computed in float32), float32 or float64.
        name: shown in `Model.summary`.

    Input shape:
        ``(batch, …, features)``, rank 2 or more. Integers and booleans are cast.

    Output shape:
        ``(batch, …, units)`` in ``dtype``.

    Raises:
        ConfigError: units below 1, an unknown name or dtype.
        ShapeError: an input of rank below 2, or with another number of features than the kernel has.

    Source: https://keras.io/api/layers/core_layers/dense/

    >>> layer = Dense(2, activation="softmax", kernel_initializer="ones")
    >>> layer(np.array([[1.0, 2.0]])).tolist()
    [[0.5, 0.5]]
    >>> layer.kernel.shape
    (2, 2)
    """

    def __init__(
        self,
        units: int,
        activation: str | Activation | None = None,
        use_bias: bool = True,
        kernel_initializer: str | dict[str, Any] | InitializerLike = "glorot_uniform",
        bias_initializer: str | dict[str, Any] | InitializerLike = "zeros",
        dtype: DTypeLike = "float32",
        name: str | None = None,
    ) -> None:
        if isinstance(units, bool) or not isinstance(units, (int, np.integer)) or units < 1:
            raise ConfigError(f"units: expected a positive integer, found {units!r}")
        self.units = int(units)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.dtype = as_dtype(dtype)
        self.name = name or "dense"
        self._kernel: NDArray[Any] | None = None
        self._bias: NDArray[Any] | None = None

    @classmethod
    def from_weights(
        cls,
        kernel: NDArray[Any],
        bias: NDArray[Any] | None,
        activation: str | Activation | None = None,
        *,
        dtype: DTypeLike = "float32",
        name: str | None = None,
    ) -> Dense:
        """Return a built layer: kernel ``(features, units)``, bias ``(units,)`` or None."""
        if kernel.ndim != 2:
            raise ShapeError(f"kernel: expected rank 2 (features, units), found shape {kernel.shape}")
        layer = cls(kernel.shape[1], activation, use_bias=bias is not None, dtype=dtype, name=name)
        layer.set_weights([kernel] if bias is None else [kernel, bias])
        return layer

    @property
    def built(self) -> bool:
        """Whether the weights have been made."""
        return self._kernel is not None

    @property
    def kernel(self) -> NDArray[Any]:
        """The kernel, ``(features, units)``.

        Raises:
            ConfigError: the layer is not built.
        """
        if self._kernel is None:
            raise ConfigError(
                f"{self.name}: the layer has no weights yet: call it on an input, or build(shape)"
            )
        return self._kernel

    @property
    def bias(self) -> NDArray[Any] | None:
        """The bias, ``(units,)``; None before the layer is built and with ``use_bias=False``."""
        return self._bias

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the weights for inputs of ``input_shape``, whose last number is features."""
        if len(input_shape) < 2:
            raise ShapeError(
                f"{self.name}: expected rank 2 or more (batch, …, features), found shape {tuple(input_shape)}"
            )
        features = input_shape[-1]
        if not features or features < 1:
            raise ShapeError(
                f"{self.name}: expected features on the last axis, found shape {tuple(input_shape)}"
            )
        self._kernel = self.kernel_initializer((features, self.units), dtype=self.dtype.name)
        if self.use_bias:
            self._bias = self.bias_initializer((self.units,), dtype=self.dtype.name)

    def get_weights(self) -> list[NDArray[Any]]:
        """Return ``[kernel, bias]``, or ``[kernel]`` without a bias."""
        return [self.kernel] if self._bias is None else [self.kernel, self._bias]

    def set_weights(self, weights: Sequence[NDArray[Any]]) -> None:
        """Take ``[kernel, bias]`` (``[kernel]`` with ``use_bias=False``) as the weights.

        Raises:
            ShapeError: another number of arrays, or shapes that do not fit ``units``.
        """
        expected = 2 if self.use_bias else 1
        if len(weights) != expected:
            raise ShapeError(f"{self.name}: expected {expected} weight arrays, found {len(weights)}")
        kernel = np.asarray(weights[0])
        if kernel.ndim != 2 or kernel.shape[1] != self.units or not kernel.shape[0]:
            raise ShapeError(f"kernel: expected shape (features, {self.units}), found {kernel.shape}")
        if self.built and self.kernel.shape != kernel.shape:
            raise ShapeError(f"kernel: expected shape {self.kernel.shape}, found {kernel.shape}")
        bias = None
        if self.use_bias:
            bias = np.asarray(weights[1])
            if bias.shape != (self.units,):
                raise ShapeError(f"bias: expected shape ({self.units},), found {bias.shape}")
            bias = cast(bias, self.dtype, "bias")
        self._kernel, self._bias = cast(kernel, self.dtype, "kernel"), bias

    @overload
    def __call__(self, x: KerasTensor) -> KerasTensor: ...
    @overload
    def __call__(self, x: NDArray[Any]) -> NDArray[Any]: ...
    def __call__(self, x: NDArray[Any] | KerasTensor) -> NDArray[Any] | KerasTensor:
        """Return ``activation(x @ kernel + bias)``; builds the layer on its first call."""
        if isinstance(x, KerasTensor):
            if not self.built:
                self.build(x.shape)
            return KerasTensor(self.compute_output_shape(x.shape), self, x)
        x = np.asarray(x)
        if not self.built:
            self.build(x.shape)
        self.compute_output_shape(x.shape)
        wide = compute_dtype(self.dtype)
        with np.errstate(all="ignore"):
            logits = cast(x, self.dtype).astype(wide, copy=False) @ self.kernel.astype(wide, copy=False)
            if self._bias is not None:
                logits += self._bias
            return self.activation(logits).astype(self.dtype, copy=False)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the output's shape for an input's, None where a size is not known.

        Raises:
            ShapeError: the rank is below 2, or the last axis is not the kernel's features.
        """
        if len(input_shape) < 2:
            raise ShapeError(
                f"{self.name}: expected rank 2 or more (batch, …, features), found shape {input_shape}"
            )
        if self.built and input_shape[-1] != self.kernel.shape[0]:
            raise ShapeError(
                f"{self.name}: last axis is {input_shape[-1]}, "
                f"the kernel expects {self.kernel.shape[0]} (shape {input_shape})"
            )
        return (*input_shape[:-1], self.units)

    def count_params(self) -> int:
        """Return how many numbers the weights hold."""
        return sum(w.size for w in self.get_weights())

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer, as Keras' ``get_config`` does."""
        return {
            "name": self.name,
            "units": self.units,
            "activation": self.activation.name,
            "use_bias": self.use_bias,
            "dtype": self.dtype.name,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
        }

    def __repr__(self) -> str:
        parts = [str(self.units)]
        if self.activation.name != "linear":
            parts.append(f"activation={repr(self.activation)!r}")
        if not self.use_bias:
            parts.append("use_bias=False")
        return f"Dense({', '.join(parts)})"
