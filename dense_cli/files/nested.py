"""Nested lists (parsed JSON) → arrays, with errors that say where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import DtypeError, ShapeError


def to_array(value: Any, name: str, *, nulls: bool = False, booleans: bool = True) -> NDArray[Any]:
    """Return a nested list of numbers as an array.

    With ``nulls``, null is NaN: densecli writes it so. Without ``booleans``, true and false are no numbers.

    Raises:
        ShapeError: a single number, an empty list, or rows that differ in length.
        DtypeError: something that is not a number.
    """
    if isinstance(value, (int, float)):
        raise ShapeError(f"{name}: expected a list of numbers, found a single number")
    try:
        # From floats alone this is NumPy's fastest way; anything else shows in the dtype.
        array = np.array(value)
    except ValueError:
        array = np.empty(0, object)
    if array.dtype == object and nulls:
        try:
            array = np.array(value, dtype=np.float64)
        except (TypeError, ValueError):
            array = np.empty(0, object)
    if array.dtype.kind not in "fiub":
        _explain(value, name, nulls, booleans)
        raise ShapeError(f"{name}: the lists are nested deeper than an array can be")
    if not booleans:
        _explain(value, name, nulls, booleans)  # NumPy makes 1 of a true among numbers
    if not array.size:
        if array.shape == (0,):
            raise ShapeError(f"{name}: no samples: the list is empty")
        raise ShapeError(f"{name}: expected features on the last axis, found none (shape {array.shape})")
    return array


def _explain(value: Any, name: str, nulls: bool, booleans: bool) -> None:
    """Raise the error that names the first thing in ``value`` that keeps it from being an array."""
    numbers = {int, float, *[bool] * booleans, *[type(None)] * nulls}
    widths: dict[int, tuple[int, list[int]]] = {}  # depth → length of its lists, and where the first is
    leaf: list[int] | None = None  # where the first number is
    for path, item in _depth_first(value):
        depth = len(path)
        if isinstance(item, list):
            if leaf is not None and depth >= len(leaf):
                raise ShapeError(f"{name}: expected a number as at {_at(leaf)}, found a list at {_at(path)}")
            width, first = widths.setdefault(depth, (len(item), [*path]))
            if len(item) != width:
                raise ShapeError(
                    f"{name}: ragged: {_at(path)} has length {len(item)}, "
                    f"{_at(first)} has length {width}: all rows must have the same length"
                )
        elif type(item) in numbers:
            leaf = leaf or [*path]
            if depth != len(leaf) or depth in widths:
                raise ShapeError(
                    f"{name}: ragged: found a number at {_at(path)}, "
                    f"expected a list as elsewhere at that depth"
                )
        else:
            raise _not_a_number(item, path, name)


def _depth_first(value: Any) -> Iterator[tuple[list[int], Any]]:
    """Give each list and each item of nested lists, a list before its items, with its indices.

    The indices are one list, which is changed on the way: whoever keeps them copies them.

    The stack of iterators is as large as the nesting is deep: a hostile one must not exhaust Python's own.
    """
    yield [], value
    path: list[int] = []
    stack = [enumerate(value)] if isinstance(value, list) else []
    while stack:
        index, item = next(stack[-1], (-1, None))
        del path[len(stack) - 1 :]
        if index < 0:
            stack.pop()
            continue
        path.append(index)
        yield path, item
        if isinstance(item, list):
            stack.append(enumerate(item))


def _not_a_number(item: Any, path: list[int], name: str) -> DtypeError:
    kinds = {str: "a string", dict: "an object", type(None): "null", bool: "true or false"}
    text = f" {item[:20]!r}" if isinstance(item, str) else ""
    found = f"found {kinds.get(type(item), 'something else')}{text}"
    if not path:
        return DtypeError(f"{name}: expected a list of numbers, {found}")
    return DtypeError(f"{name}: expected a number, {found} at {_at(path)}")


def _at(path: list[int]) -> str:
    return "".join(f"[{i}]" for i in path) or "the list"
