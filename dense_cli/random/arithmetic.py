"""Float arithmetic that NumPy does not have: fused multiply-adds, and the C library's log, sin and cos.

A fused multiply-add rounds a * b + c once instead of twice. XLA and PyTorch use it throughout, so a bit for
bit copy has to do the same. For float32 it can be had in float64: there the product of two float32 numbers
is exact, so only the sum is rounded before the result is rounded to float32. (Two roundings can differ from
one in about one case of 2**29, where the sum falls on a tie of float32; none was met in 30 million values.)

NumPy has a log, sin and cos of its own for float64 that can differ from the C library's in the last bit.
TensorFlow and PyTorch use the C library's, as does Python's ``math``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]


def bits32(pattern: int) -> float:
    """Return the float32 with these IEEE bits, as a Python float.

    >>> bits32(0x3F800000)
    1.0
    """
    return float(np.uint32(pattern).view(np.float32))


def fma(a: NDArray[Any] | float, b: NDArray[Any] | float, c: NDArray[Any] | float) -> Float32:
    """Return a * b + c rounded once; at least one of them is an array, and all hold float32 values."""
    wide = np.multiply(a, b, dtype=np.float64)
    wide += c
    return wide.astype(np.float32)


def fma64(a: Float64, b: float, c: float) -> Float64:
    """Return a * b + c rounded once, in float64.

    The rounding errors of the product and of the sum are computed exactly, after Dekker and Knuth, and added
    at the end; adding them up rounds too, which can show in about one case of 2**50.
    """
    product = a * b
    a_high, b_high = _upper_half(a), _upper_half(b)
    a_low, b_low = a - a_high, b - b_high
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    total = product + c
    part = total - product
    error += (product - (total - part)) + (c - part)
    total += error
    return total


def _upper_half(x: Any) -> Any:
    """Return the upper 26 bits of the mantissa of float64 numbers."""
    shifted = x * float((1 << 27) + 1)
    return shifted - (shifted - x)


def horner(x: Float64, coefficients: tuple[float, ...]) -> Float32:
    """Return the float32 polynomial in ``x``, highest power first, with a fused multiply-add per power.

    ``x`` and the coefficients hold float32 values, widened.
    """
    wide = x * coefficients[0]
    wide += coefficients[1]
    narrow = wide.astype(np.float32)
    for coefficient in coefficients[2:]:
        np.copyto(wide, narrow)
        wide *= x
        wide += coefficient
        np.copyto(narrow, wide, casting="same_kind")
    return narrow


def split_mantissa(x: Float32) -> tuple[Float32, Float32]:
    """Return (s, e) with x = (1 + s) * 2**e and 1 + s in [sqrt(1/2), sqrt(2)), for normal positive ``x``.

    How the Cephes library begins a logarithm; XLA's and PyTorch's both descend from it.
    """
    bits = x.view(np.uint32)
    exponent = ((bits >> 23).astype(np.int32) - 126).astype(np.float32)
    mantissa = ((bits & np.uint32(0x007FFFFF)) | np.uint32(0x3F000000)).view(np.float32)
    low = mantissa < SQRT_HALF
    exponent -= low
    s = mantissa - np.float32(1)
    np.add(s, mantissa, out=s, where=low)
    return s, exponent


SQRT_HALF = np.float32(math.sqrt(0.5))


def scaled(values: NDArray[Any], scale: Any, shift: Any) -> NDArray[Any]:
    """Return ``values * scale + shift`` in place, rounded after each step, in the dtype of ``values``."""
    values *= scale
    values += shift
    return values


def by_math(function: Callable[[float], float], x: Float64) -> Float64:
    """Return ``function`` of Python's ``math`` of every element: the C library's, to the last bit."""
    return np.fromiter(map(function, x.ravel().tolist()), np.float64, x.size).reshape(x.shape)
