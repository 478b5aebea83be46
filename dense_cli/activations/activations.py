"""Keras' activation functions on NumPy arrays.

Each is a plain function of an array of any rank: element by element, or along an axis. The result has the
dtype of the array; float16 is computed in float32, and float64 in float64. Integers stay integers where
nothing is divided, and become float64 elsewhere. NaN, infinities and overflow give what Keras gives on its
NumPy backend, and never a warning.

>>> softmax(np.array([[0.0, 0.0], [1e38, -1e38]]))
array([[0.5, 0.5],
       [1. , 0. ]])

Source: keras/src/activations/activations.py; keras/src/backend/numpy/nn.py.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dense_cli.errors import DtypeError, ShapeError

Array = NDArray[Any]
P = ParamSpec("P")

NAMES: dict[str, Callable[..., Array]] = {}
"""Every name that Keras' ``activations.get`` takes -> its function."""


_OF_INTEGERS: dict[str, type | None] = {
    **dict.fromkeys(("linear", "soft_shrink", "sparse_plus")),
    **dict.fromkeys(("glu", "hard_shrink", "hard_tanh", "leaky_relu", "relu", "relu6"), np.int32),
    **dict.fromkeys(("sparse_sigmoid", "threshold"), np.int32),
    **dict.fromkeys(("exponential", "tanh"), np.float32),
}
"""The dtype that Keras' NumPy backend gives for integers; None is their own, what is not listed gives
float64."""


def _activation(
    function: Callable[Concatenate[Array, P], Array],
) -> Callable[Concatenate[ArrayLike, P], Array]:
    """Enter a function in the table, and let it keep the dtype, without warnings."""
    of_integers = _OF_INTEGERS.get(function.__name__, np.float64)

    @functools.wraps(function)
    def activation(x: ArrayLike, /, *args: P.args, **kwargs: P.kwargs) -> Array:
        if hasattr(x, "_keras_history"):
            return _symbolic(function.__name__, x, args, kwargs)  # type: ignore[no-any-return]
        array = np.asarray(x)
        dtype = _result_dtype(array.dtype, isinstance(x, (np.ndarray, np.generic)), of_integers)
        wide = array.astype(
            np.float64 if dtype.itemsize == 8 or dtype.kind == "i" else np.float32, copy=False
        )
        with np.errstate(all="ignore"):
            return np.asarray(function(wide, *args, **kwargs)).astype(dtype, copy=False)

    NAMES[function.__name__] = activation
    return activation


