"""Objects as Keras' JSON, ``{"module": …, "class_name": …, "config": {…}}``, and back, running no code in it.

Source: keras/src/saving/serialization_lib.py.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import EllipsisType, FunctionType
from typing import Any

import numpy as np

from dense_cli.errors import ConfigError, DenseCliError, nearest
from dense_cli.layers import dtype_policy, tree
from dense_cli.layers.operation import Operation
from dense_cli.saving.custom_objects import get_custom_objects, get_registered_name
from dense_cli.spec import shown_value

_PLAIN = (str, int, float, bool, type(None))
DEEPEST = 200
"""Configs nested deeper than this are refused: no model is."""


def serialize_keras_object(obj: Any) -> Any:
    """Return Keras' JSON config of a layer, model, initializer or the like; plain values are themselves.

    Raises:
        ConfigError: ``obj`` has no config.

    >>> serialize_keras_object([1, slice(2)])
    [1, {'class_name': '__slice__', 'config': {'start': None, 'stop': 2, 'step': None}}]
    """
    for kind, config_of in _CONFIGS:
        if isinstance(obj, kind):
            return config_of(obj)
    if not hasattr(obj, "get_config"):
        raise ConfigError(f"cannot write {shown_value(obj)} as a config: it has no get_config")
    return _of_object(obj)


def _of_sequence(values: list[Any] | tuple[Any, ...]) -> Any:
    return type(values)(map(serialize_keras_object, values))


def _of_dict(values: dict[Any, Any]) -> dict[Any, Any]:
    return {key: serialize_keras_object(value) for key, value in values.items()}


def _of_array(array: np.ndarray[Any, Any]) -> dict[str, Any]:
    return {"class_name": "__numpy__", "config": {"value": array.tolist(), "dtype": array.dtype.name}}


def _of_slice(value: slice) -> dict[str, Any]:
    return {
        "class_name": "__slice__",
        "config": {"start": value.start, "stop": value.stop, "step": value.step},
    }


def _of_function(function: FunctionType) -> dict[str, Any]:
    return {
        "module": "builtins",
        "class_name": "function",
        "config": function.__name__,
        "registered_name": get_registered_name(function),
    }


_CONFIGS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (_PLAIN, lambda value: value),
    (np.generic, lambda number: number.item()),
    (np.ndarray, _of_array),
    ((list, tuple), _of_sequence),
    (EllipsisType, lambda _: {"class_name": "__ellipsis__", "config": {}}),
    (dict, _of_dict),
    (slice, _of_slice),
    (dtype_policy.DTypePolicy, dtype_policy.serialize),
    (FunctionType, _of_function),
)
"""Types, and what makes a config of a value of theirs."""


def _of_object(obj: Any) -> dict[str, Any]:
    cls = type(obj)
    module = _keras_module(cls)
    name = get_registered_name(cls) if module is None else None
    if module is not None and module.startswith("keras.src."):
        name = cls.__name__
    config = {
        "module": module or cls.__module__,
        "class_name": cls.__name__,
        "config": _plain_shapes(obj.get_config()),
        "registered_name": name,
    }
    build = obj.get_build_config() if hasattr(obj, "get_build_config") else None
    if build is not None:
        config["build_config"] = build
    return config


def _plain_shapes(config: dict[str, Any]) -> dict[str, Any]:
    """Return a config whose values are ready for JSON; tuples stay, as Keras leaves them in configs."""
    return {
        key: value if _is_plain(value) else serialize_keras_object(value) for key, value in config.items()
    }


def _is_plain(value: Any) -> bool:
    return all(isinstance(x, _PLAIN) for x in tree.flatten(value))


def _keras_module(cls: type) -> str | None:
    """Return where Keras has the class of this name, None where it is none of Keras' here."""
    operation: str | None = getattr(cls, "keras_module", None)
    if operation is not None:
        return operation
    for module, names in _homes().items():
        if cls.__module__.startswith(names.get(cls.__name__, "nowhere")):
            return module
    return None


