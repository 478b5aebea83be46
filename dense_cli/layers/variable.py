"""A layer's weights.

Source: keras/src/backend/common/variables.py.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dense_cli.errors import ConfigError, ShapeError
from dense_cli.layers.dtype_policy import array_dtype, round_to, standardize_dtype, work_dtype
from dense_cli.layers.keras_tensor import standardize_shape
from dense_cli.layers.names import auto_name, current_path


class _Autocast(threading.local):
    dtype: str | None = None


_autocast = _Autocast()


@contextmanager
def autocast_scope(dtype: str | None) -> Iterator[None]:
    """Let `Variable.value` give float weights rounded to ``dtype`` inside, as arrays to compute with."""
    before = _autocast.dtype
    _autocast.dtype = dtype
    try:
        yield
    finally:
        _autocast.dtype = before


class _Loading(threading.local):
    on = False


_loading = _Loading()


@contextmanager
def without_values() -> Iterator[None]:
    """Let weights made inside have shapes and no numbers until some are assigned, so that they take no
    memory."""
    before = _loading.on
    _loading.on = True
    try:
        yield
    finally:
        _loading.on = before


class Variable(np.lib.mixins.NDArrayOperatorsMixin):
    """An array with a name that a layer computes with.

    Args:
        initializer: an array, or a function of a shape and a dtype.
        shape: the shape, where the initializer is a function.
        dtype: Keras' name of the dtype.
        trainable: whether training would change it.
        name: the name; counted up where none is given.

    Raises:
        ShapeError: a size of the shape is not known, or an array of another shape is assigned.

    Arithmetic, indexing and NumPy's functions take it as the array that it holds.

    >>> v = Variable(np.zeros((2,)), name="bias")
    >>> v
    <Variable path=bias, shape=(2,), dtype=float32, value=[0. 0.]>
    >>> v.assign([1.0, 2.0])
    <Variable path=bias, shape=(2,), dtype=float32, value=[1. 2.]>
    >>> (v + 1).tolist()
    [2.0, 3.0]
    """

    def __init__(
        self,
        initializer: Any,
        shape: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str = "none",
        name: str | None = None,
    ) -> None:
        self.name = name or auto_name(type(self).__name__)
        if "/" in self.name:
            raise ConfigError(f"Argument `name` must be a string and cannot contain `/`. Received: {name}")
        scope = current_path()
        self.path = f"{scope}/{self.name}" if scope else self.name
        self.trainable = bool(trainable)
        self.trains = self.trainable  # and comes back to it when a layer is frozen and thawed
        self.autocast = autocast
        self.regularizer: Any = None
        self.constraint: Any = None
        self.is_set = True
        if callable(initializer):
            self.dtype = standardize_dtype(dtype)
            self._value = self._initialized(initializer, shape)
        else:
            array = np.asarray(initializer)
            if dtype is None and array.dtype != np.float64:  # which is the default, float32
                dtype = array.dtype.name
            self.dtype = standardize_dtype(dtype)
            self._value = np.array(array, array_dtype(self.dtype))

    def _initialized(self, initializer: Any, shape: Any) -> NDArray[Any]:
        """Return the first numbers; while a model is loaded, zeros that take no memory."""
        if shape is None:
            raise ConfigError(
                "When creating a Variable from an initializer, the `shape` argument should be "
                "specified. "
                f"Received: initializer={initializer} and shape={shape}"
            )
        sizes = tuple(n for n in standardize_shape(shape) if n is not None)
        if len(sizes) != len(shape):
            raise ShapeError(
                f"{self.path}: shapes used to initialize variables must be fully-defined (no `None` "
                f"dimensions). Received: shape={tuple(shape)}"
            )
        dtype = array_dtype(self.dtype)
        if _loading.on:
            self.is_set = False
            return np.broadcast_to(np.zeros((), dtype), sizes)
        made = np.asarray(initializer(sizes, dtype=dtype.name))
        if made.shape != sizes:
            raise ShapeError(f"{self.path}: expected shape {sizes} of the initializer, found {made.shape}")
        return round_to(made, self.dtype)

    @property
    def value(self) -> NDArray[Any]:
        """The numbers: the array itself, not a copy, and not to be written to; in a layer's ``call`` in the
        dtype to compute with."""
        dtype = _autocast.dtype
        if dtype is None or not self.autocast or self._value.dtype.kind != "f":
            return self._value
        return round_to(self._value, dtype).astype(work_dtype(dtype), copy=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape."""
        return self._value.shape

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return self._value.ndim

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return self._value.size

    def numpy(self) -> NDArray[Any]:
        """Return a copy of the numbers."""
        return self._value.copy()

    def tolist(self) -> Any:
        """Return the numbers as nested lists, as an array does."""
        return self._value.tolist()

    def assign(self, value: ArrayLike) -> Variable:
        """Take a copy of ``value``, cast to the dtype.

        Raises:
            ShapeError: it has another shape.
        """
        array = np.asarray(value)
        if array.shape != self.shape:
            raise ShapeError(
                "The shape of the target variable and the shape of the target value in "
                "`variable.assign(value)` "
                f"must match. variable.shape={self.shape}, Received: value.shape={array.shape}. "
                f"Target variable: {self.path}"
            )
        rounded = round_to(array, self.dtype)
        self._value = rounded.copy() if np.shares_memory(rounded, array) else rounded
        self.is_set = True
        return self

    def assign_add(self, value: ArrayLike) -> Variable:
        """Add ``value``."""
        return self.assign(self._value + np.asarray(value))

    def assign_sub(self, value: ArrayLike) -> Variable:
        """Subtract ``value``."""
        return self.assign(self._value - np.asarray(value))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        array = self.value
        if copy:
            array = array.copy()
        return array if dtype is None else array.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        arrays = [x.value if isinstance(x, Variable) else x for x in inputs]
        return getattr(ufunc, method)(*arrays, **kwargs)

    # Comparing two variables compares their numbers, so that looking one up in a set goes by identity.
    __hash__ = object.__hash__

    def __getitem__(self, index: Any) -> Any:
        return self.value[index]

    def __len__(self) -> int:
        return len(self._value)

    def __float__(self) -> float:
        return float(self._value)

    def __int__(self) -> int:
        return int(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, value={self._value}>"
