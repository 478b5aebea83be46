"""NPY, NumPy's array file: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError, FileFormatError
from dense_cli.limits import require_bytes
from dense_cli.sources.arrays import ArraySource, FileStore
from dense_cli.sources.formats import Request
from dense_cli.sources.npyheader import NpyHeader, read_header, require_numeric
from dense_cli.sources.source import Source, check_shape
from dense_cli.sources.stream import ByteStream
from dense_cli.sources.streamed import Chunk, StreamSource

_CHUNK = 1 << 20  # bytes of rows that a pipe is read by


def read(stream: ByteStream, request: Request) -> Source:
    """Read an NPY file: in place where it is a regular file, row by row where it is a pipe."""
    if request.key is not None:
        raise ConfigError(f"{stream.name}: --key picks a member of NPZ and JSON; an NPY has none")
    if not stream.peek(1):
        raise FileFormatError(f"{stream.name}: the file is empty, expected an NPY array")
    status = os.fstat(stream.file.fileno())
    base = stream.origin
    header = read_header(stream, stream.name)
    require_numeric(header.dtype, stream.name)
    if stat.S_ISREG(status.st_mode):
        check_size(header, status.st_size - base - header.data_offset, stream.name)
        if not header.fortran_order:
            shape = header.shape if len(header.shape) != 1 else (1, *header.shape)
            check_shape(shape, stream.name, stream.memory)
            store = FileStore(stream.file, stream.name, base + header.data_offset, header.dtype, shape[-1])
            return ArraySource.over(stream.name, store, shape[:-1])
    return from_stream(header, stream.readinto, stream.name, stream.memory)


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


def from_stream(
    header: NpyHeader, readinto: Callable[[NDArray[Any]], int], name: str, memory: int | None
) -> Source:
    """Return the rows that follow a header, read as they are asked for."""
    shape = header.shape if len(header.shape) != 1 else (1, *header.shape)
    check_shape(shape, name, memory)
    if header.fortran_order and len(header.shape) > 1:
        # Its rows do not stand together.
        require_bytes(header.nbytes, name, "an array in Fortran order, which is held whole,", memory)
        return ArraySource.of(name, _read_whole(header, readinto, name))

    lead, features = shape[:-1], shape[-1]
    total = int(np.prod(lead, dtype=np.int64))
    inner = math.prod(lead[1:])
    step = max(1, _CHUNK // (features * header.dtype.itemsize))

    def chunks() -> Iterator[Chunk]:
        for start in range(0, total, step):
            x = np.empty((min(step, total - start), features), header.dtype)
            if (got := readinto(x)) < x.nbytes:
                row = start + got // (features * header.dtype.itemsize)
                raise FileFormatError(
                    f"{name}: truncated: the data ended in row {row} of {total} (shape {header.shape})"
                )
            places = np.unravel_index(np.arange(start, start + len(x)), lead)
            whole = (start + len(x)) % inner == 0
            yield Chunk(x, np.stack(places, axis=1), whole=whole)

    return StreamSource(name, header.dtype, chunks(), shape)


def _read_whole(header: NpyHeader, readinto: Callable[[NDArray[Any]], int], name: str) -> NDArray[Any]:
    # Grown as the bytes arrive, so that a header that lies takes no memory.
    data = bytearray()
    piece = np.empty(min(header.nbytes, 1 << 20), np.uint8)
    while left := header.nbytes - len(data):
        wanted = piece[:left]
        got = readinto(wanted)
        data += wanted[:got].data
        if got < len(wanted):
            check_size(header, len(data), name)
    return np.frombuffer(data, header.dtype).reshape(header.shape, order="F")
