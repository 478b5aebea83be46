"""Zarr 3: a group with every array of the view under its own name, in chunks of whole rows, uncompressed.

The format: https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

import numpy as np
import orjson
from numpy.typing import NDArray

from dense_cli.files.temporary import TemporaryFile
from dense_cli.portable import flush_to_disk
from dense_cli.run import Run
from dense_cli.sources.arrays import ArraySource
from dense_cli.text import axis_names
from dense_cli.views.evaluate import Result, View
from dense_cli.writers.npy import LeadShape, Npz, arrays_of, kind_of, lead_of, rows_of
from dense_cli.writers.writer import TableOptions
from dense_cli.writers.zarr_workers import Chunks, WorkerWrites

_CHUNK = 8 << 20  # bytes


class Zarr(Npz):
    """The arrays that an NPZ holds; rows wait in files only where the shape is not known before the end."""

    def __init__(self, out: Any, run: Run, view: View, table: TableOptions) -> None:
        super().__init__(out, run, view, table)
        self.workers: WorkerWrites | None = None
        # Parts of anything else need not begin where chunks do.
        if run.spread is not None and run.steps is None and isinstance(run.source, ArraySource):
            self.workers = run.on_workers = WorkerWrites(cast("str", out), dict(_of_workers(run, view)))

    def begin(self) -> None:
        """Write what says that the folder is a group."""
        self.folder = cast("str", self.out)
        _write_json(self.folder, {"zarr_format": 3, "node_type": "group", "attributes": {}})
        lead = lead_of(self.run)
        self.lead = LeadShape(lead, self.run.source)
        self.arrays: dict[str, _Array] = {}
        self.bodies: dict[str, BinaryIO] = {}
        for name in arrays_of(self.run):
            if None in lead:
                self.bodies[name] = TemporaryFile()
            else:
                self.arrays[name] = self._array(name, self.lead.end())

    def _array(self, name: str, lead: tuple[int, ...]) -> _Array:
        dtype, last = kind_of(self.run, name)
        return _Array(os.path.join(self.folder, name), (*lead, *last), len(lead), dtype)

    def write(self, result: Result) -> None:
        """Write the chunks that are full with these rows."""
        if self.bodies:
            super().write(result)
        for name, array in self.arrays.items():
            if self.workers is None or name not in self.workers.arrays:
                array.add(rows_of(result, name))
            elif name in result.arrays:
                self.workers.write(name, result.arrays[name], result.block.start)

    def end(self) -> None:
        """Write the rows that have waited."""
        if self.workers is not None:
            self.workers.end()
        lead = self.lead.end() if self.bodies else ()
        for name, body in self.bodies.items():
            array = self._array(name, lead)
            body.seek(0)
            for size in array.pieces():
                rows = np.frombuffer(body.read(size), array.dtype)
                array.add(rows.reshape(-1, *array.shape[array.axes :]))


def _of_workers(run: Run, view: View) -> Iterator[tuple[str, Chunks]]:
    """Give the arrays that workers may write: those of a row's numbers, in chunks of whole samples."""
    lead = tuple(n or 0 for n in lead_of(run))
    for name in view.arrays:
        dtype, last = kind_of(run, name)
        chunk = chunk_shape((*lead, *last), len(lead), dtype.itemsize)
        if name in arrays_of(run) and chunk[1 : len(lead)] == lead[1:]:
            yield name, Chunks(math.prod(chunk[: len(lead)]), chunk, dtype.newbyteorder("<"))


class _Array:
    """An array that is written row by row, a chunk whenever there are enough of them."""

    def __init__(self, folder: str, shape: tuple[int, ...], axes: int, dtype: np.dtype[Any]) -> None:
        self.folder = folder
        self.shape = shape
        self.axes = axes
        self.dtype = dtype.newbyteorder("<")
        self.chunk = chunk_shape(shape, axes, dtype.itemsize)
        self._runs = self._all_runs()
        self._held: list[NDArray[Any]] = []
        self._rows = 0
        self._place, self._wanted = next(self._runs, ((), 0))
        os.makedirs(folder, exist_ok=True)  # workers may have begun with its chunks
        _write_json(folder, self._metadata())

    def _metadata(self) -> dict[str, Any]:
        names = [*axis_names(self.axes), *["class"] * (len(self.shape) - self.axes)]
        return {
            "zarr_format": 3,
            "node_type": "array",
            "shape": self.shape,
            "data_type": self.dtype.name,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": self.chunk}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": self.dtype.type(0).item(),
            "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
            "attributes": {},
            "dimension_names": names,
        }

    def _all_runs(self) -> Iterator[tuple[tuple[int, ...], int]]:
        """Give the place of every chunk in C order, and how many rows it has."""
        split = next((axis for axis in range(self.axes) if self.chunk[axis] > 1), self.axes - 1)
        inner = math.prod(self.shape[split + 1 : self.axes])
        zeros = (0,) * (len(self.shape) - split - 1)
        size = self.chunk[split]
        if not math.prod(self.shape):
            return
        for outer in np.ndindex(self.shape[:split]):
            for number in range(-(-self.shape[split] // size)):
                rows = min(size, self.shape[split] - number * size) * inner
                yield (*outer, number, *zeros), rows

    def pieces(self) -> Iterator[int]:
        """Give the bytes of the rows of one chunk after another."""
        row = math.prod(self.shape[self.axes :]) * self.dtype.itemsize
        for _, rows in self._all_runs():
            yield rows * row

    def add(self, rows: NDArray[Any]) -> None:
        """Take further rows, in order."""
        self._held.append(np.array(rows, self.dtype, order="C"))  # a block's memory is used again
        self._rows += len(rows)
        while self._wanted and self._rows >= self._wanted:
            held = np.concatenate(self._held)
            self._write(held[: self._wanted])
            self._held, self._rows = [held[self._wanted :]], self._rows - self._wanted
            self._place, self._wanted = next(self._runs, ((), 0))

    def _write(self, rows: NDArray[Any]) -> None:
        """Write a chunk; what is beyond the edge of the array is zeros."""
        path = os.path.join(self.folder, "c", *map(str, self._place))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        beyond = math.prod(self.chunk) - rows.size
        with open(path, "wb") as file:
            file.write(rows.data)
            file.write(bytes(beyond * self.dtype.itemsize))
            file.flush()
            flush_to_disk(file.fileno())


def chunk_shape(shape: tuple[int, ...], axes: int, itemsize: int) -> tuple[int, ...]:
    """Return the shape of chunks that hold whole rows, as many as follow each other within 8 MiB.

    Where these are not all, a power of two, as blocks have it: chunks begin where blocks do.

    >>> chunk_shape((1000, 50, 1000), 2, 4), chunk_shape((9, 10**6, 1000), 2, 4)
    ((40, 50, 1000), (1, 2048, 1000))
    """
    last = shape[axes:]
    room = 1 << max(_CHUNK // (math.prod(last) * itemsize or 1), 1).bit_length() - 1
    chunk: list[int] = []
    for size in reversed(shape[:axes]):
        chunk.insert(0, max(min(size, room), 1))
        room = room // size if 0 < size <= room else 1
    return (*chunk, *(size or 1 for size in last))


def _write_json(folder: str, value: Any) -> None:
    with open(os.path.join(folder, "zarr.json"), "wb") as file:
        file.write(orjson.dumps(value, option=orjson.OPT_INDENT_2))
        file.flush()
        flush_to_disk(file.fileno())