def _symbolic(name: str, x: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the symbolic result for a symbolic tensor."""
    from dense_cli.ops import apply

    arguments = inspect.signature(NAMES[name]).bind(x, *args, **kwargs).arguments
    given = {key: value for key, value in arguments.items() if value is not x}
    return apply("".join(part.title() for part in name.split("_")), x, **given)


def _result_dtype(dtype: np.dtype[Any], is_array: bool, of_integers: type | None) -> np.dtype[Any]:
    """Return the dtype of an activation's result."""
    if dtype.kind not in "biuf":
        raise DtypeError(f"an activation takes real numbers, found dtype {dtype}")
    if dtype.kind in "iu":
        return dtype if of_integers is None else np.dtype(of_integers)
    return dtype if dtype.kind == "f" and is_array else np.dtype(np.float32)


Axis = int | tuple[int, ...]


def _check_rank(x: Array) -> None:
    if x.ndim == 0:
        raise ShapeError("expected an array of rank 1 or more, found a single number")


# --- along an axis


@_activation
def softmax(x: Array, axis: Axis = -1) -> Array:
    """Return exp(x) / sum(exp(x)) along an axis or several, with the maximum subtracted first, so that
    nothing
    overflows."""
    if not x.ndim:
        return np.asarray(np.ones_like(x) + 0 * x)
    out: Array = x - x.max(axis=axis, keepdims=True, initial=-np.inf)
    np.exp(out, out=out)
    out /= out.sum(axis=axis, keepdims=True)
    return out


@_activation
def log_softmax(x: Array, axis: Axis = -1) -> Array:
    """Return log(softmax(x)), without the rounding of small probabilities to 0."""
    if not x.ndim:
        return np.asarray(0 * x)
    out: Array = x - x.max(axis=axis, keepdims=True, initial=-np.inf)
    out -= np.log(np.exp(out).sum(axis=axis, keepdims=True))
    return out


@_activation
def sparsemax(x: Array, axis: int = -1) -> Array:
    """Return max(x - t, 0), with a t for each row along an axis.

    The paper's t makes the row sum to 1. Keras adds up running sums where the paper takes the last of them,
    so its rows sum to 1 only where one class has it all; this follows Keras.

    Source: Martins and Astudillo, 2016, https://arxiv.org/abs/1602.02068
    """
    _check_rank(x)
    rows = np.moveaxis(x, axis, -1)
    ordered = -np.sort(-rows, axis=-1)
    cumulated = np.cumsum(ordered, axis=-1)
    support = ordered - (cumulated - 1) / np.arange(1, rows.shape[-1] + 1) > 0
    count = support.sum(axis=-1, keepdims=True)
    threshold = (np.where(support, cumulated, 0).sum(axis=-1, keepdims=True) - 1) / count
    return np.moveaxis(np.maximum(rows - threshold, 0), -1, axis)


@_activation
def glu(x: Array, axis: int = -1) -> Array:
    """Return a * sigmoid(b) of the two halves of an axis.

    Raises:
        ShapeError: the axis cannot be halved.

    Source: Dauphin and others, 2016, https://arxiv.org/abs/1612.08083
    """
    _check_rank(x)
    if x.shape[axis] % 2:
        raise ShapeError(
            f"glu: axis size must be divisible by 2. Received: x.shape={x.shape} with axis={axis}"
        )
    a, b = np.split(x, 2, axis=axis)
    out: Array = a * _sigmoid(b)
    return out


# --- element by element


@_activation
def linear(x: Array) -> Array:
    """Return x."""
    return x


@_activation
def relu(
    x: Array, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Array:
    """Return max(x, 0).

    Args:
        negative_slope: what multiplies the distance of x below the threshold.
        max_value: the largest value returned.
        threshold: where x begins to count; below it is 0, or the negative slope.
    """
    out = np.maximum(x, 0) if threshold == 0 else np.where(x > threshold, x, 0)
    if max_value is not None:
        out = np.clip(out, 0, max_value)
    if negative_slope != 0:
        out = out - negative_slope * np.maximum(threshold - x, 0)
    return out


@_activation
def relu6(x: Array) -> Array:
    """Return max(x, 0), but at most 6."""
    return np.clip(x, 0, 6)


@_activation
def leaky_relu(x: Array, negative_slope: float = 0.2) -> Array:
    """Return x where it is positive, else negative_slope * x."""
    return np.where(x >= 0, x, negative_slope * x)


@_activation
def elu(x: Array, alpha: float = 1.0) -> Array:
    """Return x where it is positive, else alpha * (exp(x) - 1).

    Source: Clevert and others, 2016, https://arxiv.org/abs/1511.07289
    """
    return _elu(x, alpha)


def _elu(x: Array, alpha: float) -> Array:
    return np.where(x >= 0, x, alpha * np.expm1(x))


@_activation
def celu(x: Array, alpha: float = 1.0) -> Array:
    """Return x where it is positive, else alpha * (exp(x / alpha) - 1).

    Source: Barron, 2017, https://arxiv.org/abs/1704.07483
    """
    return np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0) / alpha)


@_activation
def selu(x: Array) -> Array:
    """Return elu(x) scaled so that repeated layers keep mean 0 and variance 1.

    Source: Klambauer and others, 2017, https://arxiv.org/abs/1706.02515
    """
    return 1.0507009873554805 * _elu(x, 1.6732632423543772)


@_activation
def gelu(x: Array, approximate: bool = False) -> Array:
    """Return x times the standard normal distribution function of x.

    Args:
        approximate: use a tanh in place of the error function.

    Source: Hendrycks and Gimpel, 2016, https://arxiv.org/abs/1606.08415
    """
    if approximate:
        twice = 1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
    else:
        from dense_cli.random.erf import erf

        twice = (erf(x / math.sqrt(2)) + 1).astype(x.dtype)
    out: Array = x * twice / 2
    return out


