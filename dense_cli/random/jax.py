"""The numbers of Keras on its JAX backend (CPU).

Keras passes the pair (seed, counter) to ``jax.random`` as the raw key of a Threefry-2x32 block cipher.
Element number i, counted in C order, takes one encrypted block: the counter is the 64-bit number i, and the
exclusive or of the two words that come out is its 32 random bits. (That is JAX's "partitionable" layout, the
default from JAX 0.5 on.) Of these bits the upper 23 make a float32 in [0, 1). A normal number is
sqrt(2) * erfinv(u) of a uniform u in (-1, 1); a truncated one takes u from the narrower interval that
reaches two standard deviations. erfinv is Giles' pair of polynomials in -log(1 - u*u), and the logarithm is
XLA's own, both compiled to fused multiply-adds where the CPU has them (every x86-64 CPU since 2013; on one
that has none real JAX itself gives slightly different numbers).

As there are only 2**23 different uniform numbers, a large array takes its normal numbers from a table.

Sources: keras/src/backend/jax/random.py; jax/_src/random/threefry2x32.py and core.py;
xla/hlo/builder/lib/math.cc (ErfInv32); XLA's CPU code generator (log, log1p); M. Giles, "Approximating the
erfinv function", GPU Computing Gems, 2010; J. Salmon and others, "Parallel random numbers: as easy as
1, 2, 3", 2011.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import DtypeError, SeedError
from dense_cli.random import Seed
from dense_cli.random.arithmetic import Float32, bits32, fma, horner, scaled, split_mantissa
from dense_cli.random.filling import fill

BLOCK = 1 << 14
"""Elements computed at a time: what fits the second-level cache."""

UInt32 = NDArray[np.uint32]

# Threefry-2x32, 20 rounds (threefry2x32.py)
ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
KEY_PARITY = 0x1BD11BDA

MANTISSAS = 1 << 23
"""How many different float32 numbers a draw from [0, 1) can give."""

# XLA's float32 log: three interleaved Horner chains of three coefficients, and log(2) in two parts.
LOG_A = tuple(map(bits32, (0x3D9021BB, 0xBDEBD1B8, 0x3DEF251A)))
LOG_B = tuple(map(bits32, (0xBDFE5D4F, 0x3E11E9BF, 0xBE2AAE50)))
LOG_C = tuple(map(bits32, (0x3E4CCEAC, 0xBE7FFFFC, 0x3EAAAAAA)))
LOG2_LOW, LOG2_HIGH = bits32(0xB95E8083), bits32(0x3F318000)

# XLA's float32 log1p: a quotient of polynomials below this size, else log(1 + v).
LOG1P_SMALL = np.float32(bits32(0x3ED413CD))
LOG1P_NUMERATOR = (
    float(np.float32(4.527e-05)),
    *map(bits32, (0x3EFF40C5, 0x40D284FA, 0x41EF4B9C, 0x4273CC76, 0x426473AD, 0x41A05101)),
)
LOG1P_DENOMINATOR = (
    1.0,
    *map(bits32, (0x417101AD, 0x42A6185B, 0x435DC32D, 0x439A8CA3, 0x43586D8A, 0x42707982)),
)

# Giles' single-precision erfinv, highest power first: for w < 5 and for w >= 5.
ERFINV_CENTRE = tuple(
    map(
        bits32,
        (
            *(0x32F16588, 0x34B84B36, 0xB66C7357, 0xB6935AC1, 0x396532DB),
            *(0xBAA45408, 0xBB88E4EF, 0x3E7C8F63, 0x3FC02E2F),
        ),
    )
)
ERFINV_TAIL = tuple(
    map(
        bits32,
        (
            *(0xB951F09B, 0x38D3B56B, 0x3AB0DC72, 0xBB70BDE7, 0x3BBC127B),
            *(0xBBF9C5D7, 0x3C1AA57E, 0x3F8036DB, 0x40354F7E),
        ),
    )
)
ERFINV_SPLIT = 5.0

SQRT2 = np.float32(math.sqrt(2))
TRUNCATION = 2.0
TRUNCATION_ERF = np.float32(bits32(0x3F745A18))  # XLA's float32 erf(2 / sqrt(2))


def _threefry(seed: Seed, start: int, stop: int) -> UInt32:
    """Return the 32 random bits of the elements from ``start`` to ``stop``."""
    index = np.arange(start, stop, dtype=np.uint64)
    x0 = (index >> np.uint64(32)).astype(np.uint32)
    x1 = index.astype(np.uint32)
    spare = np.empty_like(x0)
    keys = (seed[0], seed[1], seed[0] ^ seed[1] ^ KEY_PARITY)
    x0 += np.uint32(keys[0])
    x1 += np.uint32(keys[1])
    for i in range(5):
        for rotation in ROTATIONS[i % 2]:
            x0 += x1
            np.right_shift(x1, np.uint32(32 - rotation), out=spare)
            x1 <<= np.uint32(rotation)
            x1 |= spare
            x1 ^= x0
        x0 += np.uint32(keys[(i + 1) % 3])
        x1 += np.uint32((keys[(i + 2) % 3] + i + 1) % (1 << 32))
    x0 ^= x1
    return x0


def _unit(mantissa: UInt32) -> Float32:
    """Return the float32 in [0, 1) of 23 random bits."""
    return (mantissa | np.uint32(0x3F800000)).view(np.float32) - np.float32(1)


def _between(unit: Float32, low: np.float32, high: np.float32) -> Float32:
    """Return numbers of [0, 1) moved to [low, high), never below ``low``."""
    moved = fma(unit, float(high - low), float(low))
    return np.maximum(moved, low, out=moved)


def _log(x: Float32) -> Float32:
    """Return XLA's float32 logarithm of normal positive numbers."""
    s, exponent = split_mantissa(x)
    wide = s.astype(np.float64)
    square = s * s
    cube = (square * s).astype(np.float64)
    y = fma(horner(wide, LOG_A), cube, horner(wide, LOG_B))
    y = fma(y, cube, horner(wide, LOG_C))
    y = fma(y, cube, exponent * np.float32(LOG2_LOW))
    return fma(exponent, LOG2_HIGH, (s - square * np.float32(0.5)) + y)


