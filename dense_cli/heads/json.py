"""Heads written as JSON: ``{"kernel": [[…]], "bias": […]}``, alone or by the names of heads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from dense_cli.errors import DtypeError, FileFormatError, ShapeError
from dense_cli.heads.head import Heads, Tensor
from dense_cli.heads.pairs import find_heads
from dense_cli.limits import TEXT_COST, require_bytes

_MAX_NAMES = 64 << 20  # characters of all names together


def read(file: str, memory: int | None = None) -> Heads:
    """Return the heads of a JSON file.

    Raises:
        FileFormatError: not JSON, not an object, a shard index, or an object without a kernel.
        ShapeError: a ragged list.
        DtypeError: a list of anything but numbers.
        SizeError: more JSON than fits the memory that is allowed.
    """
    require_bytes(os.stat(file).st_size * TEXT_COST, file, "JSON of that length", memory)
    with open(file, "rb") as stream:
        text = stream.read()
    try:
        value = orjson.loads(text.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise FileFormatError(f"{file}: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise FileFormatError(
            f"{file}: expected an object with kernel and bias, found a {type(value).__name__}"
        )
    if "weight_map" in value:
        raise FileFormatError(
            f"{file}: the index of sharded weights: densecli reads one file",
            hint="give the shard that holds the head: the index names it",
        )
    tensors: dict[str, list[Any]] = {}
    try:
        letters = 0
        for name, item in _named(value, ""):
            letters += len(name)
            if letters > _MAX_NAMES:
                raise FileFormatError(f"{file}: expected at most {_MAX_NAMES} characters of names of heads")
            tensors[name] = item
    except RecursionError as error:
        raise FileFormatError(f"{file}: nested too deeply for a table of heads") from error
    return find_heads(tensors, lambda name: _tensor(file, name, tensors[name]), file)


def _named(value: dict[str, Any], prefix: str) -> Iterator[tuple[str, list[Any]]]:
    """Give the lists of an object, by their names after those of the objects around them."""
    for key, item in value.items():
        if isinstance(item, dict):
            yield from _named(item, f"{prefix}{key}/")
        elif isinstance(item, list):
            yield prefix + key, item


def _tensor(file: str, name: str, value: list[Any]) -> Tensor:
    shape: tuple[int, ...] = ()
    level: Any = value
    while isinstance(level, list):
        shape += (len(level),)
        level = level[0] if level else None
    return Tensor(name, shape, "float64", lambda: _array(value, shape, f"{file}: {name}"))


def _array(value: list[Any], shape: tuple[int, ...], where: str) -> NDArray[np.float64]:
    rows = value if len(shape) == 2 else [value]
    for at, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != shape[-1]:
            found = f"length {len(row)}" if isinstance(row, list) else f"a {type(row).__name__}"
            raise ShapeError(f"{where}: ragged: row {at} has {found}, the first has length {shape[-1]}")
        for column, number in enumerate(row):
            if type(number) is not float and type(number) is not int:
                index = f"[{at}][{column}]" if len(shape) == 2 else f"[{column}]"
                raise DtypeError(f"{where}{index}: expected a number, found a {type(number).__name__}")
    return np.array([float(number) for row in rows for number in row]).reshape(shape)
