"""NPY: in place from a file, row by row from a pipe.

In: a stream. Out: an `ArraySource`, or a `StreamSource` of a pipe.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError, DtypeError, FileFormatError
from dense_cli.files.dtypes import BITS, require_numeric
from dense_cli.files.npy import NpyHeader, check_size, read_header
from dense_cli.files.stream import ByteStream, Section
from dense_cli.limits import require_bytes
from dense_cli.sources.arrays import ArraySource
from dense_cli.sources.open import Request
from dense_cli.sources.source import Source, check_shape
from dense_cli.sources.tensors import stream_source, tensor_source


def read(stream: ByteStream, request: Request) -> Source:
    """Read an NPY file; one in Fortran order, whose rows do not stand together, is held whole."""
    name, memory = stream.name, stream.memory
    if request.key is not None:
        raise ConfigError(f"{name}: --key picks one of several arrays; an NPY has one")
    if not stream.peek(1):
        raise FileFormatError(f"{name}: the file is empty, expected an NPY array")
    if request.dtype is not None:
        return _bits(stream, request.dtype)
    header = read_header(stream, name)
    _require_numbers(header.dtype, name)
    if stream.regular:
        start = stream.origin + header.data_offset
        check_size(header, stream.file.size - start, name)
        if not header.fortran_order:
            return tensor_source(header.extent(stream.file, start).tensor(""), name, name, memory)
    shape = header.shape if len(header.shape) != 1 else (1, *header.shape)
    check_shape(shape, name, memory)
    if not header.fortran_order or len(header.shape) == 1:
        return stream_source(name, header.dtype, shape, stream.readinto)
    require_bytes(header.nbytes, name, "an array in Fortran order, which is held whole,", memory)
    return ArraySource.of(name, _read_whole(header, stream))


def _require_numbers(dtype: np.dtype[Any], name: str) -> None:
    if dtype.kind == "V" and dtype.names is None and dtype.itemsize < 3:
        raise DtypeError(
            f"{name}: raw bytes (dtype {dtype}): expected real numbers",
            hint="NumPy saves bfloat16 and float8 so: --input-dtype says which it is",
        )
    require_numeric(dtype, name)


def _bits(stream: ByteStream, dtype: str) -> Source:
    """Read the raw bytes of an NPY as numbers that NumPy has no dtype for."""
    file, name = stream.whole(), stream.name
    header = read_header(Section(file), name)
    size = np.dtype(BITS[dtype]).itemsize
    if header.dtype.kind != "V" or header.dtype.itemsize != size:
        raise DtypeError(f"{name}: --input-dtype {dtype}: expected raw bytes (V{size}), found {header.dtype}")
    check_size(header, file.size - header.data_offset, name)
    extent = replace(header.extent(file, header.data_offset), dtype=dtype, byte_order="<")
    return tensor_source(extent.tensor(""), name, name, stream.memory)


def _read_whole(header: NpyHeader, stream: ByteStream) -> NDArray[Any]:
    # Grown as the bytes arrive, so that a header that lies takes no memory.
    data = bytearray()
    piece = np.empty(min(header.nbytes, 1 << 20), np.uint8)
    while left := header.nbytes - len(data):
        wanted = piece[:left]
        got = stream.readinto(wanted)
        data += wanted[:got].data
        if got < len(wanted):
            check_size(header, len(data), stream.name)
    return np.frombuffer(data, header.dtype).reshape(header.shape, order="F")
