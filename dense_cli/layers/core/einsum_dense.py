"""Keras' EinsumDense layer.

Source: keras/src/layers/core/einsum_dense.py.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli import activations, constraints, initializers, regularizers
from dense_cli.errors import ConfigError, ShapeError
from dense_cli.layers.input_spec import InputSpec
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.layer import Layer
from dense_cli.layers.variable import Variable

_FORM = re.compile(r"(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)(\.\.\.)?")


class EinsumDense(Layer):
    """A dense layer over any axes: ``activation(einsum(equation, x, kernel) + bias)``.

    Args:
        equation: as of ``numpy.einsum``, for the input and the kernel: ``"abc,cd->abd"``; ``...`` stands for
            further axes at the start or the end of input and output.
        output_shape: the output's sizes after the batch axis, and without those that ``...`` stands for; None
            where a size is the input's.
        activation: a name, a function of an array, or None.
        bias_axes: the letters of the output's axes that the bias has, or None for no bias.
        kernel_initializer, bias_initializer: of the weights.
        kernel_regularizer, bias_regularizer, kernel_constraint, bias_constraint: kept in the config; only
            training uses them.
        kwargs: those of `Layer`.

    Input shape:
        ``(batch, …)``, as the equation says.

    Output shape:
        ``(batch, *output_shape)``.

    Raises:
        ConfigError: an equation or bias axes of another form.
        ShapeError: sizes that do not fit the equation.

    Source: https://keras.io/api/layers/core_layers/einsum_dense/

    >>> EinsumDense("abc,cd->abd", output_shape=(None, 4), bias_axes="d")(np.ones((2, 3, 5))).shape
    (2, 3, 4)
    """

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        for name in ("lora_rank", "lora_alpha", "gptq_unpacked_column_size", "quantization_config"):
            if kwargs.pop(name, None) is not None:
                raise ConfigError(
                    f"EinsumDense: `{name}` is about training or quantization, which is not supported"
                )
        super().__init__(**kwargs)
        self.equation = equation
        self.partial_output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.bias_axes = bias_axes
        self.activation = activations.get(activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.bias: Variable | None = None

    def build(self, input_shape: Shape) -> None:
        """Make kernel and bias for inputs of ``input_shape``."""
        shapes = self._shapes(input_shape)
        self.input_spec = InputSpec(ndim=len(input_shape))
        self._kernel = self.add_weight(
            name="kernel",
            shape=shapes.kernel,
            initializer=self._with_axes(shapes),
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if shapes.bias is not None:
            self.bias = self.add_weight(
                name="bias",
                shape=shapes.bias,
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def _with_axes(self, shapes: _Shapes) -> Any:
        """Return the kernel's initializer, told which axes count as inputs and outputs."""
        initializer = self.kernel_initializer
        if not isinstance(initializer, initializers.VarianceScaling):
            return initializer
        if initializer.input_axes is not None and initializer.output_axes is not None:
            return initializer
        initializer = copy.copy(initializer)
        initializer.input_axes, initializer.output_axes = shapes.input_axes, shapes.output_axes
        return initializer

    def _shapes(self, input_shape: Shape) -> _Shapes:
        return analyze(self.equation, self.bias_axes, input_shape, self.partial_output_shape)

    @property
    def kernel(self) -> Variable:
        """The kernel.

        Raises:
            AttributeError: the layer is not built.
        """
        if not self.built:
            raise AttributeError("You must build the layer before accessing `kernel`.")
        return self._kernel

    def call(self, inputs: NDArray[Any], training: bool | None = None) -> NDArray[Any]:
        """Return ``activation(einsum(equation, inputs, kernel) + bias)``."""
        try:
            x: NDArray[Any] = np.einsum(self.equation, inputs, self.kernel.value, optimize=True)
        except ValueError as error:
            raise ShapeError(f"{self.name}: '{self.equation}' of {inputs.shape}: {error}") from None
        if self.bias is not None:
            x = x + self.bias.value
        outputs: NDArray[Any] = self.activation(x)
        return outputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the output's shape for an input's."""
        return self._shapes(input_shape).output

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this layer, as Keras' ``get_config`` does."""
        return {
            **super().get_config(),
            "output_shape": self.partial_output_shape,
            "equation": self.equation,
            "activation": activations.serialize(self.activation),
            "bias_axes": self.bias_axes,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            "quantization_config": None,
        }


