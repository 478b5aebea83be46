"""Keras' utilities that code on layer outputs uses, loaded when they are first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "CustomObjectScope": "saving.custom_objects",
    "clear_session": "layers.names",
    "custom_object_scope": "saving.custom_objects",
    "deserialize_keras_object": "saving.serialization",
    "get_custom_objects": "saving.custom_objects",
    "get_registered_name": "saving.custom_objects",
    "normalize": "utils.numerical_utils",
    "pad_sequences": "utils.sequence_utils",
    "register_keras_serializable": "saving.custom_objects",
    "serialize_keras_object": "saving.serialization",
    "set_random_seed": "random.seed_generator",
    "to_categorical": "utils.numerical_utils",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'dense_cli.utils' has no attribute {name!r}")
    return getattr(import_module(f"dense_cli.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
