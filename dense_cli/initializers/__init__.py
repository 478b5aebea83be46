"""Keras' weight initializers, with the random numbers of the Keras backend that ``rng`` names.

An initializer is made with Keras' arguments and called with a shape:

>>> RandomUniform(minval=0.0, maxval=1.0, seed=0)((3,))
array([0.21101546, 0.70601   , 0.8000634 ], dtype=float32)

``get`` finds one by whatever Keras, or code that was written for it, calls it:

>>> get("glorot_uniform", seed=0)
GlorotUniform(seed=0)
>>> get("keras.initializers.RandomNormal(mean=0.0, stddev=0.05, seed=6000)", rng="jax")
RandomNormal(mean=0.0, stddev=0.05, seed=6000, rng='jax')

Sources: keras/src/initializers/ (initializer.py, constant_initializers.py, random_initializers.py).
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any, overload

import numpy as np

from dense_cli import random
from dense_cli.errors import ConfigError, nearest
from dense_cli.initializers.constant_initializers import ArrayInitializer as ArrayInitializer
from dense_cli.initializers.constant_initializers import Constant as Constant
from dense_cli.initializers.constant_initializers import Identity as Identity
from dense_cli.initializers.constant_initializers import Ones as Ones
from dense_cli.initializers.constant_initializers import Zeros as Zeros
from dense_cli.initializers.initializer import Initializer as Initializer
from dense_cli.initializers.initializer import InitializerLike as InitializerLike
from dense_cli.initializers.random_initializers import Orthogonal as Orthogonal
from dense_cli.initializers.random_initializers import RandomInitializer as RandomInitializer
from dense_cli.initializers.random_initializers import RandomNormal as RandomNormal
from dense_cli.initializers.random_initializers import RandomUniform as RandomUniform
from dense_cli.initializers.random_initializers import SeedLike as SeedLike
from dense_cli.initializers.random_initializers import TruncatedNormal as TruncatedNormal
from dense_cli.initializers.variance_scaling import DISTRIBUTIONS as DISTRIBUTIONS
from dense_cli.initializers.variance_scaling import MODES as MODES
from dense_cli.initializers.variance_scaling import GlorotNormal as GlorotNormal
from dense_cli.initializers.variance_scaling import GlorotUniform as GlorotUniform
from dense_cli.initializers.variance_scaling import HeNormal as HeNormal
from dense_cli.initializers.variance_scaling import HeUniform as HeUniform
from dense_cli.initializers.variance_scaling import LecunNormal as LecunNormal
from dense_cli.initializers.variance_scaling import LecunUniform as LecunUniform
from dense_cli.initializers.variance_scaling import VarianceScaling as VarianceScaling
from dense_cli.initializers.variance_scaling import compute_fans as compute_fans
from dense_cli.spec import (
    backend_of,
    check_length,
    make,
    parse_call,
    shown,
    shown_value,
    without_prefix,
)

# Keras has every class under its name in snake case too, and a few under a third.
zeros = Zeros
ones = Ones
constant = Constant
identity = IdentityInitializer = Identity
random_normal = RandomNormal
random_uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
glorot_uniform = GlorotUniform
glorot_normal = GlorotNormal
he_uniform = HeUniform
he_normal = HeNormal
lecun_uniform = LecunUniform
lecun_normal = LecunNormal
orthogonal = OrthogonalInitializer = Orthogonal

NAMES: dict[str, type[Initializer]] = {
    name: value
    for name, value in globals().items()
    if inspect.isclass(value)
    and issubclass(value, Initializer)
    and value not in (ArrayInitializer, Initializer, RandomInitializer)
} | {"normal": RandomNormal, "uniform": RandomUniform, "one": Ones, "zero": Zeros}
"""Every name that Keras' ``initializers.get`` takes -> its class."""


