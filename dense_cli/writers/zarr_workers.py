"""Rows of a Zarr array that workers of a cluster write by themselves, each into chunks that are its own.

In: the folder of the output, and the arrays in it. Out: results without the arrays that were written. No two
workers write to one chunk: where parts begin, chunks do.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.portable import flush_to_disk
from dense_cli.views.evaluate import Result
from dense_cli.views.select import owned

_TOKEN = ".densecli-token"  # noqa: S105 - what tells the folder from another one of its path
_MOST_ROWS = 1 << 18  # of the parts that begin where chunks do


class Chunks(NamedTuple):
    """Chunks of whole samples along the first axis.

    Attributes:
        rows: of a chunk.
        shape: of a chunk.
        dtype: of its numbers.
    """

    rows: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class WorkerWrites:
    """What becomes of a result on a worker: its arrays are written, where the folder of the output is there.

    Args:
        folder: that of the output, which has a token in it until `end`.
        arrays: those that may be written so, by their names.

    Attributes:
        unit: a multiple of so many rows is where a part may begin.
    """

    def __init__(self, folder: str, arrays: Mapping[str, Chunks]) -> None:
        self._folder = os.path.abspath(folder)
        units = math.lcm(*(chunks.rows for chunks in arrays.values()))
        self.arrays = dict(arrays) if units <= _MOST_ROWS else {}
        self.unit = units if self.arrays else 1
        self._token = os.urandom(16)
        self._is_here: bool | None = None
        if self.arrays:
            with open(os.path.join(self._folder, _TOKEN), "wb") as file:
                file.write(self._token)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_is_here": None}

    def __call__(self, result: Result) -> Result:
        """Return a result of its own memory, without the arrays that were written."""
        if self._is_here is None:
            self._is_here = self._sees_token()
        written = self.arrays.keys() & result.arrays.keys() if self._is_here else set()
        for name in written:
            self.write(name, result.arrays[name], result.block.start)
        result.arrays = {name: y for name, y in result.arrays.items() if name not in written}
        return owned(result)

    def _sees_token(self) -> bool:
        try:
            with open(os.path.join(self._folder, _TOKEN), "rb") as file:
                return file.read() == self._token
        except OSError:
            return False

    def write(self, name: str, rows: NDArray[Any], start: int) -> None:
        """Write rows of an array from row ``start`` on: chunks are made where they are not there."""
        chunks = self.arrays[name]
        rows = np.ascontiguousarray(rows, chunks.dtype)
        done = 0
        while done < len(rows):
            number, at = divmod(start + done, chunks.rows)
            some = rows[done : done + chunks.rows - at]
            zeros = (0,) * (len(chunks.shape) - 1)
            path = os.path.join(self._folder, name, "c", *map(str, (number, *zeros)))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b") as file:
                file.truncate(math.prod(chunks.shape) * chunks.dtype.itemsize)  # zeros beyond the edge
                file.seek(at * rows[0].nbytes)
                file.write(some.data)
                file.flush()
                flush_to_disk(file.fileno())
            done += len(some)

    def end(self) -> None:
        """Take the token away."""
        if self.arrays:
            os.unlink(os.path.join(self._folder, _TOKEN))
