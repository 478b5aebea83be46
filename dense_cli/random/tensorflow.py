"""The numbers of Keras on its TensorFlow backend (CPU).

Keras takes the pair (seed, counter) modulo 2**31 - 2 and passes it to TensorFlow's stateless random
operations. These encrypt the pair once with Philox-4x32-10 under a fixed key, and use the result as the key
and the starting counter of a second Philox-4x32-10. Each block of it gives four 32-bit words. A uniform
float32 is made of the lower 23 bits of a word, a float64 of two words. Normal numbers come in pairs, by the
Box-Muller transform: sin and cos of one uniform angle, times sqrt(-2 log u). A truncated normal drops the
numbers that are two or more standard deviations out; so that its length does not depend on luck, every group
of four numbers (two for float64) has 256 (128) blocks of the cipher to itself, of which it takes what it
needs. The log, sin and cos of float32 are the C library's; see glibc.py.

Sources: keras/src/backend/tensorflow/random.py; tensorflow/python/ops/stateless_random_ops.py;
tensorflow/core/kernels/stateless_random_ops.cc; tensorflow/core/kernels/random_op_cpu.h;
xla/tsl/lib/random/philox_random.h, random_distributions.h and random_distributions_utils.h;
J. Salmon and others, "Parallel random numbers: as easy as 1, 2, 3", 2011.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import SeedError
from dense_cli.random import Seed
from dense_cli.random.arithmetic import Float32, Float64, by_math, scaled
from dense_cli.random.filling import fill
from dense_cli.random.glibc import logf, sincosf

BLOCK = 1 << 13
"""Blocks of the cipher computed at a time, four words each: what fits the second-level cache."""

UInt64 = NDArray[np.uint64]
Key = tuple[int, int, int, int]
"""The two words of the cipher's key, then the two upper words of its counter."""

# Philox-4x32-10 (philox_random.h)
MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
WEYL = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
LOW_WORD = np.uint64(0xFFFFFFFF)
WORD = np.uint64(32)

# How a seed becomes a key (stateless_random_ops.cc)
SCRAMBLE_KEY = (0x3EC8F720, 0x02461E29)
SEED_MODULUS = (1 << 31) - 2

LEAST_UNIFORM = 1.0e-7
"""Box-Muller raises a smaller uniform number to this one, to have a logarithm."""
TRUNCATION = 2.0
"""A truncated normal ends this many standard deviations from its mean."""
RESERVED = 64
"""Blocks of the cipher that are set aside for each number of a truncated normal."""


