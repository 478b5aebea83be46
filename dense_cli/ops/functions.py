"""Keras' functions of tensors by their names, such as ``ops.mean(x, axis=1)``, on arrays and in graphs.

In come arrays, numbers, lists or symbolic tensors; out come arrays, or symbolic tensors where one came in.

Source: keras/src/ops/numpy.py, keras/src/ops/nn.py, keras/src/ops/core.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.layers import tree
from dense_cli.layers.dtype_policy import array_dtype, round_to, standardize_dtype
from dense_cli.layers.keras_tensor import KerasTensor, any_symbolic
from dense_cli.ops import Function, find

_REDUCTION = {"axis": None, "keepdims": False}
_EXTREME = _REDUCTION | {"initial": None}
_REQUIRED: Any = ...
_ARGUMENTS: dict[str, dict[str, Any]] = {
    "All": _REDUCTION, "Any": _REDUCTION, "Argmax": _REDUCTION, "Argmin": _REDUCTION,
    "BroadcastTo": {"shape": _REQUIRED}, "Cast": {"dtype": _REQUIRED}, "Celu": {"alpha": 1.0},
    "Clip": {"x_min": _REQUIRED, "x_max": _REQUIRED}, "Concatenate": {"axis": 0},
    "Cumsum": {"axis": None, "dtype": None}, "Elu": {"alpha": 1.0}, "ExpandDims": {"axis": _REQUIRED},
    "Flip": {"axis": None}, "Gelu": {"approximate": True}, "Glu": {"axis": -1},
    "HardShrink": {"threshold": 0.5}, "LeakyRelu": {"negative_slope": 0.2}, "LogSoftmax": {"axis": -1},
    "Max": _EXTREME, "Mean": _REDUCTION, "Min": _EXTREME,
    "Moveaxis": {"source": _REQUIRED, "destination": _REQUIRED}, "OnesLike": {"dtype": None},
    "Prod": _REDUCTION | {"dtype": None}, "Repeat": {"repeats": _REQUIRED, "axis": None},
    "Reshape": {"newshape": _REQUIRED}, "Roll": {"shift": _REQUIRED, "axis": None}, "Round": {"decimals": 0},
    "SoftShrink": {"threshold": 0.5}, "Softmax": {"axis": -1}, "Squeeze": {"axis": None},
    "Stack": {"axis": 0},
    "Std": _REDUCTION, "Sum": _REDUCTION, "Swapaxes": {"axis1": _REQUIRED, "axis2": _REQUIRED},
    "Tile": {"repeats": _REQUIRED}, "Transpose": {"axes": None}, "Var": _REDUCTION,
    "ZerosLike": {"dtype": None},
}  # fmt: skip
"""Operation -> Keras' arguments behind its first tensor, and their defaults; others take tensors alone."""

_CLASSES = {"abs": "Absolute"}


def function(name: str) -> Callable[..., Any] | None:
    """Return Keras' function of this name, or None where there is none.

    >>> function("mean")([[1.0, 3.0]], axis=1).tolist()
    [2.0]
    >>> function("expand_dims")(KerasTensor((None, 3)), 1).shape
    (None, 1, 3)
    """
    if name in _PLAIN:
        return _PLAIN[name]
    title = _CLASSES.get(name, "".join(part[:1].upper() + part[1:] for part in name.split("_")))
    cls = find(title)
    if cls is None:
        return None

    def of_tensors(*args: Any, **kwargs: Any) -> Any:
        tensors, arguments = _taken_apart(_ARGUMENTS.get(title, {}), args, kwargs)
        if any_symbolic(tensors):
            return cls(**arguments)(*tensors)
        return _run(cls, tensors, arguments)

    of_tensors.__name__ = of_tensors.__qualname__ = name
    return of_tensors


def _taken_apart(
    names: dict[str, Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the tensors of a call, and its other arguments, which ``names`` has with their defaults."""
    arguments = {key: value for key, value in names.items() if value is not _REQUIRED}
    arguments |= dict(zip(names, args[1:], strict=False))
    arguments |= {key: value for key, value in kwargs.items() if key in names}
    tensors = args[:1] if names else args
    return (*tensors, *(value for key, value in kwargs.items() if key not in names)), arguments


def _run(cls: type[Function], tensors: tuple[Any, ...], arguments: dict[str, Any]) -> Any:
    """Return an operation of arrays; the result has 64 bits only where an array among them has."""
    arrays = tree.map_structure(convert_to_tensor, list(tensors))
    with np.errstate(all="ignore"):
        result = np.asarray(cls.function(*arrays, **arguments))
    narrow = {"float64": "float32", "int64": "int32"}.get(result.dtype.name)
    if narrow is None or any(x.dtype == result.dtype for x in tree.flatten(arrays)):
        return result
    return result.astype(narrow)


def shape(x: Any) -> tuple[int | None, ...]:
    """Return the shape, None where a size is not known."""
    return tuple(x.shape)


def convert_to_tensor(x: Any, dtype: Any = None, sparse: bool | None = None) -> Any:
    """Return ``x`` as an array; Python's floats are float32 and its integers int32."""
    if isinstance(x, KerasTensor):
        return x
    if dtype is not None:
        return round_to(np.asarray(x), standardize_dtype(dtype))
    array = np.asarray(x)
    if hasattr(x, "__array__") or array.dtype.kind not in "fi":
        return array
    return array.astype(np.float32 if array.dtype.kind == "f" else np.int32)


def convert_to_numpy(x: Any) -> NDArray[Any]:
    """Return ``x`` as an array."""
    return np.asarray(x)


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Any:
    """Return the numbers from ``start`` to before ``stop``, from 0 where there is one argument."""
    numbers = np.arange(start, step=step) if stop is None else np.arange(start, stop, step)
    return convert_to_tensor(numbers.tolist(), dtype)


def zeros(shape: Any, dtype: Any = None) -> NDArray[Any]:
    """Return an array of 0."""
    return np.zeros(shape, array_dtype(standardize_dtype(dtype)))


def ones(shape: Any, dtype: Any = None) -> NDArray[Any]:
    """Return an array of 1."""
    return np.ones(shape, array_dtype(standardize_dtype(dtype)))


_PLAIN: dict[str, Callable[..., Any]] = {
    "arange": arange,
    "convert_to_numpy": convert_to_numpy,
    "convert_to_tensor": convert_to_tensor,
    "ones": ones,
    "shape": shape,
    "zeros": zeros,
}
