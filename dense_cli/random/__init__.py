"""Whose random numbers a seed means: those of Keras 3 on one of its four backends.

Keras hands the seed to the random number generator of the backend it runs on, so one seed means four
different kernels. Each file here rebuilds one of these generators with NumPy alone:

    numpy.py        PCG64 and the ziggurat, which NumPy has itself
    jax.py          Threefry-2x32, and XLA's own log and inverse error function
    tensorflow.py   Philox-4x32-10 and the Box-Muller transform with the C library's log, sin and cos
    torch.py        MT19937 and the Box-Muller transform with the log, sin and cos of its AVX2 code

All of them draw in blocks, so that the scratch memory stays small beside the array that is made, and no
number depends on the size of the block.

>>> load("numpy").uniform((3,), 0.0, 1.0, (0, 0), np.dtype("float32"))
array([0.6369617 , 0.26978672, 0.04097353], dtype=float32)
"""

from __future__ import annotations

import importlib
import os
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError, nearest
from dense_cli.random.seed_generator import SeedGenerator as SeedGenerator

BACKENDS = {
    "numpy": "dense_cli.random.numpy",
    "jax": "dense_cli.random.jax",
    "tensorflow": "dense_cli.random.tensorflow",
    "torch": "dense_cli.random.torch",
}
"""Name of a backend -> the module that has its numbers; a module is loaded when it is first used."""

Seed = tuple[int, int]
"""What Keras makes of a seed: ``(s, 0)`` of an int, ``(s, k)`` of the k-th draw of a SeedGenerator."""


class Backend(Protocol):
    """The three distributions that Keras' initializers draw from.

    Each returns an array of ``shape`` and ``dtype`` (float16, float32 or float64), the same for the same
    ``seed``. Raises SeedError for a seed that this backend of Keras refuses, DtypeError for a dtype that
    it does not have, ConfigError for an argument that it does not take.
    """

    def normal(
        self, shape: tuple[int, ...], mean: float, stddev: float, seed: Seed, dtype: np.dtype[Any]
    ) -> NDArray[Any]:
        """Return draws of the normal distribution."""

    def uniform(
        self, shape: tuple[int, ...], minval: float, maxval: float, seed: Seed, dtype: np.dtype[Any]
    ) -> NDArray[Any]:
        """Return draws of the uniform distribution on [minval, maxval)."""

    def truncated_normal(
        self, shape: tuple[int, ...], mean: float, stddev: float, seed: Seed, dtype: np.dtype[Any]
    ) -> NDArray[Any]:
        """Return draws of the normal distribution that lie within two ``stddev`` of ``mean``."""


def default(keras_backend: str | None = None) -> str:
    """Return the backend that is meant where none is named, as in Keras.

    That is the one that the environment variable KERAS_BACKEND names, else TensorFlow; so it is where
    KERAS_BACKEND names one that has no random numbers here, such as openvino.

    Args:
        keras_backend: what to take for the value of KERAS_BACKEND; None: the value itself.

    Source: keras/src/backend/config.py
    """
    name = os.environ.get("KERAS_BACKEND") if keras_backend is None else keras_backend
    return name if name in BACKENDS else "tensorflow"


def check(name: str | None) -> str:
    """Return ``name`` if it is a backend, for None the default.

    Raises:
        ConfigError: it is not; the message has the near names.
    """
    if name is None:
        return default()
    if not isinstance(name, str) or name not in BACKENDS:
        raise ConfigError(f"unknown rng {name!r}; {nearest(str(name), list(BACKENDS))}")
    return name


def load(name: str) -> Backend:
    """Return the backend called ``name``.

    Raises:
        ConfigError: there is none of that name; the message has the near names.
    """
    return cast(Backend, importlib.import_module(BACKENDS[check(name)]))