@overload
def get(identifier: None, *, seed: SeedLike = ..., rng: str | None = ...) -> None: ...
@overload
def get(
    identifier: str | dict[str, Any] | type[Initializer], *, seed: SeedLike = ..., rng: str | None = ...
) -> Initializer: ...
@overload
def get(identifier: InitializerLike, *, seed: SeedLike = ..., rng: str | None = ...) -> InitializerLike: ...
def get(
    identifier: str | dict[str, Any] | type[Initializer] | InitializerLike | None,
    *,
    seed: SeedLike = None,
    rng: str | None = None,
) -> InitializerLike | None:
    """Return the initializer that ``identifier`` stands for.

    Args:
        identifier: a name ("GlorotUniform", "glorot_uniform"), a call pasted from Keras code, Keras' JSON
            config as text or as a dict, an initializer or another callable (returned as it is), a class,
            an array (the initializer gives a copy of it), or None (returned too).
        seed: the seed, where ``identifier`` has none of its own.
        rng: the backend of Keras whose random numbers are drawn, where ``identifier`` names none. None: the
            one that the path of a name tells (``tf.keras…``), else that of KERAS_BACKEND, else tensorflow.

    Raises:
        ConfigError: an unknown name (the message has the near ones), or arguments that do not fit.

    >>> get("initializers.HeNormal(5)", seed=0)
    HeNormal(seed=5)
    >>> get({"class_name": "RandomUniform", "config": {"minval": 0.0, "maxval": 1.0, "seed": None}}, seed=3)
    RandomUniform(minval=0.0, maxval=1.0, seed=3)
    >>> get('{"class_name": "Zeros", "config": {}}')
    Zeros()
    """
    random.check(rng)
    if isinstance(identifier, str):
        return _from_text(identifier, seed, rng)
    if isinstance(identifier, dict):
        if identifier.get("class_name") in NAMES or "config" not in identifier:
            return _from_config(identifier, seed, rng)
        return deserialize(identifier)  # type: ignore[no-any-return]
    if inspect.isclass(identifier) and issubclass(identifier, Initializer):
        return _make(identifier.__name__, [], {}, seed, rng)
    if isinstance(identifier, (np.ndarray, np.generic)):
        return ArrayInitializer(np.array(identifier))
    if identifier is None or (callable(identifier) and not inspect.isclass(identifier)):
        return identifier
    raise ConfigError(f"Could not interpret initializer identifier: {shown_value(identifier)}")


def _from_text(text: str, seed: SeedLike, rng: str | None) -> Initializer:
    """Return the initializer of a name, a call, or Keras' config as JSON."""
    if text.lstrip().startswith("{"):
        return _from_config(_read_json(text), seed, rng)
    name, args, kwargs = parse_call(text)
    return _make(without_prefix(name, "initializers"), args, kwargs, seed, rng or backend_of(name))


def _read_json(text: str) -> Any:
    check_length(text)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ConfigError(f"cannot read {shown(text)} as JSON") from None


def _from_config(config: Any, seed: SeedLike, rng: str | None) -> Initializer:
    """Return the initializer of Keras' {"class_name": …, "config": {…}}."""
    arguments = config.get("config", {})
    if not isinstance(config.get("class_name"), str) or not isinstance(arguments, dict):
        raise ConfigError(
            f'expected {{"class_name": "Zeros", "config": {{}}}} or the like, found {shown_value(config)}'
        )
    return _make(config["class_name"], [], arguments, seed, rng)


def _make(name: str, args: list[Any], kwargs: dict[str, Any], seed: SeedLike, rng: str | None) -> Initializer:
    """Return the initializer called ``name``, with ``seed`` and ``rng`` where its arguments have none."""
    if name not in NAMES:
        raise ConfigError(f"unknown initializer {shown(name)}; {nearest(name, sorted(NAMES))}")
    build: Callable[..., Initializer] = NAMES[name]
    if issubclass(NAMES[name], RandomInitializer):
        position = list(inspect.signature(build).parameters).index("seed")
        if len(args) > position:
            if args[position] is None:
                args = [*args[:position], seed, *args[position + 1 :]]
        elif kwargs.get("seed") is None:
            kwargs = kwargs | {"seed": seed}
        kwargs = {"rng": rng} | kwargs
    return make(name, build, args, kwargs)


def serialize(initializer: InitializerLike | None) -> Any:
    """Return Keras' JSON config of an initializer.

    >>> serialize(Zeros())
    {'module': 'keras.initializers', 'class_name': 'Zeros', 'config': {}, 'registered_name': None}
    """
    from dense_cli.saving.serialization import serialize_keras_object

    if isinstance(initializer, ArrayInitializer):
        return serialize_keras_object(Constant(initializer.value))
    return serialize_keras_object(initializer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the initializer of what `serialize` gave.

    >>> deserialize({"class_name": "Ones", "config": {}})
    Ones()
    """
    if isinstance(config, dict) and config.get("class_name") in NAMES:
        return get(config)
    from dense_cli.saving.serialization import deserialize_keras_object

    return deserialize_keras_object(config, custom_objects=custom_objects)
