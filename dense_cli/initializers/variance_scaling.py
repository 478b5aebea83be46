"""Keras' initializers whose spread follows from the shape: Glorot's, He's, LeCun's, and their base.

Source: keras/src/initializers/random_initializers.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError, ShapeError
from dense_cli.initializers.initializer import Shape
from dense_cli.initializers.random_initializers import RandomInitializer, SeedLike
from dense_cli.spec import check_number, shown_value

MODES = ("fan_in", "fan_out", "fan_avg")
DISTRIBUTIONS = ("uniform", "truncated_normal", "untruncated_normal")
TRUNCATED_STDDEV = 0.87962566103423978
"""The standard deviation of a standard normal distribution that is cut off at -2 and 2."""


def compute_fans(
    shape: Sequence[int], input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None
) -> tuple[int, int]:
    """Return (inputs, outputs) of a unit whose kernel has this shape.

    A kernel of two sizes has them as its fans; one size is both. Of a longer shape the last two sizes are
    channels, and the product of the others, the receptive field, multiplies both. ``input_axes`` and
    ``output_axes``, given together, name the axes to multiply instead.

    >>> compute_fans((4,)), compute_fans((4, 3)), compute_fans((3, 3, 8, 16))
    ((4, 4), (4, 3), (72, 144))
    """
    shape = tuple(shape)
    if input_axes is not None and output_axes is not None:
        try:
            fan_in = math.prod(shape[axis] for axis in input_axes)
            fan_out = math.prod(shape[axis] for axis in output_axes)
        except IndexError:
            raise ShapeError(
                f"input_axes {input_axes} and output_axes {output_axes} do not fit the shape {shape}"
            ) from None
        return fan_in, fan_out
    if len(shape) < 2:
        size = math.prod(shape)
        return size, size
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


class VarianceScaling(RandomInitializer):
    """Random numbers whose spread follows from the shape: their variance is ``scale / n``.

    ``n`` is the number of inputs of a unit, of outputs, or the mean of both, and at least 1.

    Args:
        scale: a positive number.
        mode: "fan_in", "fan_out" or "fan_avg".
        distribution: "truncated_normal" (or "normal"), "untruncated_normal" or "uniform".
        seed, rng: as for every random initializer.
        input_axes, output_axes: the axes that count as inputs and outputs; see ``compute_fans``.

    Source: He and others, "Delving deep into rectifiers", https://arxiv.org/abs/1502.01852

    >>> kernel = VarianceScaling(scale=2.0, mode="fan_out", distribution="uniform", seed=0)((10, 6))
    >>> bool(abs(kernel).max() <= 1)
    True
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: SeedLike = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
        *,
        rng: str | None = None,
    ) -> None:
        check_number("scale", scale)
        if scale <= 0.0:
            raise ConfigError(f"Argument `scale` must be positive float. Received: scale={scale}")
        if mode not in MODES:
            raise ConfigError(f"Invalid `mode` argument: {shown_value(mode)}. Please use one of {MODES}")
        _check_axes("input_axes", input_axes)
        _check_axes("output_axes", output_axes)
        self.scale = scale
        self.mode = mode
        self.distribution = _distribution(distribution)
        self.input_axes = input_axes
        self.output_axes = output_axes
        super().__init__(seed, rng=rng)

    def _array(self, shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2.0}
        scale = self.scale / max(1.0, fans[self.mode])
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * scale)
            return self._draw("uniform", shape, -limit, limit, dtype)
        if self.distribution == "untruncated_normal":
            return self._draw("normal", shape, 0.0, math.sqrt(scale), dtype)
        return self._draw("truncated_normal", shape, 0.0, math.sqrt(scale) / TRUNCATED_STDDEV, dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make it anew, as Keras writes them in JSON."""
        config = {"scale": self.scale, "mode": self.mode, "distribution": self.distribution}
        return config | self._seed_and_axes()

    def _seed_and_axes(self) -> dict[str, Any]:
        """Return the seed, and the axes where there are any: Keras before 3.13 does not know them."""
        axes = {"input_axes": self.input_axes, "output_axes": self.output_axes}
        return super().get_config() | {name: value for name, value in axes.items() if value is not None}


def _distribution(name: Any) -> str:
    """Return the distribution of a name; Keras also says "normal" for "truncated_normal"."""
    lower = name.lower() if isinstance(name, str) else name
    lower = "truncated_normal" if lower == "normal" else lower
    if lower not in DISTRIBUTIONS:
        raise ConfigError(
            f"Invalid `distribution` argument: {shown_value(name)}. Please use one of {DISTRIBUTIONS}"
        )
    return str(lower)


def _check_axes(name: str, axes: Any) -> None:
    if axes is None or (isinstance(axes, (list, tuple)) and all(isinstance(axis, int) for axis in axes)):
        return
    raise ConfigError(f"`{name}` must be a list of axes, found {shown_value(axes)}")


class _Scaled(VarianceScaling):
    """VarianceScaling with its first three arguments fixed."""

    fixed: tuple[float, str, str]

    def __init__(
        self,
        seed: SeedLike = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
        *,
        rng: str | None = None,
    ) -> None:
        super().__init__(*self.fixed, seed, input_axes, output_axes, rng=rng)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make it anew, as Keras writes them in JSON."""
        return self._seed_and_axes()


class GlorotUniform(_Scaled):
    """Uniform numbers within sqrt(6 / (inputs + outputs)) of 0; Keras' default for kernels.

    Args:
        seed, rng: as for every random initializer.
        input_axes, output_axes: the axes that count as inputs and outputs; see ``compute_fans``.

    Source: Glorot and Bengio, 2010, https://proceedings.mlr.press/v9/glorot10a.html

    >>> bool(abs(GlorotUniform(seed=0)((4, 2))).max() <= 1)
    True
    """

    fixed = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Scaled):
    """Truncated normal numbers with the standard deviation sqrt(2 / (inputs + outputs)).

    Arguments and source as for GlorotUniform.

    >>> GlorotNormal(seed=0)((4, 2)).shape
    (4, 2)
    """

    fixed = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Scaled):
    """Uniform numbers within sqrt(6 / inputs) of 0.

    Arguments as for GlorotUniform. Source: He and others, 2015, https://arxiv.org/abs/1502.01852

    >>> bool(abs(HeUniform(seed=0)((6, 2))).max() <= 1)
    True
    """

    fixed = (2.0, "fan_in", "uniform")


class HeNormal(_Scaled):
    """Truncated normal numbers with the standard deviation sqrt(2 / inputs).

    Arguments as for GlorotUniform. Source: He and others, 2015, https://arxiv.org/abs/1502.01852

    >>> HeNormal(seed=0)((4, 2)).shape
    (4, 2)
    """

    fixed = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Scaled):
    """Uniform numbers within sqrt(3 / inputs) of 0.

    Arguments as for GlorotUniform. Source: Klambauer and others, 2017, https://arxiv.org/abs/1706.02515

    >>> bool(abs(LecunUniform(seed=0)((3, 2))).max() <= 1)
    True
    """

    fixed = (1.0, "fan_in", "uniform")


class LecunNormal(_Scaled):
    """Truncated normal numbers with the standard deviation sqrt(1 / inputs).

    Arguments as for GlorotUniform. Source: Klambauer and others, 2017, https://arxiv.org/abs/1706.02515

    >>> LecunNormal(seed=0)((4, 2)).shape
    (4, 2)
    """

    fixed = (1.0, "fan_in", "truncated_normal")
