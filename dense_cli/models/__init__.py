"""Keras' models on NumPy arrays, loaded when they are first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "Functional": "models.functional",
    "Model": "models.model",
    "Sequential": "models.sequential",
    "clone_model": "models.cloning",
    "load_model": "saving.load",
    "model_from_json": "models.cloning",
    "save_model": "saving.save",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'dense_cli.models' has no attribute {name!r}")
    return getattr(import_module(f"dense_cli.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
