"""Functions that stand in a model's graph beside layers: sums of tensors, slices, comparisons, masks.

Keras 3 records such a call as an operation, by the name of a class: ``x + y`` is an ``Add``, ``x[:, 0]`` a
``GetItem``, and the mask of an Embedding a ``NotEqual``. Here each is a function of NumPy by that name.

Source: keras/src/ops/numpy.py, keras/src/ops/nn.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dense_cli.activations.activations import NAMES as _ACTIVATION_NAMES
from dense_cli.layers import tree
from dense_cli.layers.dtype_policy import FLOATS, array_dtype
from dense_cli.layers.keras_tensor import KerasTensor, UnknownTensor
from dense_cli.layers.names import to_snake_case
from dense_cli.layers.operation import Operation

_NUMPY = {
    "Absolute", "Add", "All", "Any", "Argmax", "Argmin", "BroadcastTo", "Ceil", "Clip", "Concatenate",
    "Cos", "Cumsum", "Divide", "Equal", "Exp", "ExpandDims", "Expm1", "Flip", "Floor", "FloorDivide",
    "Greater", "GreaterEqual", "Isfinite", "Isinf", "Isnan", "Less", "LessEqual", "Log", "Log1p",
    "LogicalAnd", "LogicalNot", "LogicalOr", "LogicalXor", "Matmul", "Max", "Maximum", "Mean", "Min",
    "Minimum", "Mod", "Moveaxis", "Multiply", "Negative", "NotEqual", "OnesLike", "Outer", "Power",
    "Prod", "Reciprocal", "Repeat", "Reshape", "Roll", "Round", "Sign", "Sin", "Sqrt", "Square",
    "Squeeze", "Stack", "Std", "Subtract", "Sum", "Swapaxes", "Tan", "Tanh", "Tile", "Transpose",
    "TrueDivide", "Var", "Where", "ZerosLike",
}  # fmt: skip
_ACTIVATIONS = {
    "".join(part.title() for part in name.split("_")): name for name in _ACTIVATION_NAMES if name != "tanh"
}
_SIZES = (2, 3)
"""Two sizes for the axes whose size is not known: where the outputs' sizes differ, theirs is not known
either."""


class Function(Operation):
    """A function of arrays in a graph; the classes of `find` say which.

    Args:
        name: its name; counted up where none is given.
        arguments: what the function is given beside the arrays.
    """

    function: Callable[..., Any]
    keras_module: str

    def __init__(self, name: str | None = None, **arguments: Any) -> None:
        super().__init__(name=name)
        self.arguments = {key: tuple(v) if isinstance(v, list) else v for key, v in arguments.items()}

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Return the function of arrays."""
        plain = tree.map_structure(
            lambda x: np.asarray(x) if isinstance(x, np.ndarray) else x, [args, kwargs]
        )
        with np.errstate(all="ignore"):
            return type(self).function(*plain[0], **plain[1], **self.arguments)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Return the shape and dtype that the function gives for zeros."""
        if any(isinstance(x, UnknownTensor) for x in tree.flatten([args, kwargs])):
            return UnknownTensor()
        one, other = (self._of_zeros(args, kwargs, size) for size in _SIZES)
        return _specs(one, other)

    def _of_zeros(self, args: tuple[Any, ...], kwargs: dict[str, Any], size: int) -> Any:
        zeros = tree.map_structure(lambda x: _zeros(x, size), [args, kwargs])
        return self.call(*zeros[0], **zeros[1])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make it anew."""
        return {"name": self.name, **self.arguments}


def _without_mask(x: Any) -> Any:
    return np.asarray(x) if isinstance(x, np.ndarray) else x


def _zeros(x: Any, size: int) -> Any:
    if not isinstance(x, KerasTensor):
        return x
    dtype = np.dtype(np.float32) if x.dtype in FLOATS else array_dtype(x.dtype)
    return np.broadcast_to(np.zeros((), dtype), [size if n is None else n for n in x.shape])


def _specs(one: Any, other: Any) -> Any:
    if isinstance(one, (list, tuple)):
        return [_specs(a, b) for a, b in zip(one, other, strict=True)]
    a, b = np.asarray(one), np.asarray(other)
    shape = [m if m == n else None for m, n in zip(a.shape, b.shape, strict=True)]
    return KerasTensor(shape, "float32" if a.dtype.kind == "f" else a.dtype)


def _get_item(x: Any, key: Any) -> Any:
    return x[tuple(key) if isinstance(key, list) else key]


def _cast(x: Any, dtype: str) -> Any:
    return np.asarray(x).astype(array_dtype(dtype))


def _convert_to_tensor(x: Any, dtype: Any = None, sparse: Any = None, ragged: Any = None) -> Any:
    return np.asarray(x) if dtype is None else _cast(x, dtype)


def _reshape(x: Any, newshape: Any) -> Any:
    return np.reshape(x, newshape)


def _tile(x: Any, repeats: Any) -> Any:
    return np.tile(x, repeats)


def _broadcast_to(x: Any, shape: Any) -> Any:
    return np.broadcast_to(x, shape)


def _clip(x: Any, x_min: Any, x_max: Any) -> Any:
    return np.clip(x, x_min, x_max)


_SPECIAL: dict[str, Callable[..., Any]] = {
    "BroadcastTo": _broadcast_to,
    "Cast": _cast,
    "Clip": _clip,
    "ConvertToTensor": _convert_to_tensor,
    "GetItem": _get_item,
    "Reshape": _reshape,
    "Tile": _tile,
}

_classes: dict[str, type[Function]] = {}


def find(name: str) -> type[Function] | None:
    """Return the class of an operation of Keras, or None where there is none of that name.

    >>> find("NotEqual")()(np.array([0, 1]), 0).tolist()
    [False, True]
    """
    if name not in _classes:
        function = _SPECIAL.get(name)
        module = "keras.src.ops.numpy"
        if name in ("Cast", "ConvertToTensor"):
            module = "keras.src.ops.core"
        elif function is None and name in _NUMPY:
            function = getattr(np, to_snake_case(name))
        elif function is None and name in _ACTIVATIONS:
            function, module = _ACTIVATION_NAMES[_ACTIVATIONS[name]], "keras.src.ops.nn"
        if function is None:
            return None
        _classes[name] = type(
            name,
            (Function,),
            {"function": staticmethod(function), "keras_module": module, "__module__": __name__},
        )
    return _classes[name]


def apply(name: str, *args: Any, **arguments: Any) -> Any:
    """Return the symbolic result of an operation that is recorded in the graph."""
    cls = find(name)
    assert cls is not None, name
    return cls(**arguments)(*args)


def __getattr__(name: str) -> Any:
    from dense_cli.ops.functions import function

    found = None if name.startswith("_") else function(name)
    if found is None:
        raise AttributeError(f"module 'dense_cli.ops' has no attribute {name!r}")
    return found
