"""The order in which the axes of an input stand, where it is not (batch, time, …, features).

In: a source as its file has it, and the names of its axes. Out: an `ArraySource` in the usual order.
"""

from __future__ import annotations

import math

import numpy as np

from dense_cli.errors import ConfigError, ShapeError
from dense_cli.limits import require_bytes
from dense_cli.sources.arrays import ArraySource
from dense_cli.sources.source import Source

_LAST = ("features", "classes")


def arrange_axes(source: Source, text: str, memory: int | None = None) -> Source:
    """Return a source with the axes batch, time, further ones in their order, and features last.

    Where there is no batch, the input is one sample. An input whose axes must change places is read whole.

    Args:
        source: what was read.
        text: the name of each axis, with commas between them: ``batch``, ``time``, ``features`` or
            ``classes``, and any other names.
        memory: bytes that what is read whole may take; 4 GiB always may.

    Raises:
        ConfigError: a name stands twice, or none of ``features`` and ``classes`` does.
        ShapeError: there are more or fewer axes than names, or samples differ in length.
        SizeError: the input takes more memory than is allowed.

    >>> x = ArraySource.of("x", np.zeros((5, 2, 3)))
    >>> arrange_axes(x, "time,batch,classes").shape
    (2, 5, 3)
    >>> arrange_axes(ArraySource.of("x", np.zeros((5, 3))), "time, classes").shape
    (1, 5, 3)
    """
    names = _names(text)
    shape = source.shape
    if len(names) != len(shape):
        raise ShapeError(f"{source.name}: --axes names {len(names)} axes, and there are {len(shape)}")
    order = _order(names)
    if order == sorted(order) and "batch" in names:
        return source
    array = _read(source, memory).transpose(order)
    return ArraySource.of(source.name, array if "batch" in names else array[None])


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ConfigError(f"--axes {text}: {twice[0]!r} stands twice")
    if "" in names or sum(name in names for name in _LAST) != 1:
        raise ConfigError(
            f"--axes {text}: expected a name for each axis, one of them features or classes, "
            "such as time,batch,classes"
        )
    return names


def _order(names: list[str]) -> list[int]:
    """Return where the axes stand that come first, then the further ones, then the last."""
    first = [name for name in ("batch", "time") if name in names]
    others = [name for name in names if name not in first and name not in _LAST]
    (last,) = [name for name in names if name in _LAST]
    return [names.index(name) for name in (*first, *others, last)]


def _read(source: Source, memory: int | None) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    """Return all rows of a source in the shape of its file."""
    parts, places, size = [], [], 0
    for block in source.blocks(1 << 12):
        size += block.x.nbytes
        require_bytes(2 * size, source.name, "an input whose axes change places", memory)
        parts.append(np.array(block.x))
        places.append(block.places())
    if not parts:
        return np.empty(tuple(n or 0 for n in source.shape))
    x, at = np.concatenate(parts), np.concatenate(places)
    lead = tuple((at.max(axis=0) + 1).tolist())
    if math.prod(lead) != len(x):
        raise ShapeError(f"{source.name}: --axes needs one shape, and samples differ in length")
    return x.reshape(*lead, x.shape[-1])
