"""NPY and NPZ, written row by row; rows wait in a file where the shape is known only at the end."""

from __future__ import annotations

import os
import shutil
import stat
import zipfile
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from dense_cli.dense import compute_dtype
from dense_cli.errors import ShapeError
from dense_cli.files.temporary import TemporaryFile
from dense_cli.run import Run
from dense_cli.sources.source import Source, named
from dense_cli.views.evaluate import Result, View
from dense_cli.writers.writer import TableOptions, Writer

_HEADER = 128  # bytes: what numpy.save writes for arrays of a few axes


def npy_header(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    """Return the NPY header of a C-order array, padded to a length that does not depend on the shape."""
    text = (
        f"{{'descr': {np.lib.format.dtype_to_descr(dtype)!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    )
    length = -(-(10 + len(text) + 1) // _HEADER) * _HEADER - 10
    return (
        b"\x93NUMPY\x01\x00" + length.to_bytes(2, "little") + text.ljust(length - 1).encode("latin1") + b"\n"
    )


class _Forwards:
    """An output that zipfile writes without going back: a device, which is at place 0 wherever it is."""

    def __init__(self, out: BinaryIO) -> None:
        self.write = out.write
        self.flush = out.flush


def new_archive(out: BinaryIO) -> zipfile.ZipFile:
    """Return an uncompressed zip archive that is written to ``out``, be it a file, a pipe or a device."""
    try:
        regular = stat.S_ISREG(os.fstat(out.fileno()).st_mode)
    except OSError:  # not a file of the system's
        regular = True
    target: Any = out if regular else _Forwards(out)
    return zipfile.ZipFile(target, "w", zipfile.ZIP_STORED)


class LeadShape:
    """The shape of all axes before the classes, gathered from the places of rows that all have one shape.

    Raises:
        ShapeError: a sample differs in shape from those before; the message says which.
    """

    def __init__(self, known: tuple[int | None, ...], source: Source) -> None:
        self._known = known
        self._source = source
        self._sample: tuple[int, ...] | None = None
        self._first = self._number = -1
        self._count = self._samples = 0
        self._inner = np.empty(0, np.int64)  # where a time step of this sample begins on further axes
        self._sizes = np.zeros(len(known) - 1, np.int64)

    def add(self, places: NDArray[np.int64]) -> None:
        """Take the places of further rows, in order."""
        if None not in self._known or not len(places):
            return
        starts = np.flatnonzero(np.diff(places[:, 0], prepend=-1))
        for number, rows in zip(places[starts, 0].tolist(), np.split(places[:, 1:], starts[1:]), strict=True):
            if number != self._number:
                self._end_sample()
                self._number, self._samples = number, self._samples + 1
                self._inner = rows[0, 1:].copy()
            if rows.shape[1]:
                # Time steps that were picked keep their numbers, and may come twice.
                self._sizes[0] += np.count_nonzero((rows[:, 1:] == self._inner).all(axis=1))
                self._sizes[1:] = np.maximum(self._sizes[1:], rows[:, 1:].max(axis=0) + 1)
            self._count += len(rows)

    def _end_sample(self) -> None:
        if self._number < 0:
            return
        shape = tuple(self._sizes.tolist())
        if self._sample is None:
            self._sample, self._first = shape, self._number
        if shape != self._sample or self._count != int(np.prod(shape, dtype=np.int64)):
            name, (number, *_) = named(self._source, (self._number,))
            first = f"sample {self._first}" if self._source.pieces is None else "the first of all"
            raise ShapeError(
                f"{name}: an array needs samples of one shape: sample {number} "
                f"(line {number + 1}, blank lines not counted) has {_steps(shape)}, "
                f"{first} has {_steps(self._sample)}",
                hint="JSON Lines (-f jsonl), JSON, CSV and Parquet take samples of any length",
            )
        self._sizes = np.zeros_like(self._sizes)
        self._count = 0

    def end(self) -> tuple[int, ...]:
        """Return the shape when all rows have been added."""
        if None not in self._known:
            return tuple(n or 0 for n in self._known)
        self._end_sample()
        return (self._samples, *(self._sample or (0,) * (len(self._known) - 1)))


def _steps(shape: tuple[int, ...]) -> str:
    if len(shape) != 1:
        return f"shape {shape}"
    return f"{shape[0]} time step{'s' * (shape[0] != 1)}"


class Npy(Writer):
    """The shown array: (batch, time, …, classes), (…, k) with the likeliest, (batch, time, …) for classes."""

    def begin(self) -> None:
        self.lead = LeadShape(lead_of(self.run), self.run.source)
        self.name = _shown(self.run)
        self.dtype, self.last = kind_of(self.run, self.name)
        self.known = None not in self.run.shape
        self.body: IO[bytes] = self.out if self.known else TemporaryFile()
        if self.known:
            self.out.write(npy_header((*self.lead.end(), *self.last), self.dtype))

    def write(self, result: Result) -> None:
        if not self.known:
            self.lead.add(places_of(self.run, result))
        self.body.write(np.ascontiguousarray(rows_of(result, self.name), self.dtype).data)

    def end(self) -> None:
        if not self.known:
            self.out.write(npy_header((*self.lead.end(), *self.last), self.dtype))
            self.body.seek(0)
            shutil.copyfileobj(self.body, self.out, 1 << 20)


class Npz(Writer):
    """Every array of the view under its own name, uncompressed, as numpy.savez writes them."""

    @classmethod
    def wants(cls, run: Run, table: TableOptions) -> View:
        """Return the view of ``run`` with the probabilities beside the logits."""
        view = super().wants(run, table)
        both = view.show == "logits" and not view.top
        return view._replace(arrays=("probabilities", "logits")) if both else view

    def begin(self) -> None:
        self.lead = LeadShape(lead_of(self.run), self.run.source)
        self.bodies: dict[str, BinaryIO] = {name: TemporaryFile() for name in arrays_of(self.run)}

    def write(self, result: Result) -> None:
        self.lead.add(places_of(self.run, result))
        for name, body in self.bodies.items():
            body.write(np.ascontiguousarray(rows_of(result, name), kind_of(self.run, name)[0]).data)

    def end(self) -> None:
        lead = self.lead.end()
        with new_archive(self.out) as archive:
            for name, body in self.bodies.items():
                dtype, last = kind_of(self.run, name)
                # A fixed date: the same input gives the same bytes.
                with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                    member.write(npy_header((*lead, *last), dtype))
                    body.seek(0)
                    shutil.copyfileobj(body, member, 1 << 20)


def arrays_of(run: Run) -> list[str]:
    """Return the names of the arrays that an NPZ of ``run`` holds."""
    shown = run.view.values
    names = ["probabilities", "logits"] if shown == "logits" else [] if shown == "classes" else [shown]
    if run.view.top:
        names = [*([] if shown == "classes" else [f"top_{shown}"]), "top_classes"]
    return [*names, *["classes"] * (not run.shows_values), *(["mask"] if run.masked else []), *run.measures]


def lead_of(run: Run) -> tuple[int | None, ...]:
    """Return the output's shape without classes; one time step asked for by its index has no time axis."""
    lead = run.shape[:-1]
    return lead if run.keeps_time else (lead[0], *lead[2:])


def places_of(run: Run, result: Result) -> NDArray[np.int64]:
    """Return where rows stand on the axes that `lead_of` has."""
    places = result.places
    return places if run.keeps_time else np.delete(places, 1, axis=1)


def _shown(run: Run) -> str:
    if run.view.top:
        return "top_classes" if run.view.show == "classes" else f"top_{run.view.values}"
    return run.view.values


def kind_of(run: Run, name: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Return the dtype and the last axis of an array."""
    if name == "mask":
        return np.dtype(np.bool_), ()
    if name in run.measures:
        return np.dtype(np.int64) if name == "rank" else compute_dtype(run.dtype), ()
    last = () if name == "classes" else (run.view.top,) if run.view.top else (run.shape[-1] or 0,)
    return (np.dtype(np.int64) if name.endswith("classes") else run.dtype), last


def rows_of(result: Result, name: str) -> NDArray[Any]:
    """Return the rows of an array by its name."""
    if name == "classes":
        return result.classes
    if name == "mask":
        assert result.mask is not None
        return result.mask
    if name in result.measures:
        return result.measures[name]
    found = (
        result.top_classes
        if name == "top_classes"
        else result.top_values
        if name.startswith("top_")
        else None
    )
    return result.arrays[name] if found is None else found