@functools.cache
def _homes() -> dict[str, dict[str, str]]:
    """Keras' module -> names of classes there -> the module here that has them."""
    from dense_cli import constraints, initializers, regularizers
    from dense_cli.layers import PATHS

    return {
        "keras.layers": PATHS,
        "keras": {
            "DTypePolicy": "dense_cli.layers.dtype_policy",
            "Model": "dense_cli.models.model",
            "Sequential": "dense_cli.models.sequential",
        },
        "keras.src.models.functional": {"Functional": "dense_cli.models.functional"},
        "keras.initializers": dict.fromkeys(initializers.NAMES, "dense_cli.initializers"),
        "keras.regularizers": dict.fromkeys(regularizers.NAMES, "dense_cli.regularizers"),
        "keras.constraints": dict.fromkeys(constraints.NAMES, "dense_cli.constraints"),
        "keras.random": {"SeedGenerator": "dense_cli.random.seed_generator"},
    }


def find_class(name: str, module: str | None = None, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the class that a config names.

    Raises:
        ConfigError: there is none of that name; the message has the near ones.
    """
    own = _own_object(name, custom_objects)
    if own is not None:
        return own
    if str(module).startswith("keras.src.ops."):
        operation = find_operation(name)
        if operation is not None:
            return operation
    homes = _homes()
    for home in sorted(homes, key=lambda home: home != module):
        if name in homes[home]:
            return getattr(import_module(homes[home][name]), name)
    if module is None:  # Keras' .h5 files name no modules
        operation = find_operation(name)
        if operation is not None:
            return operation
    near = nearest(str(name), sorted(set().union(*homes.values())))
    question = f"; {near}" if near.startswith("did you") else ""  # all of Keras' names would say nothing
    raise ConfigError(f"unknown class {shown_value(name)}{question}")


def _own_object(name: Any, custom_objects: dict[str, Any] | None) -> Any:
    """Return the user's class or function of a name, which may stand behind its package's; or None."""
    known = get_custom_objects() | (custom_objects or {})
    return next((value for key, value in known.items() if name in (key, key.split(">")[-1])), None)


def find_operation(name: str) -> Any:
    """Return the class of an operation in a graph, or None."""
    from dense_cli.ops import find

    return find(name)


def deserialize_keras_object(
    config: Any, custom_objects: dict[str, Any] | None = None, safe_mode: bool = True, **kwargs: Any
) -> Any:
    """Return the object of Keras' JSON config.

    Args:
        config: what `serialize_keras_object` gave; configs of Keras 2 are read too.
        custom_objects: name -> class or function, for what is not Keras'.
        safe_mode: Keras'; no code is run either way.

    Raises:
        ConfigError: an unknown class, arguments that do not fit, or a config nested too deep.

    >>> deserialize_keras_object(serialize_keras_object([1, slice(2)]))
    [1, slice(None, 2, None)]
    """
    return _Deserializer(custom_objects).object(config, 0)


class _Loading(threading.local):
    unknown_layers = False
    keras2 = False
    depth = 0


_loading = _Loading()


@contextmanager
def of_saved_model(keras2: bool) -> Iterator[None]:
    """Let configs of layers that cannot be made become an `UnknownLayer` inside, and be read as their Keras
    does."""
    before = _loading.unknown_layers, _loading.keras2
    _loading.unknown_layers, _loading.keras2 = True, keras2
    try:
        yield
    finally:
        _loading.unknown_layers, _loading.keras2 = before


class _Deserializer:
    def __init__(self, custom_objects: dict[str, Any] | None) -> None:
        self.custom_objects = custom_objects

    def object(self, config: Any, depth: int) -> Any:
        if depth > DEEPEST:
            raise ConfigError(f"a config is nested deeper than {DEEPEST} levels")
        if isinstance(config, _PLAIN):
            return config
        if isinstance(config, (list, tuple)):
            return type(config)(self.object(x, depth + 1) for x in config)
        if not isinstance(config, dict):
            return config  # an object already
        name = config.get("class_name")
        if not isinstance(name, str) or not ("config" in config or "items" in config):
            return {key: self.object(value, depth + 1) for key, value in config.items()}
        if name in _SPECIAL:
            return self.special(name, config, depth)
        return self.instance(name, config)

    def special(self, name: str, config: dict[str, Any], depth: int) -> Any:
        if name == "__tuple__":
            return tuple(self.object(x, depth + 1) for x in config.get("items", config.get("config", [])))
        inner = config["config"]
        if name == "function":
            return self.function(inner if isinstance(inner, str) else config.get("registered_name"))
        if name == "__ellipsis__":
            return Ellipsis
        if name == "__slice__":
            return slice(inner.get("start"), inner.get("stop"), inner.get("step"))
        if name == "__lambda__" or not isinstance(inner, dict):
            raise ConfigError("a config holds the code of a function, which is not run")
        return array_of(inner)

    def function(self, name: Any) -> Any:
        from dense_cli import activations

        own = _own_object(name, self.custom_objects)
        return activations.get(name) if own is None else own

    def instance(self, name: str, config: dict[str, Any]) -> Any:
        """Return the object of a class; what is unknown may become an `UnknownLayer`."""
        arguments = config["config"]
        if not isinstance(arguments, dict):
            raise ConfigError(f"{name}: `config` must be a dictionary, found {shown_value(arguments)}")
        if _loading.depth >= DEEPEST:
            raise ConfigError(f"a config is nested deeper than {DEEPEST} levels")
        _loading.depth += 1
        try:
            return self.made(name, config, arguments)
        except (DenseCliError, NotImplementedError) as error:
            layer = arguments.get("name", config.get("name"))
            if not _loading.unknown_layers or not isinstance(layer, str) or name in _MODELS:
                raise
            from dense_cli.layers.unknown import UnknownLayer

            reason = "it holds Python code, which is not run" if name == "Lambda" else str(error)
            return UnknownLayer(name, arguments, reason, layer)
        finally:
            _loading.depth -= 1

    def made(self, name: str, config: dict[str, Any], arguments: dict[str, Any]) -> Any:
        registered = config.get("registered_name")
        known = registered if registered in (self.custom_objects or {}) else name
        cls = find_class(known, config.get("module"), self.custom_objects)
        is_keras = inspect.isclass(cls) and cls.__module__.startswith("dense_cli.")
        if is_keras and issubclass(cls, Operation):
            arguments = of_keras2(name, arguments)
        if "custom_objects" in inspect.signature(cls.from_config).parameters:
            obj = cls.from_config(arguments, custom_objects=self.custom_objects)
        else:
            obj = cls.from_config(arguments)
        build = config.get("build_config")
        if build and isinstance(obj, Operation):
            if _loading.unknown_layers:
                obj._saved_build = build  # the model's graph builds it, where it can
            elif not getattr(obj, "built", True):
                obj.build_from_config(build)  # type: ignore[attr-defined]
        return obj


_MODELS = {"Functional", "Model", "Sequential"}

LEGACY_ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "time_major": (False,),
    "input_length": (),
    "implementation": (),
    "virtual_batch_size": (None,),
    "fused": (),
    "adjustment": (None,),
    "experimental_autocast": (),
    "batch_size": (None,),
    "ragged": (False, None),
    "noise_shape": (None,),
    "query_shape": (),
    "key_shape": (),
    "value_shape": (),
    "softmax_robust_masking": (False, None),
}
"""Arguments of Keras 2's layers that Keras 3 has no longer -> the values that say nothing; () is any."""


def of_keras2(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return a layer's arguments without those that Keras 3 has no longer.

    Raises:
        ConfigError: one of them has a value that changes what the layer does.
    """
    if name in ("InputLayer", "Dropout", *_MODELS):
        return arguments
    kept = _without_legacy(name, arguments)
    for key in ("activation", "recurrent_activation"):
        if _loading.keras2 and kept.get(key) == "hard_sigmoid":
            kept[key] = "hard_sigmoid(slope=0.2)"
    if name == "BatchNormalization" and isinstance(kept.get("axis"), list) and len(kept["axis"]) == 1:
        kept["axis"] = kept["axis"][0]
    if name.startswith("SpatialDropout"):
        kept.pop("trainable", None)
    return kept


def _without_legacy(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    for key, without_effect in LEGACY_ARGUMENTS.items():
        if key in arguments and without_effect and arguments[key] not in without_effect:
            raise ConfigError(f"{name}: {key}={arguments[key]!r} is not supported")
    return {key: value for key, value in arguments.items() if key not in LEGACY_ARGUMENTS}


_SPECIAL = {"__ellipsis__", "__tuple__", "__numpy__", "__tensor__", "__slice__", "__lambda__", "function"}


def array_of(config: dict[str, Any]) -> np.ndarray[Any, Any]:
    """Return the array of Keras' ``{"value": …, "dtype": …}``.

    Raises:
        ConfigError: it is none.
    """
    try:
        dtype = dtype_policy.array_dtype(dtype_policy.standardize_dtype(config.get("dtype")))
        return np.asarray(config["value"], dtype)
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"a config holds an array that cannot be read: {error}") from None
