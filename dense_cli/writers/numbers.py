"""Numbers as text: the shortest that read back to the same value in the array's dtype."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray


def row_texts(values: NDArray[Any]) -> list[bytes]:
    """Return each row of a (rows, n) array as JSON numbers with commas between; null for NaN and infinity.

    >>> row_texts(np.array([[0.1, 0.25], [1.0, np.nan]], dtype=np.float32))
    [b'0.1,0.25', b'1.0,null']
    """
    if not values.size:
        return [b""] * len(values)
    if values.dtype == np.float16:
        # orjson writes a float16 with a float32's digits; NumPy knows the shortest.
        values = values.astype(str).astype(np.float64)
    text = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)
    return text[2:-2].split(b"],[")


def class_texts(classes: NDArray[np.int64]) -> list[bytes]:
    """Return class numbers as JSON, null where a row has no class (-1)."""
    return [b"null" if c < 0 else b"%d" % c for c in classes.tolist()]


def measure_texts(values: NDArray[Any]) -> list[bytes]:
    """Return one measure of each row as JSON, null where a row has none (NaN, infinity, or rank 0)."""
    if values.dtype.kind == "i":
        return [b"%d" % n if n > 0 else b"null" for n in values.tolist()]
    return row_texts(values[:, None])


class Nest:
    """JSON text of a nested list, made from its innermost items and their places.

    >>> nest = Nest(2)
    >>> nest.add([b"1", b"2", b"3"], np.array([[0, 0], [0, 1], [1, 0]])) + nest.end()
    b'[[1,2],[3]]'
    """

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self._last: NDArray[np.int64] | None = None

    def add(self, items: list[bytes], places: NDArray[np.int64]) -> bytes:
        """Return the text of further items; ``places`` is (items, depth), in C order."""
        if not items:
            return b""
        if self._last is None:
            opening = b"[" * self.depth
        else:
            opening = self._between(int((places[0] != self._last).argmax()))
        self._last = places[-1]
        if self.depth == 1:
            return opening + b",".join(items)
        parts = [opening, items[0]]
        between = [self._between(axis) for axis in range(self.depth)]
        for axis, item in zip((places[1:] != places[:-1]).argmax(axis=1).tolist(), items[1:], strict=True):
            parts.append(between[axis])
            parts.append(item)
        return b"".join(parts)

    def _between(self, axis: int) -> bytes:
        """Return what stands between two items of which ``axis`` is the first that differs."""
        deep = self.depth - 1 - axis
        return b"]" * deep + b"," + b"[" * deep

    def end(self) -> bytes:
        """Return the closing brackets, or an empty list where there was no item."""
        return b"[]" if self._last is None else b"]" * self.depth
