"""What a layer says of its inputs, and the check of it.

Source: keras/src/layers/input_spec.py.
"""

from __future__ import annotations

from typing import Any

from dense_cli.errors import ConfigError, DtypeError, ShapeError
from dense_cli.layers import tree
from dense_cli.layers.dtype_policy import standardize_dtype
from dense_cli.layers.keras_tensor import Shape, standardize_shape


class InputSpec:
    """The rank, dtype, shape, and sizes of single axes that an input must have; None where any will do.

    >>> InputSpec(min_ndim=2, axes={-1: 4})
    InputSpec(min_ndim=2, axes={-1: 4})
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Any = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype = None if dtype is None else standardize_dtype(dtype)
        self.shape = None if shape is None else standardize_shape(shape)
        self.ndim = ndim if self.shape is None else len(self.shape)
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.name = name
        self.optional = optional
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        try:
            self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        except (ValueError, TypeError, AttributeError):
            raise TypeError(
                f"Argument `axes` must be a dict with integer keys. Received: axes={axes}"
            ) from None
        rank = self.ndim or self.max_ndim
        if self.axes and rank is not None and max(self.axes) > rank - 1:
            raise ConfigError(f"Axis {max(self.axes)} is greater than the maximum allowed value: {rank - 1}")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make it anew."""
        names = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes", "optional")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputSpec:
        """Return the spec of these arguments."""
        return cls(**config)

    def __repr__(self) -> str:
        names = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes")
        return f"InputSpec({', '.join(f'{n}={getattr(self, n)}' for n in names if getattr(self, n))})"


def assert_input_compatibility(spec: Any, inputs: Any, layer_name: str) -> None:
    """Check ``inputs``, a nest of arrays or tensors, against ``spec``, an `InputSpec` or a nest of them.

    Raises:
        ShapeError: another number of inputs, a shape that does not fit, or no tensor.
        DtypeError: another dtype.
    """
    if not spec:
        return
    specs = tree.flatten(spec)
    names = [None if one is None else one.name for one in specs]
    if isinstance(inputs, dict) and all(names):
        inputs = _by_name(inputs, names)
    given = tree.flatten(inputs)
    if len(given) != len(specs):
        raise ShapeError(_wrong_number(layer_name, names, len(given)))
    for index, (x, one) in enumerate(zip(given, specs, strict=True)):
        if one is None or (x is None and one.optional):
            continue
        _require_tensor(x, one, layer_name)
        _check(one, tuple(x.shape), x.dtype, f"Input {index} with name '{one.name}' of layer '{layer_name}'")


def _require_tensor(x: Any, spec: InputSpec, layer_name: str) -> None:
    if x is None and spec.name:
        raise ShapeError(
            f"The input '{spec.name}' is not optional, but None was passed. Please provide a valid tensor."
        )
    if not hasattr(x, "shape"):
        raise ShapeError(
            f"Inputs to a layer should be tensors. Got '{x}' (of type {type(x)}) as input for layer "
            f"'{layer_name}'."
        )


def _by_name(inputs: dict[str, Any], names: list[Any]) -> list[Any]:
    missing = [name for name in names if name not in inputs]
    if missing:
        raise ShapeError(
            f'Missing data for input "{missing[0]}". You passed a data dictionary with keys '
            f"{list(inputs)}. "
            f"Expected the following keys: {names}"
        )
    return [inputs[name] for name in names]


def _wrong_number(layer_name: str, names: list[str | None], found: int) -> str:
    if all(names):
        form = ", ".join(f"'{name}': ..." for name in names)
        return (
            f'Layer "{layer_name}" expects {len(names)} named input(s) with keys {names}, but it received '
            f"{found} input tensors. Pass inputs as a dict, e.g. `layer({{{form}}})`."
        )
    return f'Layer "{layer_name}" expects {len(names)} input(s), but it received {found} input tensors. '


def _check(spec: InputSpec, shape: Shape, dtype: Any, where: str) -> None:
    wrong = f"{where} is incompatible with the layer: expected"
    _check_rank(spec, shape, wrong)
    if spec.dtype is not None and standardize_dtype(dtype) != spec.dtype:
        raise DtypeError(f"{wrong} dtype={spec.dtype}, found dtype={dtype}")
    for axis, size in spec.axes.items():
        if size is not None and shape[axis] not in (size, None):
            raise ShapeError(
                f"{wrong} axis {axis} of input shape to have value {size}, "
                f"but received input with shape {shape}"
            )
    if spec.shape is not None and not _fits(spec.shape, shape, spec.allow_last_axis_squeeze):
        raise ShapeError(f"{wrong} shape={spec.shape}, found shape={shape}")


def _check_rank(spec: InputSpec, shape: Shape, wrong: str) -> None:
    rank = len(shape)
    if spec.ndim is not None and not spec.allow_last_axis_squeeze and rank != spec.ndim:
        raise ShapeError(f"{wrong} ndim={spec.ndim}, found ndim={rank}. Full shape received: {shape}")
    if spec.max_ndim is not None and rank > spec.max_ndim:
        raise ShapeError(f"{wrong} max_ndim={spec.max_ndim}, found ndim={rank}")
    if spec.min_ndim is not None and rank < spec.min_ndim:
        raise ShapeError(f"{wrong} min_ndim={spec.min_ndim}, found ndim={rank}. Full shape received: {shape}")


def _fits(expected: Shape, found: Shape, squeeze: bool) -> bool:
    """Whether two shapes agree where both are known; ``squeeze``: a last axis of size 1 may be missing."""
    if squeeze:
        expected, found = _squeezed(expected), _squeezed(found)
    return all(a is None or b is None or a == b for a, b in zip(expected, found, strict=False))


def _squeezed(shape: Shape) -> Shape:
    return shape[:-1] if shape and shape[-1] == 1 else shape