def _log1p(v: Float32) -> Float32:
    """Return XLA's float32 log(1 + v) for v in (-1, 0]."""
    wide = v.astype(np.float64)
    quotient = horner(wide, LOG1P_NUMERATOR) / horner(wide, LOG1P_DENOMINATOR)
    square = v * v
    out = v + fma(square, -0.5, (v * square) * quotient)
    large = np.flatnonzero(np.abs(v) >= LOG1P_SMALL)
    out[large] = _log(v[large] + np.float32(1))
    return out


def _erfinv(u: Float32) -> Float32:
    """Return XLA's float32 inverse error function for u in (-1, 1)."""
    w = -_log1p(-u * u)
    out = horner((w - np.float32(2.5)).astype(np.float64), ERFINV_CENTRE)
    tail = np.flatnonzero(w >= ERFINV_SPLIT)
    out[tail] = horner((np.sqrt(w[tail]) - np.float32(3)).astype(np.float64), ERFINV_TAIL)
    out *= u
    return out


def _standard_normal(mantissa: UInt32) -> Float32:
    """Return the normal number of 23 random bits."""
    low = np.nextafter(np.float32(-1), np.float32(0))
    return SQRT2 * _erfinv(_between(_unit(mantissa), low, np.float32(1)))


def _standard_truncated(mantissa: UInt32) -> Float32:
    """Return the normal number within two standard deviations of 23 random bits."""
    z = SQRT2 * _erfinv(_between(_unit(mantissa), -TRUNCATION_ERF, TRUNCATION_ERF))
    limit = np.nextafter(np.float32(TRUNCATION), np.float32(0))
    return np.clip(z, -limit, limit, out=z)


def _table(standard: Callable[[UInt32], Float32]) -> Float32:
    """Return ``standard`` of every 23 bits there are."""
    table = np.empty(MANTISSAS, np.float32)
    fill(table, BLOCK, _parts(MANTISSAS), lambda p: standard(np.arange(p.start, p.stop, dtype=np.uint32)))
    return table


def _parts(size: int) -> Iterator[range]:
    """Give the numbers 0 to ``size`` a block at a time."""
    return (range(start, min(start + BLOCK, size)) for start in range(0, size, BLOCK))