def _philox(counter: tuple[UInt64, UInt64, UInt64, UInt64], key: tuple[int, int]) -> NDArray[np.uint32]:
    """Return the four words of every block, shape (4, blocks).

    The counter's words are held in 64 bits, so that their products need no splitting.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(ROUNDS):
        product0 = c0 * MULTIPLIERS[0]
        product1 = c2 * MULTIPLIERS[1]
        c1 ^= product1 >> WORD
        c1 ^= np.uint64(k0)
        c3 ^= product0 >> WORD
        c3 ^= np.uint64(k1)
        product1 &= LOW_WORD
        product0 &= LOW_WORD
        c0, c1, c2, c3 = c1, product1, c3, product0
        k0 = (k0 + WEYL[0]) % (1 << 32)
        k1 = (k1 + WEYL[1]) % (1 << 32)
    return np.stack((c0, c1, c2, c3), dtype=np.uint32, casting="unsafe")


def _key(seed: Seed) -> Key:
    """Return the key that TensorFlow makes of a seed."""
    if not -(1 << 63) <= seed[0] < 1 << 63:
        raise SeedError(f"Keras on tensorflow takes seeds of 64 bits with a sign, found {seed[0]}")
    low, high = (np.array([part % SEED_MODULUS], np.uint64) for part in seed)
    zero = np.zeros(1, np.uint64)
    m0, m1, m2, m3 = _philox((low, zero, high, zero.copy()), SCRAMBLE_KEY)[:, 0].tolist()
    return m0, m1, m2, m3


def _words(key: Key, block: UInt64) -> NDArray[np.uint32]:
    """Return the four words of each of the blocks with these numbers, shape (4, blocks)."""
    high = [np.full(block.shape, word, np.uint64) for word in key[2:]]
    return _philox((block & LOW_WORD, block >> WORD, high[0], high[1]), key[:2])


def _unit(words: NDArray[np.uint32]) -> Float32:
    """Return a float32 in [0, 1) of each word."""
    bits = words & np.uint32(0x007FFFFF)
    bits |= np.uint32(0x3F800000)
    return bits.view(np.float32) - np.float32(1)


def _unit64(high: NDArray[np.uint32], low: NDArray[np.uint32]) -> Float64:
    """Return a float64 in [0, 1) of each pair of words."""
    bits = (high & np.uint32(0x000FFFFF)).astype(np.uint64) << WORD
    bits |= low
    bits |= np.uint64(0x3FF << 52)
    return bits.view(np.float64) - 1.0


def _unit16(words: NDArray[np.uint32]) -> NDArray[np.float16]:
    """Return a float16 in [0, 1) of each word."""
    bits = words.astype(np.uint16) & np.uint16(0x03FF)
    return (bits | np.uint16(0x3C00)).view(np.float16) - np.float16(1)


def _box_muller(words: NDArray[np.uint32]) -> Float32:
    """Return the four float32 normal numbers of every block, shape (blocks, 4)."""
    unit = _unit(words)
    radius = np.maximum(unit[0::2], np.float32(LEAST_UNIFORM))
    radius = np.sqrt(np.float32(-2) * logf(radius))
    angle = np.multiply(unit[1::2], 2 * math.pi, dtype=np.float64)
    sine, cosine = sincosf(angle.astype(np.float32))
    out = np.empty((words.shape[1], 4), np.float32)
    np.multiply(sine, radius, out=out[:, 0::2].T)
    np.multiply(cosine, radius, out=out[:, 1::2].T)
    return out


def _box_muller64(words: NDArray[np.uint32]) -> Float64:
    """Return the two float64 normal numbers of every block, shape (blocks, 2)."""
    radius = np.maximum(_unit64(words[0], words[1]), LEAST_UNIFORM)
    radius = np.sqrt(-2.0 * by_math(math.log, radius))
    angle = 2 * math.pi * _unit64(words[2], words[3])
    return np.stack((by_math(math.sin, angle) * radius, by_math(math.cos, angle) * radius), axis=1)


def _standard(dtype: np.dtype[Any]) -> tuple[Callable[[NDArray[np.uint32]], NDArray[Any]], int]:
    """Return the Box-Muller transform for ``dtype``, and how many numbers it makes of a block."""
    return (_box_muller64, 2) if dtype == np.float64 else (_box_muller, 4)


def _fill(
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    per_block: int,
    draw: Callable[[UInt64], NDArray[Any]],
    blocks_at_once: int = 1,
) -> NDArray[Any]:
    """Return an array filled from ``draw(block numbers)``, which gives ``per_block`` numbers each."""
    out = np.empty(math.prod(shape), dtype)
    count, at_once = -(-out.size // per_block), blocks_at_once * BLOCK
    blocks = (np.arange(at, min(at + at_once, count), dtype=np.uint64) for at in range(0, count, at_once))
    fill(out, at_once * per_block, blocks, draw)
    return out.reshape(shape)


def normal(
    shape: tuple[int, ...], mean: float, stddev: float, seed: Seed, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Return draws of the normal distribution, as Keras on TensorFlow makes them."""
    key = _key(seed)
    scale, shift = dtype.type(stddev), dtype.type(mean)
    standard, per_block = _standard(dtype)

    def draw(blocks: UInt64) -> NDArray[Any]:
        return scaled(standard(_words(key, blocks)).astype(dtype, copy=False), scale, shift)

    return _fill(shape, dtype, per_block, draw)


def truncated_normal(
    shape: tuple[int, ...], mean: float, stddev: float, seed: Seed, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Return normal draws within two standard deviations, as Keras on TensorFlow makes them."""
    key = _key(seed)
    scale, shift = dtype.type(stddev), dtype.type(mean)
    standard, group = _standard(dtype)
    reserved = np.uint64(RESERVED * group)

    def draw(groups: UInt64) -> NDArray[Any]:
        block = groups * reserved
        parts = np.split(block, range(BLOCK, len(block), BLOCK))
        out = np.concatenate([standard(_words(key, part)) for part in parts])
        whole = np.ones(len(out), np.bool_)
        for column in out.T:
            whole &= np.abs(column) < TRUNCATION
        # A group with gaps takes the numbers that it keeps anew, in order, and then those of further blocks.
        open_ = np.flatnonzero(~whole)
        filled = np.zeros(len(open_), np.int64)
        fresh = out[open_]
        while open_.size:
            for value in fresh.T:
                takes = (np.abs(value) < TRUNCATION) & (filled < group)
                out[open_[takes], filled[takes]] = value[takes]
                filled += takes
            still = filled < group
            open_, filled = open_[still], filled[still]
            block[open_] += np.uint64(1)
            fresh = standard(_words(key, block[open_]))
        return scaled(out.astype(dtype, copy=False), scale, shift)

    # Few groups have gaps: those of many blocks are closed together.
    return _fill(shape, dtype, group, draw, blocks_at_once=4)


def uniform(
    shape: tuple[int, ...], minval: float, maxval: float, seed: Seed, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Return draws of the uniform distribution on [minval, maxval), as Keras on TensorFlow makes them.

    Keras rounds the limits to float32 before it casts them to ``dtype``, float64 too.
    """
    key = _key(seed)
    low, high = dtype.type(np.float32(minval)), dtype.type(np.float32(maxval))
    span = high - low

    def draw(blocks: UInt64) -> NDArray[Any]:
        words = _words(key, blocks)
        if dtype == np.float64:
            unit: NDArray[Any] = np.stack((_unit64(words[0], words[1]), _unit64(words[2], words[3])), axis=1)
        else:
            unit = (_unit16(words) if dtype == np.float16 else _unit(words)).T
        return scaled(unit, span, low)

    return _fill(shape, dtype, 2 if dtype == np.float64 else 4, draw)