@_activation
def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x))."""
    return _sigmoid(x)


def _sigmoid(x: Array) -> Array:
    out = np.asarray(np.exp(-x))
    out += 1
    np.reciprocal(out, out=out)
    return out


@_activation
def hard_sigmoid(x: Array, slope: float | None = None) -> Array:
    """Return x / 6 + 0.5, cut off at 0 and 1.

    Args:
        slope: what multiplies x in place of 1 / 6; Keras 2 has 0.2.
    """
    return _hard_sigmoid(x) if slope is None else np.clip(slope * x + 0.5, 0, 1)


def _hard_sigmoid(x: Array) -> Array:
    return np.clip(x / 6 + 0.5, 0, 1)


@_activation
def sparse_sigmoid(x: Array) -> Array:
    """Return (x + 1) / 2, cut off at 0 and 1.

    Source: Blondel and others, 2019, https://arxiv.org/abs/1901.02324
    """
    return np.clip(0.5 * (x + 1), 0, 1)


@_activation
def log_sigmoid(x: Array) -> Array:
    """Return log(sigmoid(x))."""
    return -_softplus(-x)


@_activation
def silu(x: Array) -> Array:
    """Return x * sigmoid(x), also called swish.

    Source: Ramachandran and others, 2017, https://arxiv.org/abs/1710.05941
    """
    return x * _sigmoid(x)


@_activation
def hard_silu(x: Array) -> Array:
    """Return x * hard_sigmoid(x), also called hard_swish.

    Source: Howard and others, 2019, https://arxiv.org/abs/1905.02244
    """
    return x * _hard_sigmoid(x)


@_activation
def mish(x: Array) -> Array:
    """Return x * tanh(softplus(x)).

    Source: Misra, 2019, https://arxiv.org/abs/1908.08681
    """
    return x * np.tanh(_softplus(x))


@_activation
def tanh(x: Array) -> Array:
    """Return the hyperbolic tangent."""
    return np.tanh(x)


@_activation
def hard_tanh(x: Array) -> Array:
    """Return x, cut off at -1 and 1."""
    return np.clip(x, -1, 1)


@_activation
def tanh_shrink(x: Array) -> Array:
    """Return x - tanh(x)."""
    return x - np.tanh(x)


@_activation
def soft_shrink(x: Array, threshold: float = 0.5) -> Array:
    """Return x moved by threshold towards 0, and 0 where it is nearer than that."""
    return np.where(x > threshold, x - threshold, np.where(x < -threshold, x + threshold, 0))


@_activation
def hard_shrink(x: Array, threshold: float = 0.5) -> Array:
    """Return x where abs(x) > threshold, else 0."""
    return np.where(np.abs(x) > threshold, x, 0)


@_activation
def threshold(x: Array, threshold: float, default_value: float) -> Array:
    """Return x where it exceeds threshold, else default_value."""
    return np.where(x > threshold, x, default_value)


@_activation
def exponential(x: Array) -> Array:
    """Return exp(x)."""
    return np.exp(x)


@_activation
def softplus(x: Array) -> Array:
    """Return log(exp(x) + 1)."""
    return _softplus(x)


def _softplus(x: Array) -> Array:
    out: Array = np.logaddexp(x, x.dtype.type(0))
    return out


@_activation
def softsign(x: Array) -> Array:
    """Return x / (abs(x) + 1)."""
    out: Array = x / (1 + np.abs(x))
    return out


@_activation
def squareplus(x: Array, b: float = 4) -> Array:
    """Return (x + sqrt(x**2 + b)) / 2.

    Source: Barron, 2021, https://arxiv.org/abs/2112.11687
    """
    return (x + np.sqrt(x**2 + b)) / 2


@_activation
def sparse_plus(x: Array) -> Array:
    """Return 0 below -1, x from 1 on, and (x + 1)**2 / 4 between."""
    return np.where(x <= -1, 0, np.where(x < 1, 0.25 * (x + 1) ** 2, x))


swish = NAMES["swish"] = silu
hard_swish = NAMES["hard_swish"] = hard_silu
