"""The GNU C library's float32 logarithm, sine and cosine, which TensorFlow calls on Linux.

They are polynomials evaluated in float64 and rounded once at the end, so that NumPy's float64 arithmetic
gives the same bits. (Correctly rounded functions would differ from them in about one value of 70.)

Sources: glibc sysdeps/ieee754/flt-32/e_logf.c, e_logf_data.c, s_sincosf.h and s_sincosf_data.c, which come
from ARM's optimized-routines (MIT licence).
"""

from __future__ import annotations

import numpy as np

from dense_cli.random.arithmetic import Float32, Float64

_hex = float.fromhex

# e_logf_data.c: 1/c and log(c) for a c near the middle of each sixteenth of the mantissa's range
LOG_OFFSET = np.uint32(0x3F330000)
LOG_TABLE = [
    ("0x1.661ec79f8f3bep+0", "-0x1.57bf7808caadep-2"),
    ("0x1.571ed4aaf883dp+0", "-0x1.2bef0a7c06ddbp-2"),
    ("0x1.49539f0f010bp+0", "-0x1.01eae7f513a67p-2"),
    ("0x1.3c995b0b80385p+0", "-0x1.b31d8a68224e9p-3"),
    ("0x1.30d190c8864a5p+0", "-0x1.6574f0ac07758p-3"),
    ("0x1.25e227b0b8eap+0", "-0x1.1aa2bc79c81p-3"),
    ("0x1.1bb4a4a1a343fp+0", "-0x1.a4e76ce8c0e5ep-4"),
    ("0x1.12358f08ae5bap+0", "-0x1.1973c5a611cccp-4"),
    ("0x1.0953f419900a7p+0", "-0x1.252f438e10c1ep-5"),
    ("0x1p+0", "0x0p+0"),
    ("0x1.e608cfd9a47acp-1", "0x1.aa5aa5df25984p-5"),
    ("0x1.ca4b31f026aap-1", "0x1.c5e53aa362eb4p-4"),
    ("0x1.b2036576afce6p-1", "0x1.526e57720db08p-3"),
    ("0x1.9c2d163a1aa2dp-1", "0x1.bc2860d224770p-3"),
    ("0x1.886e6037841edp-1", "0x1.1058bc8a07ee1p-2"),
    ("0x1.767dcf5534862p-1", "0x1.4043057b6ee09p-2"),
]
LOG_INVERSES = np.array([_hex(inverse) for inverse, _ in LOG_TABLE])
LOG_LOGS = np.array([_hex(log) for _, log in LOG_TABLE])
LOG_A0, LOG_A1, LOG_A2 = map(_hex, ("-0x1.00ea348b88334p-2", "0x1.5575b0be00b6ap-2", "-0x1.ffffef20a4123p-2"))
LN2 = _hex("0x1.62e42fefa39efp-1")

# s_sincosf_data.c
TWO_OVER_PI_24 = _hex("0x1.45F306DC9C883p+23")  # 2/pi * 2**24
HALF_PI = _hex("0x1.921FB54442D18p0")
SIN0, SIN1, SIN2 = map(_hex, ("-0x1.555545995a603p-3", "0x1.1107605230bc4p-7", "-0x1.994eb3774cf24p-13"))
COS1, COS2, COS3, COS4 = map(
    _hex,
    ("-0x1.ffffffd0c621cp-2", "0x1.55553e1068f19p-5", "-0x1.6c087e89a359dp-10", "0x1.99343027bf8c3p-16"),
)
QUARTER_PI = np.float32(_hex("0x1.921FB6p-1"))
TINY = np.float32(2.0**-12)


def logf(x: Float32) -> Float32:
    """Return the natural logarithm of normal positive numbers."""
    bits = x.view(np.uint32)
    offset = bits - LOG_OFFSET
    index = (offset >> np.uint32(19)) & np.uint32(15)
    exponent = offset.view(np.int32) >> 23
    mantissa = (bits - (offset & np.uint32(0xFF800000))).view(np.float32)
    r: Float64 = mantissa * LOG_INVERSES.take(index)
    r -= 1.0
    base = exponent * LN2
    base += LOG_LOGS.take(index)
    base += r
    y = LOG_A1 * r
    y += LOG_A2
    r *= r
    y += LOG_A0 * r
    y *= r
    y += base
    rounded: Float32 = y.astype(np.float32)
    return rounded


def _head(x: np.float32) -> np.uint32:
    """Return the sign, the exponent and the top three bits of the mantissa, by which glibc compares."""
    return np.uint32(x.view(np.uint32) >> np.uint32(20))


def sincosf(y: Float32) -> tuple[Float32, Float32]:
    """Return (sine, cosine) of angles from 0 to 120."""
    head = y.view(np.uint32) >> np.uint32(20)
    x = y.astype(np.float64)
    quadrant = ((x * TWO_OVER_PI_24).astype(np.int32) + np.int32(0x800000)) >> 24
    quadrant[head < _head(QUARTER_PI)] = 0
    x -= quadrant * HALF_PI
    turned = np.where((quadrant + 1) & 2, -x, x)
    x *= x
    sine = _sine(turned, x)
    cosine = _cosine(x)
    np.negative(cosine, out=cosine, where=(quadrant & 2).astype(bool))
    odd = (quadrant & 1).astype(bool)
    out = np.where(odd, cosine, sine).astype(np.float32), np.where(odd, sine, cosine).astype(np.float32)
    tiny = head < _head(TINY)
    np.copyto(out[0], y, where=tiny)
    np.copyto(out[1], np.float32(1), where=tiny)
    return out


def _sine(x: Float64, square: Float64) -> Float64:
    cube = square * x
    y = square * SIN2
    y += SIN1
    y *= cube * square
    cube *= SIN0
    cube += x
    y += cube
    return y


def _cosine(square: Float64) -> Float64:
    fourth = square * square
    y = square * COS4
    y += COS3
    y *= fourth * square
    fourth *= COS2
    base = square * COS1
    base += 1.0
    base += fourth
    y += base
    return y
