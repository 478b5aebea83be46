"""Tensors of an ONNX file: in the file itself, or external data in a file beside it, inside its folder."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import FileFormatError
from dense_cli.files.beside import beside
from dense_cli.files.dtypes import require_numeric
from dense_cli.files.stream import open_file
from dense_cli.files.tensor import Tensor

_EXTERNAL = 1  # TensorProto.EXTERNAL


def stored_tensor(proto: Any, name: str, file: str) -> Tensor:
    """Return a tensor whose numbers are read when they are needed.

    Types that NumPy does not have are read as wider ones: bfloat16 and float8 as float32, int4 as int8.

    Raises:
        FileFormatError: a shape or a dtype that is none; on reading, numbers that are not all there.
    """
    import onnx

    where = f"{file}: {name}"
    shape = tuple(proto.dims)
    if any(n < 0 for n in shape):
        raise FileFormatError(f"{where}: negative dimension in the shape {shape}")
    try:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(proto.data_type)
    except (KeyError, ValueError) as error:
        raise FileFormatError(f"{where}: unknown ONNX dtype {proto.data_type}") from error

    def array() -> NDArray[Any]:
        if _wider(dtype.name) is None:
            require_numeric(dtype, where)
        if proto.data_location == _EXTERNAL or proto.external_data:
            value = _external(proto, shape, dtype, file, where)
        else:
            value = _inside(proto, shape, dtype, where)
        wider = _wider(dtype.name)
        return value if wider is None else value.astype(wider)

    return Tensor(name, shape, dtype.name, array)


def _wider(dtype: str) -> str | None:
    """Return the NumPy dtype that holds all values of one that NumPy does not have, else None."""
    if dtype == "bfloat16" or dtype.startswith(("float8", "float4")):
        return "float32"
    return {"int4": "int8", "int2": "int8", "uint4": "uint8", "uint2": "uint8"}.get(dtype)


def _inside(proto: Any, shape: tuple[int, ...], dtype: np.dtype[Any], where: str) -> NDArray[Any]:
    import onnx

    bits = _bits(dtype)
    nbytes = -(-math.prod(shape) * bits // 8)
    if proto.raw_data and len(proto.raw_data) != nbytes:
        raise FileFormatError(
            f"{where}: shape {shape} of {dtype} is {nbytes} bytes, found {len(proto.raw_data)}"
        )
    try:
        return np.asarray(onnx.numpy_helper.to_array(proto))
    except Exception as error:  # whatever a damaged tensor makes of the library
        raise FileFormatError(f"{where}: damaged tensor: {str(error)[:200]}") from error


def _bits(dtype: np.dtype[Any]) -> int:
    packed = {"int4": 4, "uint4": 4, "float4_e2m1fn": 4, "int2": 2, "uint2": 2}
    return packed.get(dtype.name, 8 * dtype.itemsize)


def _external(
    proto: Any, shape: tuple[int, ...], dtype: np.dtype[Any], file: str, where: str
) -> NDArray[Any]:
    """Read external data, sizes being held against the file first.

    Raises:
        FileFormatError: outside of the model's folder, not a regular file, or not as long as it must be.
    """
    told = {entry.key: entry.value for entry in proto.external_data}
    location = str(told.get("location", ""))
    data = beside(file, location, f"{where}: external data")
    try:
        offset = int(told.get("offset", 0))
        length = int(told.get("length", -1))
    except ValueError:
        raise FileFormatError(f"{where}: external data: offset and length are no numbers") from None
    if _bits(dtype) < 8:
        raise FileFormatError(f"{where}: external data of {dtype}: expected whole bytes")
    nbytes = math.prod(shape) * dtype.itemsize
    if length not in (-1, nbytes):
        raise FileFormatError(
            f"{where}: shape {shape} of {dtype} is {nbytes} bytes, its length says {length}"
        )
    opened = open_file(data)
    size = opened.size
    if offset < 0 or offset + nbytes > size:
        raise FileFormatError(
            f"{where}: external data at {offset} of {nbytes} bytes: {location!r} has {size} bytes"
        )
    # ONNX stores little-endian numbers.
    stored = dtype.newbyteorder("<") if dtype.kind in "iufb" else dtype
    numbers = np.empty(math.prod(shape), stored)
    opened.fill(numbers, offset)
    return numbers.reshape(shape)