class _Shapes(NamedTuple):
    kernel: Shape
    bias: Shape | None
    output: Shape
    input_axes: list[int]
    output_axes: list[int]


def analyze(
    equation: str, bias_axes: str | None, input_shape: Shape, output_shape: Sequence[int | None]
) -> _Shapes:
    """Return the shapes of kernel, bias and output, and the kernel's axes that are inputs and outputs.

    Raises:
        ConfigError: an equation or bias axes of another form.
        ShapeError: sizes that do not fit the equation.

    >>> analyze("...x,xy->...y", "y", (None, 3, 5), (4,))
    _Shapes(kernel=(5, 4), bias=(4,), output=(None, 3, 4), input_axes=[0], output_axes=[1])
    """
    x, kernel, y = _axes(equation, len(input_shape))
    sizes = dict(zip(x, input_shape, strict=True))
    output = _output_sizes(equation, y, sizes, output_shape)
    _check_axes(equation, sizes, kernel, output)
    return _Shapes(
        tuple(output[axis] if axis in output else sizes[axis] for axis in kernel),
        _bias_shape(bias_axes, output, equation),
        tuple(output.values()),
        [i for i, axis in enumerate(kernel) if axis not in output],
        [i for i, axis in enumerate(kernel) if axis in output],
    )


_Sizes = dict[str, int | None]  # of axes by their names


def _output_sizes(equation: str, y: list[str], sizes: _Sizes, output_shape: Sequence[int | None]) -> _Sizes:
    """Return the output's sizes: of the samples and what ``...`` stands for the input's, else those asked."""
    asked = iter(output_shape)
    try:
        return {a: sizes[a] if i == 0 or len(a) > 1 else next(asked) for i, a in enumerate(y)}
    except (StopIteration, KeyError):
        raise ShapeError(f"EinsumDense: output_shape {output_shape} does not fit '{equation}'") from None


def _check_axes(equation: str, sizes: _Sizes, kernel: list[str], output: _Sizes) -> None:
    """Refuse an axis of two sizes, one of the output that nothing has, and one of the kernel alone."""
    for axis, size in output.items():
        if axis in sizes and size is not None and size != sizes[axis]:
            raise ShapeError(
                f"Input shape and output shape do not match at shared dimension '{axis}'. Input shape is "
                f"{sizes[axis]}, and output shape is {size}."
            )
        if axis not in sizes and axis not in kernel:
            raise ConfigError(
                f"Dimension '{axis}' was specified in the output of '{equation}' but has no dim "
                "for it in the input or the weight"
            )
    for axis in kernel:
        if axis not in output and axis not in sizes:
            raise ConfigError(
                f"Weight dimension '{axis}' did not have a match in either the input or the output of "
                f"'{equation}'. For this layer, the weight must be fully specified."
            )


def _axes(equation: str, rank: int) -> tuple[list[str], list[str], list[str]]:
    """Return the axes of input, kernel and output, those that ``...`` stands for as ``...0`` and so on."""
    form = _FORM.fullmatch(equation)
    before, x, after, kernel, y_before, y, y_after = form.groups() if form else [None] * 7
    if (
        x is None
        or kernel is None
        or y is None
        or (before, after) != (y_before, y_after)
        or (before and after)
    ):
        raise ConfigError(
            f"Invalid einsum equation '{equation}'. Equations must be in the form [X],[Y]->[Z], "
            "...[X],[Y]->...[Z], or [X]...,[Y]->[Z]...."
        )
    if rank < len(x):
        raise ShapeError(f"EinsumDense: '{equation}' expects rank {len(x)}, found rank {rank}")
    further = [f"...{i}" for i in range(rank - len(x))]  # weights are made for them even without `...`
    if before:
        return [*further, *x], list(kernel), [*further, *y]
    return [*x, *further], list(kernel), [*y, *further]


def _bias_shape(bias_axes: str | None, output: dict[str, int | None], equation: str) -> Shape | None:
    if not bias_axes:
        return None
    for axis in bias_axes:
        if axis not in output:
            raise ConfigError(
                f"Bias dimension '{axis}' was requested, but is not part of the output of '{equation}'"
            )
    axes = list(output)
    first = min(axes.index(axis) for axis in bias_axes)
    return tuple(output[axis] if axis in bias_axes else 1 for axis in axes[first:])
