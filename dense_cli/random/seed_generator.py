"""Keras' seeds: SeedGenerator, and set_random_seed as far as it reaches initializers.

Source: keras/src/random/seed_generator.py and keras/src/utils/rng_utils.py.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from dense_cli.errors import ConfigError, SeedError


def make_default_seed() -> int:
    """Return the seed of an initializer that is given none: Python's ``random.randint(1, 10**9)``."""
    return random.randint(1, 10**9)  # noqa: S311 - Keras draws it so, and it is no secret


def set_random_seed(seed: int) -> None:
    """Seed Python's and NumPy's random numbers, like ``keras.utils.set_random_seed``.

    An initializer without a seed draws one from Python's when it is made. So a layer that is made right
    after this call has the kernel, and after it the bias, that Keras gives it.

    Args:
        seed: an integer from 0 to 4294967295.

    Raises:
        ConfigError: ``seed`` is not an integer.
        SeedError: ``seed`` is out of range.

    >>> set_random_seed(7)
    >>> first = make_default_seed()
    >>> set_random_seed(7)
    >>> make_default_seed() == first
    True
    """
    if not isinstance(seed, int):
        raise ConfigError(f"seed must be an integer, found {seed!r}")
    if not 0 <= seed < 1 << 32:
        raise SeedError(f"seed must be from 0 to 4294967295, found {seed}")
    random.seed(seed)
    np.random.seed(seed)


class SeedGenerator:
    """A seed that gives other numbers at every draw, like ``keras.random.SeedGenerator``.

    An initializer with an integer seed returns the same numbers whenever it is called; one with a
    SeedGenerator returns new ones.

    Args:
        seed: an integer, or None for a random one.
        name: a label that Keras keeps in the config; it has no effect.

    Raises:
        ConfigError: ``seed`` is not an integer.

    >>> seeds = SeedGenerator(42)
    >>> seeds.next(), seeds.next()
    ((42, 0), (42, 1))
    """

    def __init__(self, seed: int | None = None, name: str = "seed_generator") -> None:
        if seed is not None and not isinstance(seed, int):
            raise ConfigError(f"Argument `seed` must be an integer. Received: seed={seed!r}")
        self._initial_seed = seed
        self.name = name
        self.state = [make_default_seed() if seed is None else int(seed), 0]

    def next(self) -> tuple[int, int]:
        """Return the pair (seed, counter) and count one up."""
        seed, counter = self.state
        self.state[1] += 1
        return seed, counter

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make it anew."""
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """Return a SeedGenerator made of these arguments."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"SeedGenerator(seed={self._initial_seed})"
