"""NPY, NumPy's array file: its header, read within bounds before any of the array is, and its numbers.

NumPy parses the header. What is checked before it: the version, the length (NumPy would read as much as is
claimed), and that a pipe gives it in pieces; and after it: what NumPy lets through (bools as sizes, objects,
sizes beyond what can be addressed).

The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import io
import math
import struct
import warnings
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from dense_cli.errors import FileFormatError
from dense_cli.files.dtypes import require_numeric
from dense_cli.files.stream import File, Section
from dense_cli.files.tensor import Extent, Tensors
from dense_cli.text import clip

MAGIC = b"\x93NUMPY"
MAX_HEADER = 10_000  # numpy.load's own limit
_MAX_BYTES = 2**63 - 1  # what an offset into a file can address
_LENGTH = {1: "<H", 2: "<I", 3: "<I"}


class Readable(Protocol):
    """Anything with ``read(n)``: a file, a pipe, a member of a zip archive."""

    def read(self, n: int, /) -> bytes:
        """Return at most ``n`` bytes."""


@dataclass(frozen=True)
class NpyHeader:
    """What an NPY header says; ``data_offset`` counts from the first byte of the magic."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran_order: bool
    data_offset: int

    @property
    def nbytes(self) -> int:
        """Bytes of the array's data."""
        return math.prod(self.shape) * self.dtype.itemsize

    def extent(self, file: File, offset: int) -> Extent:
        """Return the array whose numbers begin at ``offset`` of a file."""
        order: Literal["C", "F"] = "F" if self.fortran_order and len(self.shape) > 1 else "C"
        return Extent.of(file, offset, self.shape, self.dtype, order)


def tensors(file: File, memory: int | None = None) -> Tensors:
    """Return the one array of an NPY file, under the name ``""``.

    Raises:
        FileFormatError: the header is damaged, or claims more than the file holds.
        DtypeError: it does not hold real numbers.
    """
    header = read_header(Section(file), file.label)
    require_numeric(header.dtype, file.label)
    check_size(header, file.size - header.data_offset, file.label)
    extent = header.extent(file, header.data_offset)
    return Tensors([""], extent.tensor)


def check_size(header: NpyHeader, found: int, name: str) -> None:
    """Hold the size that a header claims against the bytes that are there.

    Raises:
        FileFormatError: there are fewer.
    """
    expected = header.nbytes
    if found < expected:
        raise FileFormatError(
            f"{name}: truncated: expected {expected} bytes of data for shape {header.shape} "
            f"of {header.dtype}, found {found}"
        )


def read_header(stream: Readable, name: str) -> NpyHeader:
    """Return the header of the NPY array that starts where ``stream`` stands, and leave it at the data.

    Args:
        stream: bytes of versions 1.0, 2.0 or 3.0 of the format.
        name: what the array is called in messages, such as ``"x.npy"`` or ``"w.npz: kernel"``.

    Raises:
        FileFormatError: no NPY magic, or a header that is cut short, too long, or says something impossible.
        DtypeError: an array of objects (a pickle), or a structured one.

    >>> import io
    >>> buffer = io.BytesIO()
    >>> np.save(buffer, np.zeros((2, 3), dtype=">f4"))
    >>> _ = buffer.seek(0)
    >>> read_header(buffer, "x.npy")
    NpyHeader(shape=(2, 3), dtype=dtype('>f4'), fortran_order=False, data_offset=128)
    """
    start = _exactly(stream, 8, name)
    if start[:6] != MAGIC:
        raise FileFormatError(f"{name}: not an NPY array: expected the magic {MAGIC!r}, found {start[:6]!r}")
    major, minor = start[6], start[7]
    if major not in _LENGTH or minor != 0:
        raise FileFormatError(f"{name}: NPY header version {major}.{minor}: expected 1.0, 2.0 or 3.0")
    width = struct.calcsize(_LENGTH[major])
    (length,) = struct.unpack(_LENGTH[major], _exactly(stream, width, name))
    if length > MAX_HEADER:
        raise FileFormatError(
            f"{name}: NPY header too long: expected at most {MAX_HEADER} bytes, found {length}"
        )
    shape, fortran_order, dtype = _parse(_exactly(stream, length, name), name)
    header = NpyHeader(shape, dtype, fortran_order, 8 + width + length)
    # Without its zeros: NumPy, too, multiplies the others.
    if math.prod(n for n in shape if n) * max(dtype.itemsize, 1) > _MAX_BYTES:
        raise FileFormatError(f"{name}: NPY header claims an impossible size: {shape} of {dtype}")
    return header


def _parse(raw: bytes, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, order and dtype of a header: a Python literal, evaluated as one, which calls nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about headers of Python 2, and deprecated spellings of dtypes
            # Versions differ in the width of the length and in the names of structured dtypes.
            header = io.BytesIO(struct.pack("<I", len(raw)) + raw)
            shape, fortran_order, dtype = np.lib.format.read_array_header_2_0(header, MAX_HEADER)
    except Exception as error:  # ValueError, RecursionError, TokenError …: what odd literals make of parsers
        reason = clip(" ".join(str(error).split()) or type(error).__name__, 120)
        raise FileFormatError(f"{name}: invalid NPY header: {reason}") from error
    if any(type(n) is not int or n < 0 for n in shape) or len(shape) > 32:
        raise FileFormatError(
            f"{name}: invalid NPY header: expected a shape of at most 32 sizes, found {clip(str(shape), 60)}"
        )
    if dtype.hasobject:
        require_numeric(dtype, name)
    return shape, fortran_order, dtype


def _exactly(stream: Readable, n: int, name: str) -> bytes:
    """Return ``n`` bytes; a pipe may give them in pieces."""
    got = b""
    while len(got) < n:
        piece = stream.read(n - len(got))
        if not piece:
            raise FileFormatError(
                f"{name}: truncated NPY header: expected {n} bytes, found {len(got)}"
                if got
                else f"{name}: truncated or empty: the file ends where an NPY header is expected"
            )
        got += piece
    return got
