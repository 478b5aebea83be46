"""The numbers of Keras on its PyTorch backend (CPU).

Keras adds the counter to the seed, keeps 32 bits and seeds PyTorch's MT19937 with them, the same generator
and seeding as NumPy's RandomState. A uniform float32 takes 24 bits of one word, a float64 53 bits of two.

Normal numbers come from the Box-Muller transform in one of two ways. Fewer than 16 are made one pair after
the other in double precision. From 16 on, the array is first filled with uniform numbers and then worked
over in rows of 16: the first eight of a row give the radii, the last eight the angles, and cosines replace
the first eight, sines the last. If the length is not a multiple of 16, sixteen new uniform numbers replace
the last sixteen of the array, and that row is made anew. For float32 this runs in AVX2 code with the Cephes
library's log, sin and cos, compiled to fused multiply-adds. (On a CPU without AVX2 real PyTorch uses the C
library's functions, and its numbers differ slightly.)

A truncated normal draws four normal numbers for each element and keeps the first that lies within two
standard deviations; where all four lie outside it keeps the first, so that four elements in a million exceed
the limit. Nineteen of twenty times the first will do, so the other three are only computed where needed.

Sources: keras/src/backend/torch/random.py; aten/src/ATen/core/MT19937RNGEngine.h, DistributionsHelper.h and
TransformationHelper.h; aten/src/ATen/native/cpu/DistributionTemplates.h and avx_mathfun.h (after Cephes).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError
from dense_cli.random import Seed
from dense_cli.random.arithmetic import Float32, Float64, by_math, fma, fma64, horner, split_mantissa
from dense_cli.random.filling import fill

BLOCK = 1 << 10
"""Rows of 16 numbers computed at a time: what fits the second-level cache."""

UInt32 = NDArray[np.uint32]

ROW = 16
"""Numbers that the vector code makes at a time; a shorter array is made in double precision."""
CANDIDATES = 4
"""Normal numbers drawn for each element of a truncated normal."""
TRUNCATION = 2
"""A truncated normal ends this many standard deviations from its mean."""


def _single(value: float) -> float:
    return float(np.float32(value))


# log256_ps of avx_mathfun.h: a polynomial, highest power first, and log(2) in two parts
LOG = tuple(
    map(
        _single,
        (
            *(7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1),
            *(-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1),
        ),
    )
)
LOG2_LOW, LOG2_HIGH = np.float32(-2.12194440e-4), _single(0.693359375)

# sincos256_ps of avx_mathfun.h: pi/4 in three parts, and two polynomials in the square
FOUR_OVER_PI = np.float32(1.27323954473516)
MINUS_QUARTER_PI = tuple(map(_single, (-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8)))
COSINE = tuple(map(_single, (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)))
SINE = tuple(map(_single, (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)))
TWO_PI = np.float32(2 * math.pi)


class _Words:
    """The word stream of one seed."""

    def __init__(self, seed: Seed) -> None:
        self._state = np.random.RandomState(sum(seed) & 0xFFFFFFFF)

    def draw(self, count: int) -> UInt32:
        """Return the next ``count`` words."""
        return self._state.randint(0, 1 << 32, count, dtype=np.uint32)

    def unit(self, count: int) -> Float32:
        """Return the next ``count`` float32 in [0, 1), a word each."""
        return _unit(self.draw(count))

    def unit64(self, count: int) -> Float64:
        """Return the next ``count`` float64 in [0, 1), two words each, the upper one first."""
        return _unit64(self.draw(2 * count))


def _unit(words: UInt32) -> Float32:
    return (words & np.uint32((1 << 24) - 1)).astype(np.float32) * np.float32(2.0**-24)


def _unit64(words: UInt32) -> Float64:
    pairs = words.astype(np.uint64).reshape(-1, 2)
    bits = (pairs[:, 0] << np.uint64(32) | pairs[:, 1]) & np.uint64((1 << 53) - 1)
    return bits.astype(np.float64) * 2.0**-53


def _log(x: Float32) -> Float32:
    """Return log256_ps of normal positive numbers."""
    s, exponent = split_mantissa(x)
    wide = s.astype(np.float64)
    square = s * s
    y = horner(wide, LOG)
    y *= s
    y = fma(y, square, exponent * LOG2_LOW)
    y -= np.float32(0.5) * square
    y += s
    return fma(exponent, LOG2_HIGH, y)


def _sincos(x: Float32) -> tuple[Float32, Float32]:
    """Return sincos256_ps, (sine, cosine), of numbers that are not negative."""
    octant = ((x * FOUR_OVER_PI).astype(np.int32) + 1) & ~1
    steps = octant.astype(np.float64)
    for part in MINUS_QUARTER_PI:
        x = fma(steps, part, x)
    wide = x.astype(np.float64)
    z = x * x
    wide_z = z.astype(np.float64)
    cosine = horner(wide_z, COSINE)
    cosine *= z
    cosine = fma(cosine, wide_z, fma(wide_z, -0.5, 0.0))
    cosine += np.float32(1)
    sine = horner(wide_z, SINE)
    sine *= z
    sine = fma(sine, wide, wide)
    swapped = (octant & 2).astype(bool)
    out = np.where(swapped, cosine, sine), np.where(swapped, sine, cosine)
    np.negative(out[0], out=out[0], where=(octant & 4).astype(bool))
    np.negative(out[1], out=out[1], where=((octant - 2) & 4) == 0)
    return out


def _polar(u1: Float32, u2: Float32) -> tuple[Float32, Float32]:
    """Return the Box-Muller pair (by cosine, by sine) of two uniform numbers, as the AVX2 code does."""
    radius = np.sqrt(np.float32(-2) * _log(np.float32(1) - u1))
    sine, cosine = _sincos(TWO_PI * u2)
    cosine *= radius
    sine *= radius
    return cosine, sine


def _rows(unit: Float32, mean: float, stddev: float) -> Float32:
    """Return the normal numbers of rows of 16 uniform ones, flat."""
    rows = unit.reshape(-1, 2, ROW // 2)
    pair = np.stack(_polar(rows[:, 0], rows[:, 1]), axis=1)
    return fma(pair, _single(stddev), _single(mean)).reshape(-1)


def _rows64(unit: Float64, mean: float, stddev: float) -> Float64:
    """Return the same in double precision."""
    rows = unit.reshape(-1, 2, ROW // 2)
    radius = np.sqrt(-2.0 * by_math(math.log, 1.0 - rows[:, 0]))
    angle = 2 * math.pi * rows[:, 1]
    pair = np.stack((radius * by_math(math.cos, angle), radius * by_math(math.sin, angle)), axis=1)
    return fma64(pair, stddev, mean).reshape(-1)


def _few(words: _Words, size: int, mean: float, stddev: float) -> Float64:
    """Return fewer than 16 normal numbers, made in double precision one pair after the other."""
    out: list[float] = []
    while len(out) < size:
        u1, u2 = words.unit64(2).tolist()
        radius = math.sqrt(-2.0 * math.log1p(-u2))
        angle = 2 * math.pi * u1
        out += [radius * math.cos(angle) * stddev + mean, radius * math.sin(angle) * stddev + mean]
    return np.array(out[:size], np.float64)


def normal(
    shape: tuple[int, ...], mean: float, stddev: float, seed: Seed, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Return draws of the normal distribution, as Keras on PyTorch makes them."""
    if stddev < 0:
        raise ConfigError(f"Keras on torch needs stddev >= 0, found {stddev}")
    words = _Words(seed)
    size = math.prod(shape)
    out = np.empty(size, dtype)
    if size < ROW:
        out[:] = _few(words, size, mean, stddev)
        return out.reshape(shape)

    def rows(count: int) -> UInt32:
        return words.draw(2 * count if dtype == np.float64 else count)

    def draw(row_words: UInt32) -> NDArray[Any]:
        if dtype == np.float64:
            return _rows64(_unit64(row_words), mean, stddev)
        return _rows(_unit(row_words), mean, stddev)

    whole = size - size % ROW
    step = ROW * BLOCK
    # Words come in order; what is made of them does not wait.
    fill(out[:whole], step, (rows(min(step, whole - start)) for start in range(0, whole, step)), draw)
    if whole < size:
        if dtype != np.float16:  # float16 draws a row at a time, and none for the unfinished one
            words.draw((size - whole) * (2 if dtype == np.float64 else 1))
        out[-ROW:] = draw(rows(ROW))
    return out.reshape(shape)


