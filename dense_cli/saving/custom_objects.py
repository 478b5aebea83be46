"""Classes and functions that configs may name beside Keras' own.

Source: keras/src/saving/object_registration.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_objects: dict[str, Any] = {}


def get_custom_objects() -> dict[str, Any]:
    """Return the table of name -> class or function; what is put in is found in configs."""
    return _objects


class CustomObjectScope:
    """Let configs name ``custom_objects`` inside of a ``with`` block.

    >>> with CustomObjectScope({"Mine": dict}):
    ...     sorted(get_custom_objects())
    ['Mine']
    >>> get_custom_objects()
    {}
    """

    def __init__(self, custom_objects: dict[str, Any] | None) -> None:
        self.custom_objects = custom_objects or {}
        self.before: dict[str, Any] = {}

    def __enter__(self) -> CustomObjectScope:
        self.before = dict(_objects)
        _objects.update(self.custom_objects)
        return self

    def __exit__(self, *error: object) -> None:
        _objects.clear()
        _objects.update(self.before)


custom_object_scope = CustomObjectScope


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Any], Any]:
    """Return a decorator that enters a class or function as ``package>name``.

    >>> @register_keras_serializable("mine")
    ... class Part: ...
    >>> get_registered_name(Part)
    'mine>Part'
    >>> del get_custom_objects()["mine>Part"]
    """

    def enter(obj: Any) -> Any:
        _objects[f"{package}>{name or obj.__name__}"] = obj
        return obj

    return enter


def get_registered_name(obj: Any) -> str:
    """Return the name that ``obj`` is entered under, else its own."""
    for key, value in _objects.items():
        if value is obj:
            return key
    return str(obj.__name__)
