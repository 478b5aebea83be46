"""Saved models and configs: read, written, and turned into layers, without running any code in them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "CustomObjectScope": "custom_objects",
    "custom_object_scope": "custom_objects",
    "deserialize_keras_object": "serialization",
    "get_custom_objects": "custom_objects",
    "get_registered_name": "custom_objects",
    "load_model": "load",
    "load_weights": "load",
    "register_keras_serializable": "custom_objects",
    "save_model": "save",
    "save_weights": "save",
    "serialize_keras_object": "serialization",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'dense_cli.saving' has no attribute {name!r}")
    return getattr(import_module(f"dense_cli.saving.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
