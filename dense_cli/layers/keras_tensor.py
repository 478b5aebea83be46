"""Symbolic tensors: the shape and dtype of what a layer will give, and which call of which layer gives it.

Source: keras/src/backend/common/keras_tensor.py, keras/src/ops/node.py.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from dense_cli.errors import ShapeError
from dense_cli.layers import tree
from dense_cli.layers.dtype_policy import standardize_dtype
from dense_cli.layers.names import auto_name

Shape = tuple[int | None, ...]


def standardize_shape(shape: Any) -> Shape:
    """Return ``shape`` as a tuple of sizes, None where one is not known.

    Raises:
        ShapeError: it is no shape.

    >>> standardize_shape([None, 3])
    (None, 3)
    """
    if not isinstance(shape, tuple):
        if shape is None:
            raise ShapeError("Undefined shapes are not supported.")
        if not hasattr(shape, "__iter__") or isinstance(shape, (str, dict)):
            raise ShapeError(f"Cannot convert '{shape}' to a shape.")
        shape = tuple(shape)
    sizes: list[int | None] = []
    for size in shape:
        if size is None:
            sizes.append(None)
            continue
        if isinstance(size, (str, bytes)) or not hasattr(size, "__index__"):
            raise ShapeError(
                f"Cannot convert '{shape}' to a shape. Found invalid entry '{size}' of type '{type(size)}'. "
            )
        if size < 0:
            raise ShapeError(f"Cannot convert '{shape}' to a shape. Negative dimensions are not allowed.")
        sizes.append(int(size))
    return tuple(sizes)


class KerasHistory(NamedTuple):
    """Which output of which call of which layer a tensor is."""

    operation: Any
    node_index: int
    tensor_index: int


class KerasTensor:
    """What stands for an array while a model is put together.

    Args:
        shape: sizes, None where one is not known.
        dtype: a name.
        name: as in error messages; counted up where none is given.

    >>> KerasTensor((None, 3), name="x")
    <KerasTensor shape=(None, 3), dtype=float32, sparse=False, ragged=False, name=x>
    """

    _keras_history: KerasHistory
    sparse = False
    ragged = False

    def __init__(
        self,
        shape: Any,
        dtype: Any = "float32",
        sparse: bool = False,
        ragged: bool = False,
        name: str | None = None,
    ) -> None:
        if sparse or ragged:
            raise ShapeError("sparse and ragged tensors are not supported")
        self._shape = standardize_shape(shape)
        self._dtype = standardize_dtype(dtype)
        self.name = name or auto_name(type(self).__name__)

    @property
    def shape(self) -> Shape:
        """The sizes, None where one is not known."""
        return self._shape

    @property
    def dtype(self) -> str:
        """The dtype's name."""
        return self._dtype

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return len(self._shape)

    def _no_value(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            "A KerasTensor is symbolic: it has a shape and a dtype but no numbers. "
            "Put it into a model, and call the model on an array"
        )

    __array__ = __int__ = __float__ = __bool__ = __iter__ = __len__ = _no_value
    __array_priority__ = 1000
    __array_ufunc__ = None  # so that array + tensor is asked of the tensor

    def __repr__(self) -> str:
        return (
            f"<KerasTensor shape={self.shape}, dtype={self.dtype}, sparse={self.sparse}, "
            f"ragged={self.ragged}, name={self.name}>"
        )


class UnknownTensor(KerasTensor):
    """The output of a layer that cannot be run, or of what comes after it: nothing is known of its shape."""

    def __init__(self) -> None:
        super().__init__(())

    def __repr__(self) -> str:
        return f"<UnknownTensor name={self.name}>"


class Node:
    """One call of a layer on symbolic tensors.

    Args:
        operation: the layer.
        args, kwargs: what it was called with.
        outputs: what it gave, a nest of tensors.
    """

    def __init__(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any) -> None:
        self.operation = operation
        self.args = args
        self.kwargs = kwargs
        self.input_tensors: list[KerasTensor] = [
            x for x in tree.flatten([args, kwargs]) if isinstance(x, KerasTensor)
        ]
        self.output_tensors: list[KerasTensor] = tree.flatten(outputs)
        for x in self.output_tensors:
            if not isinstance(x, KerasTensor):
                raise TypeError(f"{operation.name}: all outputs must be tensors, found {x!r}")
        for x in self.input_tensors:
            if not hasattr(x, "_keras_history"):
                x._keras_history = KerasHistory(None, 0, 0)
            elif x._keras_history.operation is not None:
                x._keras_history.operation._outbound_nodes.append(self)
        operation._inbound_nodes.append(self)
        index = len(operation._inbound_nodes) - 1
        for i, x in enumerate(self.output_tensors):
            x._keras_history = KerasHistory(operation, index, i)

    @property
    def outputs(self) -> list[KerasTensor]:
        """The output tensors, as `output_tensors`."""
        return self.output_tensors

    @property
    def is_input(self) -> bool:
        """Whether this is where a graph starts."""
        return not self.input_tensors

    @property
    def parent_nodes(self) -> list[Node]:
        """The calls that give what this one takes."""
        return [
            x._keras_history.operation._inbound_nodes[x._keras_history.node_index]
            for x in self.input_tensors
            if x._keras_history.operation is not None
        ]

    def __repr__(self) -> str:
        return f"<Node operation={self.operation.name}>"


def _operator(name: str, swapped: bool = False) -> Any:
    """Return the method of an operator, which records a call in the graph."""

    def method(self: KerasTensor, *other: Any) -> Any:
        from dense_cli.ops import apply

        return apply(name, *reversed(other), self) if swapped else apply(name, self, *other)

    return method


_OPERATORS = {
    "Add": "add radd", "Subtract": "sub rsub", "Multiply": "mul rmul", "Matmul": "matmul rmatmul",
    "TrueDivide": "truediv rtruediv", "FloorDivide": "floordiv rfloordiv",
    "Mod": "mod rmod", "Power": "pow rpow",
    "LogicalAnd": "and rand", "LogicalOr": "or ror", "LogicalXor": "xor rxor", "Less": "lt",
    "LessEqual": "le", "Greater": "gt", "GreaterEqual": "ge", "NotEqual": "ne", "Negative": "neg",
    "Absolute": "abs", "LogicalNot": "invert", "GetItem": "getitem",
}  # fmt: skip
for _name, _methods in _OPERATORS.items():
    for _method in _methods.split():
        _swapped = _method.startswith("r") and _method[1:] in _methods.split()
        setattr(KerasTensor, f"__{_method}__", _operator(_name, _swapped))


def is_keras_tensor(x: Any) -> bool:
    """Return whether ``x`` is a tensor of a graph."""
    return hasattr(x, "_keras_history")


def any_symbolic(*nests: Any) -> bool:
    """Return whether there is a symbolic tensor among the leaves."""
    return any(isinstance(x, KerasTensor) for x in tree.flatten(nests))