def _fill(
    shape: tuple[int, ...], dtype: np.dtype[Any], seed: Seed, convert: Callable[[UInt32], NDArray[Any]]
) -> NDArray[Any]:
    """Return an array of ``convert(random bits)``."""
    if not 0 <= seed[0] < 1 << 32:
        raise SeedError(f"Keras on jax takes seeds from 0 to 4294967295, found {seed[0]}")
    out = np.empty(math.prod(shape), dtype)
    fill(out, BLOCK, _parts(out.size), lambda part: convert(_threefry(seed, part.start, part.stop)))
    return out.reshape(shape)


def _check_dtype(dtype: np.dtype[Any]) -> bool:
    """Return whether ``dtype`` is float16, the other one that there is being float32."""
    if dtype == np.float64:
        raise DtypeError("Keras on jax makes no float64 numbers", hint="use float32, or another rng")
    return bool(dtype == np.float16)


def _fill_normal(
    shape: tuple[int, ...],
    mean: float,
    stddev: float,
    seed: Seed,
    dtype: np.dtype[Any],
    standard: Callable[[UInt32], Float32],
    standard16: Callable[[NDArray[np.float16]], NDArray[np.float16]],
) -> NDArray[Any]:
    """Return normal numbers, scaled and moved in ``dtype``."""
    scale, shift = dtype.type(stddev), dtype.type(mean)
    if _check_dtype(dtype):

        def draw(bits: UInt32) -> NDArray[Any]:
            return scaled(standard16(_unit16(bits)), scale, shift)

    elif math.prod(shape) > MANTISSAS:
        table = scaled(_table(standard), scale, shift)

        def draw(bits: UInt32) -> NDArray[Any]:
            taken: NDArray[Any] = table.take(bits >> np.uint32(9))
            return taken

    else:

        def draw(bits: UInt32) -> NDArray[Any]:
            return scaled(standard(bits >> np.uint32(9)), scale, shift)

    return _fill(shape, dtype, seed, draw)


def normal(
    shape: tuple[int, ...], mean: float, stddev: float, seed: Seed, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Return draws of the normal distribution, as Keras on JAX makes them."""
    return _fill_normal(shape, mean, stddev, seed, dtype, _standard_normal, _standard_normal16)


def truncated_normal(
    shape: tuple[int, ...], mean: float, stddev: float, seed: Seed, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Return normal draws within two standard deviations, as Keras on JAX makes them."""
    return _fill_normal(shape, mean, stddev, seed, dtype, _standard_truncated, _standard_truncated16)


def uniform(
    shape: tuple[int, ...], minval: float, maxval: float, seed: Seed, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Return draws of the uniform distribution on [minval, maxval), as Keras on JAX makes them."""
    half = _check_dtype(dtype)
    low, high = dtype.type(minval), dtype.type(maxval)
    if half:
        return _fill(shape, dtype, seed, lambda bits: _between16(_unit16(bits), low, high))
    return _fill(shape, dtype, seed, lambda bits: _between(_unit(bits >> np.uint32(9)), low, high))


# float16 takes the lower half of an element's bits and rounds after every step; erfinv alone is float32.


def _unit16(bits: UInt32) -> NDArray[np.float16]:
    mantissa = bits.astype(np.uint16) >> np.uint16(6)
    unit: NDArray[np.float16] = (mantissa | np.uint16(0x3C00)).view(np.float16) - np.float16(1)
    return unit


def _between16(unit: NDArray[np.float16], low: np.float16, high: np.float16) -> NDArray[np.float16]:
    moved: NDArray[np.float16] = np.maximum(unit * (high - low) + low, low)
    return moved


def _scaled_erfinv16(u: NDArray[np.float16]) -> NDArray[np.float16]:
    return np.float16(SQRT2) * _erfinv(u.astype(np.float32)).astype(np.float16)


def _standard_normal16(unit: NDArray[np.float16]) -> NDArray[np.float16]:
    low = np.nextafter(np.float16(-1), np.float16(0))
    return _scaled_erfinv16(_between16(unit, low, np.float16(1)))


def _standard_truncated16(unit: NDArray[np.float16]) -> NDArray[np.float16]:
    edge = np.float16(TRUNCATION_ERF)
    limit = np.nextafter(np.float16(TRUNCATION), np.float16(0))
    return np.clip(_scaled_erfinv16(_between16(unit, -edge, edge)), -limit, limit)
