"""Rows of a tensor in a container of tensors, whatever the container."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import FileFormatError
from dense_cli.files.formats import Format, load, looks_like
from dense_cli.files.stream import ByteStream
from dense_cli.files.tensor import ReadInto, Tensor, Tensors, require_size
from dense_cli.sources.arrays import ArraySource, TensorStore
from dense_cli.sources.choose import choose
from dense_cli.sources.open import Request
from dense_cli.sources.source import Chunk, Source, check_shape

if TYPE_CHECKING:
    from dense_cli.sources.streamed import StreamSource

_CHUNK = 1 << 20  # bytes that a stream is read by: of rows, or of their places where these take more


def read(stream: ByteStream, request: Request, row: Format) -> Source:
    """Read one tensor of a container: in place where it can be had in part, as a stream, or whole.

    Raises:
        FileFormatError: the file is empty, in another format, or damaged.
        ConfigError: none of its tensors is meant, or several are.
    """
    start = stream.start(16)
    if not start:
        raise FileFormatError(f"{stream.name}: no data: the input is empty")
    if not row.fits(start):  # nothing else is worth a copy on the disk
        raise FileFormatError(f"{stream.name}: not {row.name}: it begins like {looks_like(start)}")
    assert row.tensors is not None
    tensors: Tensors = load(row.tensors)(stream.whole(), stream.memory)
    name = choose(tensors, request, stream.name)
    return tensor_source(
        tensors[name], f"{stream.name}[{name}]" if name else stream.name, stream.name, stream.memory
    )


def read_folder(path: str, request: Request, row: Format, memory: int | None) -> Source:
    """Read one tensor of a container that is a folder; the errors are those of `read`."""
    assert row.tensors is not None
    tensors: Tensors = load(row.tensors)(path, memory, request.note)
    name = choose(tensors, request, path)
    return tensor_source(tensors[name], f"{path}[{name}]" if name else path, path, memory)


def tensor_source(tensor: Tensor, name: str, file: str, memory: int | None) -> Source:
    """Return the rows of a tensor, a 1-D one being one row; ``name`` is what the source is called.

    Raises:
        ShapeError: it has no features.
        SizeError: a row, or what can only be read whole, takes more memory than is allowed.
    """
    shape = tensor.shape if len(tensor.shape) != 1 else (1, *tensor.shape)
    check_shape(shape, name, memory)
    if tensor.rows is not None:
        return ArraySource.over(name, TensorStore(tensor, shape[-1]), shape[:-1])
    if tensor.stream is not None:
        return stream_source(name, tensor.numbers, shape, tensor.stream())
    require_size(tensor, file, memory)
    return ArraySource.of(name, tensor.read())


def stream_source(
    name: str, dtype: np.dtype[Any], shape: tuple[int, ...], readinto: ReadInto
) -> StreamSource:
    """Return the rows of an array in C order whose numbers come as a stream, read as they are asked for."""
    lead, features = shape[:-1], shape[-1]
    total = math.prod(lead)
    inner = math.prod(lead[1:])
    step = max(1, _CHUNK // max(features * dtype.itemsize, 8 * len(lead)))

    def chunks() -> Iterator[Chunk]:
        for start in range(0, total, step):
            x: NDArray[Any] = np.empty((min(step, total - start), features), dtype)
            if (got := readinto(x)) < x.nbytes:
                row = start + got // (features * dtype.itemsize)
                raise FileFormatError(
                    f"{name}: truncated: the data ended in row {row} of {total} (shape {shape})"
                )
            places = np.unravel_index(np.arange(start, start + len(x)), lead)
            whole = (start + len(x)) % inner == 0
            yield Chunk(x, np.stack(places, axis=1), whole=whole)

    from dense_cli.sources.streamed import StreamSource

    return StreamSource(name, dtype, chunks(), shape)
