"""Keras' activation functions by name, with their arguments, and as configs.

>>> import numpy as np
>>> get("relu")(np.array([-1.0, 2.0]))
array([0., 2.])
>>> get("leaky_relu(negative_slope=0.1)")(np.array([-1.0, 2.0]))
array([-0.1,  2. ])

Source: keras/src/activations/__init__.py.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import ArrayLike

from dense_cli.activations.activations import (
    NAMES,
    Array,
    celu,
    elu,
    exponential,
    gelu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_swish,
    hard_tanh,
    leaky_relu,
    linear,
    log_sigmoid,
    log_softmax,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    swish,
    tanh,
    tanh_shrink,
    threshold,
)
from dense_cli.errors import ConfigError, nearest
from dense_cli.spec import check_number, parse_call, shown, shown_value, without_prefix

__all__ = [
    "Activation",
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "find",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]


@dataclass(frozen=True, repr=False)
class Activation:
    """An activation function with its arguments; called on an array, it returns one.

    ``name`` is Keras' name of the function, ``config`` has the arguments that are not the defaults, and the
    repr is the text that ``get`` makes it of.

    >>> activation = find("swish")
    >>> activation.name, activation.config
    ('silu', {})
    """

    name: str
    config: dict[str, Any]
    function: Callable[..., Array] = field(compare=False)

    def __call__(self, x: ArrayLike) -> Array:
        """Return the activation of ``x``, which has its dtype and, but for glu, its shape."""
        return self.function(x, **self.config)

    @property
    def __name__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.config.items())
        return f"{self.name}({arguments})" if self.config else self.name


def find(identifier: Any) -> Activation:
    """Return the activation that ``identifier`` stands for, with its name and arguments.

    Args:
        identifier: a name in Keras ("softmax", "swish"), a call with Keras' arguments, Keras' JSON config of
            a function, an Activation, a function of an array, or None for linear.

    Raises:
        ConfigError: an unknown name (the message has the near ones), or arguments that do not fit.

    >>> find("keras.activations.elu(alpha=0.5)")
    elu(alpha=0.5)
    >>> find("sofmax")
    Traceback (most recent call last):
    dense_cli.errors.ConfigError: unknown activation 'sofmax'; did you mean 'softmax' or 'log_softmax'?
    """
    if isinstance(identifier, Activation):
        return identifier
    if isinstance(identifier, dict) and identifier.get("class_name") == "function":
        identifier = identifier.get("config")
    if identifier is None:
        return Activation("linear", {}, linear)
    if isinstance(identifier, str) and identifier in NAMES:
        return _make(identifier, [], {})
    if isinstance(identifier, str):
        name, args, kwargs = parse_call(identifier)
        return _make(without_prefix(name, "activations"), args, kwargs)
    if callable(identifier):
        name = getattr(identifier, "__name__", type(identifier).__name__)
        return _make(name, [], {}) if NAMES.get(name) is identifier else Activation(name, {}, identifier)
    raise ConfigError(f"Could not interpret activation function identifier: {shown_value(identifier)}")


def _make(name: str, args: list[Any], kwargs: dict[str, Any]) -> Activation:
    """Return the activation called ``name`` with these arguments, which follow the array."""
    if name not in NAMES:
        raise ConfigError(f"unknown activation {shown(name)}; {nearest(name, sorted(NAMES))}")
    function = NAMES[name]
    parameters = list(inspect.signature(function).parameters.values())[1:]
    try:
        bound = inspect.Signature(parameters).bind(*args, **kwargs).arguments
    except TypeError as error:
        known = ", ".join(parameter.name for parameter in parameters) or "no arguments"
        raise ConfigError(f"{name}: {error}; it takes {known}") from None
    config = {}
    for parameter in parameters:
        value = bound.get(parameter.name, parameter.default)
        if value is parameter.default:
            continue
        check_number(parameter.name, value)
        if value != parameter.default:
            config[parameter.name] = value
    if config.get("axis", -1) != -1:
        raise ConfigError(f"{name}: `axis` must be -1, the last one, found {config['axis']}")
    return Activation(function.__name__, config, function)


def get(identifier: Any) -> Callable[..., Any]:
    """Return the function that ``identifier`` stands for, as Keras' ``activations.get`` does.

    Args:
        identifier: a name, a call with Keras' arguments (then an `Activation` is returned), the JSON config
            of a function or of a layer, a function, which is returned as it is, or None for linear.

    Raises:
        ConfigError: it stands for none.

    >>> get("relu") is relu, get(None) is linear
    (True, True)
    """
    function: Callable[..., Any]
    if callable(identifier):
        function = identifier
        return function
    if isinstance(identifier, dict) and identifier.get("class_name") != "function":
        function = deserialize(identifier)
        return function
    if isinstance(identifier, dict) and _custom(identifier.get("config")) is not None:
        return _custom(identifier["config"])  # type: ignore[no-any-return]
    activation = find(identifier)
    return activation if activation.config else activation.function


def _custom(name: Any) -> Any:
    """Return what user code has entered under ``name``."""
    from dense_cli.saving.custom_objects import get_custom_objects

    return get_custom_objects().get(name) if isinstance(name, str) else None


def serialize(activation: Callable[..., Any] | None) -> Any:
    """Return what stands for an activation in a config: the name, the call that makes it, or a JSON config.

    >>> serialize(get("swish")), serialize(get("elu(alpha=0.5)"))
    ('silu', 'elu(alpha=0.5)')
    """
    from dense_cli.saving.serialization import serialize_keras_object

    if activation is None:
        return None
    if isinstance(activation, Activation) or NAMES.get(getattr(activation, "__name__", "")) is activation:
        return repr(find(activation))
    return serialize_keras_object(activation)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the activation of what `serialize` gave.

    >>> deserialize("tanh") is tanh
    True
    """
    from dense_cli.saving.serialization import deserialize_keras_object

    if isinstance(config, str):
        return (custom_objects or {}).get(config) or get(config)
    return deserialize_keras_object(config, custom_objects=custom_objects)
