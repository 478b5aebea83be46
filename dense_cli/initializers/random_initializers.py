"""Keras' initializers that draw random numbers.

Source: keras/src/initializers/random_initializers.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli import random
from dense_cli.errors import ConfigError, DtypeError, SeedError, ShapeError
from dense_cli.initializers.initializer import Initializer, Shape
from dense_cli.random.seed_generator import SeedGenerator, make_default_seed
from dense_cli.spec import check_number, make, shown_value

SeedLike = int | SeedGenerator | None


class RandomInitializer(Initializer):
    """What all random initializers have in common.

    Args:
        seed: an integer: the same numbers at every call. A SeedGenerator: new ones at every call. None: a
            seed is drawn now, with Python's ``random``; see ``set_random_seed``.
        rng: the backend of Keras whose random numbers these are: numpy, jax, tensorflow or torch. None: the
            one that the environment variable KERAS_BACKEND names, else tensorflow, as in Keras.

    Raises:
        ConfigError: ``seed`` is something else, or there is no such ``rng``.
    """

    def __init__(self, seed: SeedLike | dict[str, Any] = None, *, rng: str | None = None) -> None:
        self.rng = random.check(rng)
        if isinstance(seed, dict):
            seed = _seed_generator(seed)
        if seed is not None and not isinstance(seed, (int, SeedGenerator)):
            raise ConfigError(
                "`seed` argument should be an instance of `SeedGenerator()` or an integer. "
                f"Received: seed={shown_value(seed)}"
            )
        self._init_seed = seed
        self.seed = make_default_seed() if seed is None else seed

    def _draw(
        self, distribution: str, shape: Shape, a: float, b: float, dtype: np.dtype[Any]
    ) -> NDArray[Any]:
        """Return an array of the distribution with the parameters ``a`` and ``b``."""
        draw = getattr(random.load(self.rng), distribution)
        array: NDArray[Any] = draw(shape, float(a), float(b), self._next_seed(), dtype)
        return array

    def _next_seed(self) -> tuple[int, int]:
        if not isinstance(self.seed, SeedGenerator):
            return int(self.seed), 0
        seed, counter = self.seed.next()
        if self.rng == "torch" and not -(1 << 31) <= seed < 1 << 31:
            raise SeedError(f"Keras on torch has no SeedGenerator of a seed beyond 32 bits, found {seed}")
        return seed, counter

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make it anew, as Keras writes them in JSON."""
        seed = self._init_seed
        if isinstance(seed, SeedGenerator):
            return {"seed": {"class_name": "SeedGenerator", "config": seed.get_config()}}
        return {"seed": seed}

    def _arguments(self) -> dict[str, Any]:
        arguments = self.get_config() | {"seed": self._init_seed}
        return arguments if self.rng == random.default() else arguments | {"rng": self.rng}


def _seed_generator(config: dict[str, Any]) -> SeedGenerator:
    """Return the SeedGenerator that Keras wrote as JSON."""
    inner = config.get("config")
    if config.get("class_name") != "SeedGenerator" or not isinstance(inner, dict):
        raise ConfigError(f"`seed` should be an integer or a SeedGenerator, found {shown_value(config)}")
    return make("SeedGenerator", SeedGenerator, [], inner)


class RandomNormal(RandomInitializer):
    """Normal numbers.

    Args:
        mean: their mean.
        stddev: their standard deviation.
        seed, rng: as for every random initializer.

    >>> float(RandomNormal(stddev=1.0, seed=0)((1000,)).mean().round(1))
    0.0
    """

    def __init__(
        self, mean: float = 0.0, stddev: float = 0.05, seed: SeedLike = None, *, rng: str | None = None
    ) -> None:
        check_number("mean", mean)
        check_number("stddev", stddev)
        self.mean = mean
        self.stddev = stddev
        super().__init__(seed, rng=rng)

    def _array(self, shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
        return self._draw("normal", shape, self.mean, self.stddev, dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make it anew, as Keras writes them in JSON."""
        return {"mean": self.mean, "stddev": self.stddev, **super().get_config()}


class TruncatedNormal(RandomNormal):
    """Normal numbers, none further than two standard deviations from the mean.

    (On torch Keras lets about four of a million through.)

    Args:
        mean: the mean.
        stddev: the standard deviation before the cut.
        seed, rng: as for every random initializer.

    >>> bool(abs(TruncatedNormal(stddev=1.0, seed=0)((1000,))).max() <= 2)
    True
    """

    def _array(self, shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
        return self._draw("truncated_normal", shape, self.mean, self.stddev, dtype)


class RandomUniform(RandomInitializer):
    """Uniform numbers.

    Args:
        minval: the lower limit, which can occur.
        maxval: the upper limit, which does not.
        seed, rng: as for every random initializer.

    >>> RandomUniform(0.0, 1.0, seed=0)((3,))
    array([0.21101546, 0.70601   , 0.8000634 ], dtype=float32)
    """

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: SeedLike = None, *, rng: str | None = None
    ) -> None:
        check_number("minval", minval)
        check_number("maxval", maxval)
        self.minval = minval
        self.maxval = maxval
        super().__init__(seed, rng=rng)

    def _array(self, shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
        return self._draw("uniform", shape, self.minval, self.maxval, dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make it anew, as Keras writes them in JSON."""
        return {"minval": self.minval, "maxval": self.maxval, **super().get_config()}


class Orthogonal(RandomInitializer):
    """A matrix whose rows or columns, whichever are fewer, are orthogonal and of length ``gain``.

    It is Q of the QR factorization of a normal random matrix, each column turned so that R has a positive
    diagonal. A shape of more than two sizes is filled as the matrix of all but the last size by the last.

    Args:
        gain: multiplies the matrix.
        seed, rng: as for every random initializer.

    Source: Saxe and others, 2014, https://openreview.net/forum?id=_wzZwKpTDF_9C

    >>> q = Orthogonal(seed=0)((3, 2))
    >>> bool(abs(q.T @ q - np.eye(2)).max() < 1e-6)
    True
    """

    def __init__(self, gain: float = 1.0, seed: SeedLike = None, *, rng: str | None = None) -> None:
        check_number("gain", gain)
        self.gain = gain
        super().__init__(seed, rng=rng)

    def _array(self, shape: Shape, dtype: np.dtype[Any]) -> NDArray[Any]:
        if len(shape) < 2:
            raise ShapeError(
                "The tensor to initialize must be at least two-dimensional. "
                f"Received: shape={shape} of rank {len(shape)}."
            )
        if dtype == np.float16 and self.rng != "tensorflow":
            raise DtypeError(
                f"Orthogonal: Keras on {self.rng} has no QR factorization of float16", hint="use float32"
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        a = self._draw("normal", (max(rows, columns), min(rows, columns)), 0.0, 1.0, dtype)
        q, r = np.linalg.qr(a.astype(np.float32) if dtype == np.float16 else a)
        q *= np.sign(np.diag(r))
        q = q.astype(dtype, copy=False)
        array: NDArray[Any] = np.ascontiguousarray(q.T if rows < columns else q).reshape(shape)
        array *= dtype.type(self.gain)
        return array

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make it anew, as Keras writes them in JSON."""
        return {"gain": self.gain, **super().get_config()}
