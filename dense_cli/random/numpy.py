"""The numbers of Keras on its NumPy backend.

Keras seeds ``numpy.random.default_rng`` with the pair (seed, counter) as unsigned 32-bit integers, which
makes a SeedSequence and a PCG64 of it, draws in float64 and casts at the end. A truncated normal is drawn
in batches: values further than two standard deviations from the mean are dropped until there are enough.
Since the batches follow one another in one stream, they may be of any length. NumPy promises no fixed
stream for ``default_rng``; it has been the same in every release from 1.17 on that was tried.

Sources: keras/src/backend/numpy/random.py; numpy/random/_generator.pyx.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError, SeedError
from dense_cli.random import Seed

BLOCK = 1 << 16
"""Values drawn at a time."""

TRUNCATION = 2
"""A truncated normal ends this many standard deviations from its mean."""


def _generator(seed: Seed) -> np.random.Generator:
    if not 0 <= seed[0] < 1 << 32:
        raise SeedError(f"Keras on numpy takes seeds from 0 to 4294967295, found {seed[0]}")
    return np.random.default_rng(np.array(seed, np.uint32))


def _fill(
    shape: tuple[int, ...], dtype: np.dtype[Any], draw: Callable[[int], NDArray[np.float64]]
) -> NDArray[Any]:
    """Return an array filled from ``draw(count)``, which may give fewer than it was asked for."""
    size = math.prod(shape)
    out = np.empty(size, dtype)
    done = 0
    while done < size:
        block = draw(min(BLOCK, size - done))
        out[done : done + block.size] = block
        done += block.size
    return out.reshape(shape)


def normal(
    shape: tuple[int, ...], mean: float, stddev: float, seed: Seed, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Return draws of the normal distribution, as Keras on NumPy makes them."""
    _check_stddev(stddev)
    rng = _generator(seed)
    return _fill(shape, dtype, lambda count: rng.normal(mean, stddev, count))


def uniform(
    shape: tuple[int, ...], minval: float, maxval: float, seed: Seed, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Return draws of the uniform distribution on [minval, maxval), as Keras on NumPy makes them."""
    if not 0 <= maxval - minval < math.inf:
        raise ConfigError(
            f"Keras on numpy needs minval <= maxval and a finite range, found {minval} and {maxval}"
        )
    rng = _generator(seed)
    return _fill(shape, dtype, lambda count: rng.uniform(minval, maxval, count))


def truncated_normal(
    shape: tuple[int, ...], mean: float, stddev: float, seed: Seed, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Return normal draws within two standard deviations, as Keras on NumPy makes them."""
    _check_stddev(stddev)
    rng = _generator(seed)
    low, high = mean - TRUNCATION * stddev, mean + TRUNCATION * stddev

    def draw(count: int) -> NDArray[np.float64]:
        batch = rng.normal(mean, stddev, count)
        return batch[(batch >= low) & (batch <= high)]

    return _fill(shape, dtype, draw)


def _check_stddev(stddev: float) -> None:
    if stddev < 0:
        raise ConfigError(f"Keras on numpy needs stddev >= 0, found {stddev}")
