"""NPY: in place from a file, row by row from a pipe."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError, FileFormatError
from dense_cli.files.dtypes import require_numeric
from dense_cli.files.npy import NpyHeader, check_size, read_header
from dense_cli.files.stream import ByteStream
from dense_cli.limits import require_bytes
from dense_cli.sources.arrays import ArraySource
from dense_cli.sources.open import Request
from dense_cli.sources.source import Source, check_shape
from dense_cli.sources.tensors import stream_source, tensor_source


def read(stream: ByteStream, request: Request) -> Source:
    """Read an NPY file; one in Fortran order, whose rows do not stand together, is held whole."""
    name, memory = stream.name, stream.memory
    if request.key is not None:
        raise ConfigError(f"{name}: --key picks a member of NPZ and JSON; an NPY has none")
    if not stream.peek(1):
        raise FileFormatError(f"{name}: the file is empty, expected an NPY array")
    header = read_header(stream, name)
    require_numeric(header.dtype, name)
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
