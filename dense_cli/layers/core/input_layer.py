"""Where a model's graph starts."""

from __future__ import annotations

import warnings
from typing import Any

from dense_cli.errors import ConfigError, ShapeError
from dense_cli.layers.dtype_policy import standardize_dtype
from dense_cli.layers.keras_tensor import KerasTensor, Node, Shape, standardize_shape
from dense_cli.layers.layer import Layer


class InputLayer(Layer):
    """The layer that stands for one input of a model.

    Args:
        shape: the input's shape without the batch axis.
        batch_size: the size of the batch axis; None is any.
        dtype: the input's dtype; None is float32.
        sparse, ragged: only False.
        batch_shape: the shape with the batch axis, in place of ``shape`` and ``batch_size``.
        input_tensor: a symbolic tensor that is the input.
        optional: whether the input may be None.
        name: the name.

    Raises:
        ConfigError: no shape or two of them.
        ShapeError: what is no shape.

    Source: https://keras.io/api/layers/core_layers/input/

    >>> InputLayer(shape=(3,), name="x").output.shape
    (None, 3)
    """

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Any = None,
        input_tensor: KerasTensor | None = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name)
        if "input_shape" in kwargs:
            warnings.warn("Argument `input_shape` is deprecated. Use `shape` instead.", stacklevel=2)
            shape = kwargs.pop("input_shape")
        if "batch_input_shape" in kwargs:
            batch_shape = kwargs.pop("batch_input_shape")
        if kwargs:
            raise ConfigError(f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}")
        if input_tensor is not None:
            batch_shape, dtype = _of_tensor(input_tensor, shape, batch_size, batch_shape, dtype, sparse)
        else:
            batch_shape = _batch_shape(shape, batch_size, batch_shape)
        if sparse or ragged:
            raise ConfigError(f"{self.name}: sparse and ragged inputs are not supported")
        self._batch_shape = standardize_shape(batch_shape)
        self._dtype = standardize_dtype(dtype)
        self.sparse = self.ragged = False
        self.optional = bool(optional)
        output = input_tensor
        if output is None:
            output = KerasTensor(self._batch_shape, self._dtype, name=self.name)
        Node(self, (), {}, output)
        self.built = True

    @property
    def batch_shape(self) -> Shape:
        """The shape with the batch axis."""
        return self._batch_shape

    @property
    def dtype(self) -> str:
        """The input's dtype."""
        return self._dtype

    def call(self) -> None:
        """Return nothing: an input is not computed."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {
            "batch_shape": self.batch_shape,
            "dtype": self.dtype,
            "sparse": self.sparse,
            "ragged": self.ragged,
            "name": self.name,
            "optional": self.optional,
        }


def _batch_shape(shape: Any, batch_size: int | None, batch_shape: Any) -> Any:
    """Return the shape with the batch axis, which is given as one, or as ``shape`` and ``batch_size``."""
    if shape is None and batch_shape is None:
        raise ConfigError("You must pass a `shape` argument.")
    if batch_shape is None:
        return (batch_size, *standardize_shape(shape))
    if shape is not None:
        raise ConfigError(
            f"You cannot pass both `shape` and `batch_shape` at the same time. "
            f"Received: shape={shape}, batch_shape={batch_shape}"
        )
    if batch_size is not None:
        raise ConfigError("You cannot pass both `batch_size` and `batch_shape` at the same time.")
    return batch_shape


def _of_tensor(
    tensor: KerasTensor, shape: Any, batch_size: int | None, batch_shape: Any, dtype: Any, sparse: Any
) -> tuple[Shape, str]:
    """Return shape and dtype of a tensor that is the input, which must be those that were given."""
    if not isinstance(tensor, KerasTensor):
        raise ConfigError(
            "Argument `input_tensor` must be a KerasTensor. "
            f"Received invalid type: input_tensor={tensor} (of type {type(tensor)})"
        )
    given = {
        "batch_size": (batch_size, tensor.shape[0] if tensor.shape else None),
        "shape": (shape if shape is None else tuple(shape), tensor.shape[1:]),
        "batch_shape": (batch_shape if batch_shape is None else tuple(batch_shape), tensor.shape),
        "dtype": (dtype if dtype is None else standardize_dtype(dtype), tensor.dtype),
        "sparse": (sparse, tensor.sparse),
    }
    for name, (have, want) in given.items():
        if have is not None and have != want:
            raise ShapeError(
                f"When providing the `input_tensor` argument, you cannot provide an incompatible `{name}` "
                f"argument: expected {want}, found {have}"
            )
    return tensor.shape, tensor.dtype


def Input(  # noqa: N802
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Any = None,
    name: str | None = None,
    tensor: KerasTensor | None = None,
    optional: bool = False,
) -> Any:
    """Return the symbolic tensor that a model starts from; ``shape`` is without the batch axis.

    The arguments are those of `InputLayer`.

    Source: https://keras.io/api/layers/core_layers/input/

    >>> Input(shape=(2, 3)).shape
    (None, 2, 3)
    """
    layer = InputLayer(
        shape=shape,
        batch_size=batch_size,
        dtype=dtype,
        sparse=sparse,
        ragged=ragged,
        batch_shape=batch_shape,
        name=name,
        input_tensor=tensor,
        optional=optional,
    )
    return layer.output