def uniform(
    shape: tuple[int, ...], minval: float, maxval: float, seed: Seed, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Return draws of the uniform distribution on [minval, maxval), as Keras on PyTorch makes them."""
    words = _Words(seed)
    size = math.prod(shape)
    out = np.empty(size, dtype)
    for start in range(0, size, ROW * BLOCK):
        part = out[start : start + ROW * BLOCK]
        if dtype == np.float64:
            part[:] = words.unit64(part.size) * (maxval - minval) + minval
            continue
        unit = words.unit(part.size)
        if dtype == np.float16:
            unit = unit.astype(np.float16).astype(np.float32)
            unit[unit == 1] = 0
        part[:] = unit * np.float32(maxval - minval)
        part += dtype.type(minval)
    return out.reshape(shape)


def truncated_normal(
    shape: tuple[int, ...], mean: float, stddev: float, seed: Seed, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Return normal draws, nearly all within two standard deviations, as Keras on PyTorch makes them."""
    size = math.prod(shape)
    if dtype == np.float32 and size * CANDIDATES >= ROW:
        out = _truncated_rows(size, seed)
    else:
        out = np.empty(size, dtype)
        candidates = normal((size, CANDIDATES), 0.0, 1.0, seed, dtype)
        for start in range(0, size, ROW * BLOCK):
            part = candidates[start : start + ROW * BLOCK]
            first = (np.abs(part) < TRUNCATION).argmax(axis=1)
            out[start : start + len(part)] = part[np.arange(len(part)), first]
    # PyTorch multiplies float16 by a float32 scalar, but adds a float16 one.
    wide = np.result_type(dtype, np.float32)
    np.multiply(out, wide.type(stddev), out=out, dtype=wide, casting="same_kind")
    out += dtype.type(mean)
    return out.reshape(shape)


def _truncated_rows(size: int, seed: Seed) -> Float32:
    """Return a standard truncated normal of four elements or more, computing few of the spare candidates.

    A row of 16 has the candidates of four elements. The first candidates of its elements are the cosine
    and the sine of its first and of its fifth pair of uniform numbers, the second ones of its second and
    sixth, and so on.
    """
    words = _Words(seed)
    out = np.empty(size, np.float32)
    whole = size - size % 4
    step = 8 * 4 * BLOCK  # a row has four elements only, and there is more to do besides
    parts = (words.draw(min(step, whole - start) * CANDIDATES) for start in range(0, whole, step))
    fill(out[:whole], step, parts, _first_within)
    if whole < size:
        words.draw((size - whole) * CANDIDATES)
        out[-4:] = _first_within(words.draw(ROW))
    return out


def _first_within(words: UInt32) -> Float32:
    """Return the truncated normal numbers of rows of 16 words, flat."""
    pairs = words.reshape(-1, 2, 2, CANDIDATES)
    out = np.empty((len(pairs), 4), np.float32)
    # The pair of each column of `out`: cosines of the two pairs come first, then their sines.
    out[:, 0:2], out[:, 2:4] = _polar(_unit(pairs[:, 0, :, 0]), _unit(pairs[:, 1, :, 0]))
    row, column = np.nonzero(np.abs(out) >= TRUNCATION)
    for candidate in range(1, CANDIDATES):
        half = column % 2
        cosine, sine = _polar(_unit(pairs[row, 0, half, candidate]), _unit(pairs[row, 1, half, candidate]))
        value = np.where(column < 2, cosine, sine)
        good = np.abs(value) < TRUNCATION
        out[row[good], column[good]] = value[good]
        row, column = row[~good], column[~good]
    return out.reshape(-1)
