"""The header of an NPY array, read within bounds: what an array claims to be, before any of it is read.

The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import ast
import math
import re
import struct
import warnings
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from dense_cli.errors import DtypeError, FileFormatError

MAGIC = b"\x93NUMPY"
MAX_HEADER = 10_000  # numpy.load's own limit
_MAX_BYTES = 2**63 - 1  # what an offset into a file can address
_LENGTH = {1: "<H", 2: "<I", 3: "<I"}
_KEYS = {"descr", "fortran_order", "shape"}
_PYTHON2_LONG = re.compile(r"(?<=[0-9])L(?=[,)])")


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
    raw = _exactly(stream, length, name)
    fields = _parse(raw, "utf-8" if major == 3 else "latin-1", name)
    shape = _shape(fields["shape"], name)
    dtype = _dtype(fields["descr"], name)
    if not isinstance(fields["fortran_order"], bool):
        raise FileFormatError(f"{name}: NPY header: fortran_order is neither True nor False")
    header = NpyHeader(shape, dtype, fields["fortran_order"], 8 + width + length)
    # Without its zeros: NumPy, too, multiplies the others.
    if math.prod(n for n in shape if n) * max(dtype.itemsize, 1) > _MAX_BYTES:
        raise FileFormatError(f"{name}: NPY header claims an impossible size: {_glimpse(shape)} of {dtype}")
    return header


def require_numeric(dtype: np.dtype[Any], name: str) -> None:
    """Raise DtypeError unless ``dtype`` is one of booleans, integers or real floating-point numbers.

    >>> require_numeric(np.dtype("int8"), "x.npy")
    >>> require_numeric(np.dtype("complex64"), "x.npy")
    Traceback (most recent call last):
        ...
    dense_cli.errors.DtypeError: x.npy: complex numbers (dtype complex64): expected real numbers
    """
    if dtype.kind in "biuf":
        return
    if dtype.hasobject:
        raise DtypeError(f"{name}: object array (a pickle): never loaded")
    if dtype.names is not None:
        found = "structured array"
    else:
        found = {
            "c": "complex numbers",
            "U": "strings",
            "S": "byte strings",
            "M": "dates",
            "m": "time differences",
        }.get(dtype.kind, "raw bytes (void)")
    raise DtypeError(f"{name}: {found} (dtype {_glimpse(dtype)}): expected real numbers")


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


def _parse(raw: bytes, encoding: str, name: str) -> dict[str, Any]:
    """Return the header's dictionary: a Python literal, so evaluated as one, which calls nothing."""
    try:
        text = _PYTHON2_LONG.sub("", raw.decode(encoding))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's own, about odd literals in the text
            fields = ast.literal_eval(text.strip())
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        raise FileFormatError(
            f"{name}: invalid NPY header: expected a dictionary of literals, found {_glimpse(raw)}"
        ) from error
    if not isinstance(fields, dict) or set(fields) != _KEYS:
        raise FileFormatError(
            f"{name}: invalid NPY header: expected exactly the keys {', '.join(sorted(_KEYS))}, "
            f"found {_glimpse(raw)}"
        )
    return fields


def _shape(shape: object, name: str) -> tuple[int, ...]:
    if not isinstance(shape, tuple) or not all(type(n) is int for n in shape):
        raise FileFormatError(f"{name}: invalid NPY header: the shape is not a tuple of integers")
    if any(n < 0 for n in shape):
        raise FileFormatError(
            f"{name}: invalid NPY header: negative dimension in the shape {_glimpse(shape)}"
        )
    if len(shape) > 32:
        raise FileFormatError(f"{name}: invalid NPY header: {len(shape)} dimensions, expected at most 32")
    return shape


def _dtype(descr: object, name: str) -> np.dtype[Any]:
    if isinstance(descr, list | tuple):
        raise DtypeError(f"{name}: structured array (dtype {_glimpse(descr)}): expected real numbers")
    try:
        if not isinstance(descr, str):
            raise TypeError("not a string")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecated spellings are judged by what they give
            dtype = np.dtype(descr)
    except (TypeError, ValueError, SyntaxError, OverflowError, MemoryError) as error:
        raise FileFormatError(f"{name}: NPY header: unknown dtype (descr) {_glimpse(descr)}") from error
    if dtype.hasobject:
        require_numeric(dtype, name)
    return dtype


def _glimpse(value: object, width: int = 60) -> str:
    """Return the start of ``repr(value)``: messages stay one short line whatever the file holds."""
    if isinstance(value, np.dtype):
        text = str(value)
    else:
        text = repr(value[: 2 * width]) if isinstance(value, str | bytes) else repr(value)
    return text if len(text) <= width else text[: width - 1] + "…"
