"""Nested lists (parsed JSON) → arrays, with errors that say where."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import DtypeError, ShapeError


def to_array(value: Any, name: str, *, nulls: bool = False) -> NDArray[Any]:
    """Return a nested list of numbers as an array.

    With ``nulls``, null is NaN: densecli writes it so.

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
        _explain(value, name, nulls)
        raise ShapeError(f"{name}: the lists are nested deeper than an array can be")
    if not array.size:
        if array.shape == (0,):
            raise ShapeError(f"{name}: no samples: the list is empty")
        raise ShapeError(f"{name}: expected features on the last axis, found none (shape {array.shape})")
    return array


def _explain(value: Any, name: str, nulls: bool) -> None:
    """Raise the error that names the first thing in ``value`` that keeps it from being an array."""
    # Depth first with a stack: a hostile nesting must not exhaust Python's.
    stack: list[tuple[Any, tuple[int, ...]]] = [(value, ())]
    widths: dict[int, tuple[int, str]] = {}
    leaf_depth: tuple[int, str] | None = None
    while stack:
        item, path = stack.pop()
        where = "".join(f"[{i}]" for i in path)
        if isinstance(item, list):
            if leaf_depth is not None and len(path) >= leaf_depth[0]:
                raise ShapeError(f"{name}: expected a number as at {leaf_depth[1]}, found a list at {where}")
            width = widths.setdefault(len(path), (len(item), where))
            if len(item) != width[0]:
                raise ShapeError(
                    f"{name}: ragged: {where or 'the list'} has length {len(item)}, "
                    f"{width[1] or 'the list'} has length {width[0]}: all rows must have the same length"
                )
            stack.extend((child, (*path, i)) for i, child in list(enumerate(item))[::-1])
        elif isinstance(item, (int, float)) or (item is None and nulls):
            if leaf_depth is None:
                leaf_depth = (len(path), where)
            if len(path) != leaf_depth[0] or len(path) in widths:
                raise ShapeError(
                    f"{name}: ragged: found a number at {where}, expected a list as elsewhere at that depth"
                )
        else:
            kinds = {str: "a string", dict: "an object", type(None): "null"}
            text = f" {item[:20]!r}" if isinstance(item, str) else ""
            found = f"found {kinds.get(type(item), 'something else')}{text}"
            if not path:
                raise DtypeError(f"{name}: expected a list of numbers, {found}")
            raise DtypeError(f"{name}: expected a number, {found} at {where}")
