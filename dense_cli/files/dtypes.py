"""Which numbers are read: NumPy's real ones, and bfloat16 and the two kinds of float8, widened to float32.

The formats: https://arxiv.org/abs/2209.05433 (float8), https://en.wikipedia.org/wiki/Bfloat16_floating-point_format
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import DtypeError
from dense_cli.text import clip

# The dtypes, by the names that JAX and PyTorch give them, and the NumPy dtype that holds their bits.
BITS = {"bfloat16": "u2", "float8_e4m3fn": "u1", "float8_e5m2": "u1"}


def widen(bits: NDArray[Any], dtype: str) -> NDArray[Any]:
    """Return the numbers of a dtype whose bits these are; numbers that NumPy knows are returned as they are.

    >>> widen(np.array([0x3F80, 0xC000], dtype=np.uint16), "bfloat16")
    array([ 1., -2.], dtype=float32)
    >>> widen(np.array([0x38, 0xC0, 0x7F], dtype=np.uint8), "float8_e4m3fn")
    array([ 1., -2., nan], dtype=float32)
    >>> widen(np.array([0x3C, 0xC0, 0x7C], dtype=np.uint8), "float8_e5m2")
    array([ 1., -2., inf], dtype=float32)
    """
    if dtype not in BITS:
        return bits
    if dtype == "bfloat16":  # the upper half of a float32
        wide = bits.astype(np.uint32)
        wide <<= 16
        return wide.view(np.float32)
    numbers: NDArray[Any] = _table(dtype)[bits]
    return numbers


@cache
def _table(dtype: str) -> NDArray[np.float32]:
    """Return the number of each of the 256 bytes."""
    codes = np.arange(256, dtype=np.uint16)
    if dtype == "float8_e5m2":  # the upper half of a float16
        return (codes << 8).view(np.float16).astype(np.float32)
    # 1 bit of sign, 4 of exponent (bias 7), 3 of fraction; no infinities, and all ones is NaN.
    exponent, fraction = (codes >> 3 & 15).astype(np.int32), (codes & 7).astype(np.float32) / 8
    values = np.where(
        exponent == 0,
        np.ldexp(fraction, np.int32(-6)),
        np.ldexp(fraction + np.float32(1), exponent - 7),
    ).astype(np.float32)
    values[codes & 127 == 127] = np.nan
    return np.where(codes > 127, -values, values)


def require_numeric(dtype: np.dtype[Any], name: str) -> None:
    """Raise DtypeError unless ``dtype`` is one of booleans, integers or real floating-point numbers.

    >>> require_numeric(np.dtype("int8"), "x.npy")
    >>> require_numeric(np.dtype("complex64"), "x.npy")
    Traceback (most recent call last):
        ...
    dense_cli.errors.DtypeError: x.npy: complex numbers (dtype complex64): expected real numbers
    """
    if dtype.kind in "biuf":
        return
    if dtype.hasobject:
        raise DtypeError(f"{name}: object array (a pickle): never loaded")
    if dtype.names is not None:
        found = "structured array"
    else:
        found = {
            "c": "complex numbers",
            "U": "strings",
            "S": "byte strings",
            "M": "dates",
            "m": "time differences",
        }.get(dtype.kind, "raw bytes (void)")
    raise DtypeError(f"{name}: {found} (dtype {clip(str(dtype), 60)}): expected real numbers")
