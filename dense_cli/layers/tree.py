"""Nested lists, tuples and dictionaries of arrays and tensors: their leaves in order, and the same nest
again.

Dictionaries go in the order of their sorted keys, as in Keras.

>>> flatten({"b": [1, 2], "a": 3})
[3, 1, 2]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def is_nested(x: Any) -> bool:
    """Return whether ``x`` is a list, tuple or dictionary."""
    return isinstance(x, (list, tuple, dict))


def flatten(x: Any) -> list[Any]:
    """Return the leaves of ``x``; None is a leaf."""
    return list(_leaves(x))


def _leaves(x: Any) -> Iterator[Any]:
    if isinstance(x, dict):
        for key in sorted(x):
            yield from _leaves(x[key])
    elif isinstance(x, (list, tuple)):
        for element in x:
            yield from _leaves(element)
    else:
        yield x


def paths(x: Any, path: str = "") -> list[str]:
    """Return where each leaf of ``x`` stands.

    >>> paths({"b": [1, 2], "a": 3})
    ['a', 'b.0', 'b.1']
    """
    if not is_nested(x):
        return [path]
    keys = sorted(x) if isinstance(x, dict) else range(len(x))
    return [place for key in keys for place in paths(x[key], f"{path}.{key}" if path else str(key))]


def map_structure(function: Callable[[Any], Any], x: Any) -> Any:
    """Return the nest of ``function(leaf)`` for every leaf of ``x``."""
    if isinstance(x, dict):
        return {key: map_structure(function, value) for key, value in x.items()}
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*(map_structure(function, element) for element in x))
    if isinstance(x, (list, tuple)):
        return type(x)(map_structure(function, element) for element in x)
    return function(x)


def pack_as(structure: Any, leaves: list[Any]) -> Any:
    """Return ``leaves``, in the order of `flatten`, nested as ``structure`` is.

    >>> pack_as({"b": [0, 0], "a": 0}, [3, 1, 2])
    {'b': [1, 2], 'a': 3}
    """
    return _pack(structure, iter(leaves))


def _pack(structure: Any, leaves: Iterator[Any]) -> Any:
    if isinstance(structure, dict):
        packed = {key: _pack(structure[key], leaves) for key in sorted(structure)}
        return {key: packed[key] for key in structure}
    if isinstance(structure, (list, tuple)):
        elements = [_pack(element, leaves) for element in structure]
        if isinstance(structure, tuple) and hasattr(structure, "_fields"):
            return type(structure)(*elements)
        return type(structure)(elements)
    return next(leaves)


def is_shape(x: Any) -> bool:
    """Return whether ``x`` is one shape: a list or tuple of sizes, None where a size is not known."""
    return isinstance(x, (list, tuple)) and all(n is None or hasattr(n, "__index__") for n in x)


def map_shapes(function: Callable[[tuple[int | None, ...]], Any], x: Any) -> Any:
    """Return the nest of ``function(shape)`` for every shape in ``x``."""
    if is_shape(x):
        return function(tuple(x))
    if isinstance(x, dict):
        return {key: map_shapes(function, value) for key, value in x.items()}
    if isinstance(x, (list, tuple)):
        return type(x)(map_shapes(function, element) for element in x)
    return x
